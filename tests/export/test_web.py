import gzip
import json
import shutil
import urllib.error
import urllib.request

import pytest
from page_server import serving

from export import cli, web


@pytest.fixture
def small_bundle(tmp_path):
    """The files that the page takes from a bundle, without a model in them."""
    folder = tmp_path / "bundle"
    browser = folder / "litert" / "browser"
    browser.mkdir(parents=True)
    (folder / "bundle.json").write_text('{"format": 1, "name": "small", "version": 1}')
    files = {"read": "read.tflite", "restyle": "restyle.tflite", "head": "head.bin"}
    for file in files.values():
        (browser / file).write_bytes(b"TFL3" * 1000)
    (browser / "labels.txt").write_text("a\nb\n")
    card = {"name": "small", "image_shape": [8, 8], "files": {**files, "labels": "labels.txt"}}
    (browser / "model.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """What npm installs, as empty files."""
    folder = tmp_path / "node_modules" / "@litertjs"
    for file in [
        "core/package.json",
        "core/dist/index.js",
        "wasm-utils/dist/index.js",
        *(f"core/wasm/{name}" for name in web.WASM),
    ]:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    monkeypatch.setattr(web, "PACKAGES", folder)
    return folder


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, folder, output):
    """The message of a command that fails and leaves nothing new behind."""
    before = sorted(output.parent.rglob("*"))
    assert cli.main(["web", str(folder), "--output", str(output)]) == 1
    assert sorted(output.parent.rglob("*")) == before
    return capsys.readouterr().err


def test_command_writes_a_complete_folder(small_bundle, packages, tmp_path, capsys):
    output = tmp_path / "page"
    for _ in range(2):  # a page is replaced
        assert cli.main(["web", str(small_bundle), "--output", str(output)]) == 0
        assert names(output) == {
            "page.json",
            *names(web.HERE / "page"),
            "litert/package.json",
            "litert/core.js",
            "litert/wasm-utils.js",
            "litert/wasm/litert_wasm_compat_internal.js",
            "litert/wasm/litert_wasm_compat_internal.wasm.gz",
            "model/model.json",
            "model/labels.txt",
            "model/read.tflite.gz",
            "model/restyle.tflite.gz",
            "model/head.bin.gz",
        }
        index = json.loads((output / "page.json").read_text())
        sizes = {name: (output / name).stat().st_size for name in names(output) - {"page.json"}}
        assert capsys.readouterr().out == f"wrote {output}, {sum(sizes.values()) / 1e6:.2f} MB\n"
        assert index["files"] == sizes and sizes["model/read.tflite.gz"] < 100
        assert gzip.decompress((output / "model/head.bin.gz").read_bytes()) == b"TFL3" * 1000
        (output / "stale").touch()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_folder_must_be_a_bundle(packages, tmp_path, capsys):
    assert "has no bundle.json" in refused(capsys, tmp_path, tmp_path / "page")


def test_bundle_must_have_a_classifier(small_bundle, packages, tmp_path, capsys):
    shutil.rmtree(small_bundle / "litert" / "browser")
    assert "a classifier's bundle" in refused(capsys, small_bundle, tmp_path / "page")


def test_bundle_must_be_of_this_version(small_bundle, packages, tmp_path, capsys):
    card = small_bundle / "litert" / "browser" / "model.json"
    card.write_text(card.read_text().replace('"read"', '"classify"'))
    assert "export it again" in refused(capsys, small_bundle, tmp_path / "page")


def test_the_version_is_that_of_the_content(small_bundle, packages, tmp_path):
    def version():
        web.write(small_bundle, tmp_path / "page")
        return json.loads((tmp_path / "page" / "page.json").read_text())["version"]

    first = version()
    assert version() == first
    (small_bundle / "litert" / "browser" / "head.bin").write_bytes(b"other")
    assert version() != first


def test_missing_file_of_the_bundle_is_named(small_bundle, packages, tmp_path, capsys):
    (small_bundle / "litert" / "browser" / "read.tflite").unlink()
    assert "read.tflite" in refused(capsys, small_bundle, tmp_path / "page")


def test_missing_packages_name_the_command(small_bundle, packages, tmp_path, capsys):
    (packages / "core" / "dist" / "index.js").unlink()
    assert "npm ci --prefix export/web" in refused(capsys, small_bundle, tmp_path / "page")
    shutil.rmtree(packages)
    message = refused(capsys, small_bundle, tmp_path / "page")
    assert "npm ci --prefix export/web" in message
    assert message.count("\n") == 1


def test_output_must_be_new_or_a_page(small_bundle, packages, tmp_path, capsys):
    output = tmp_path / "mine"
    output.mkdir()
    (output / "letter.txt").write_text("mine")
    assert "hold a page" in refused(capsys, small_bundle, output)
    assert "must be a folder" in refused(capsys, small_bundle, output / "letter.txt")
    assert (output / "letter.txt").read_text() == "mine"


def test_server_sends_types_and_refuses_a_taken_port(tmp_path):
    (tmp_path / "a.wasm").write_bytes(b"\0asm")
    with serving(tmp_path) as url:
        with urllib.request.urlopen(f"{url}/a.wasm") as response:
            assert response.headers["Content-Type"] == "application/wasm"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/../../../../etc/passwd")
        with pytest.raises(ValueError, match="`port` must be a free one"):
            web.server(tmp_path, int(url.rsplit(":")[-1]))
