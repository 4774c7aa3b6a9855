import contextlib
import json
import os
import shutil
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from export import cli, web

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def small_bundle(tmp_path):
    """The files that the page takes from a bundle, without a model in them."""
    folder = tmp_path / "bundle"
    browser = folder / "litert" / "browser"
    browser.mkdir(parents=True)
    (folder / "bundle.json").write_text('{"format": 1, "name": "small", "version": 1}')
    files = {key: f"{key}.tflite" for key in ("classifier", "style", "analogies")}
    for file in files.values():
        (browser / file).write_bytes(b"TFL3")
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


def test_command_writes_a_complete_folder(small_bundle, packages, tmp_path):
    output = tmp_path / "page"
    for _ in range(2):  # a page is replaced
        assert cli.main(["web", str(small_bundle), "--output", str(output)]) == 0
        assert names(output) == {
            "page.json",
            "index.html",
            "style.css",
            "app.js",
            "runtime.js",
            "strokes.js",
            "litert/package.json",
            "litert/core.js",
            "litert/wasm-utils.js",
            *(f"litert/wasm/{name}" for name in web.WASM),
            "model/model.json",
            "model/labels.txt",
            "model/classifier.tflite",
            "model/style.tflite",
            "model/analogies.tflite",
        }
        (output / "stale").touch()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_folder_must_be_a_bundle(packages, tmp_path, capsys):
    assert "has no bundle.json" in refused(capsys, tmp_path, tmp_path / "page")


def test_bundle_must_have_a_classifier(small_bundle, packages, tmp_path, capsys):
    shutil.rmtree(small_bundle / "litert" / "browser")
    assert "a classifier's bundle" in refused(capsys, small_bundle, tmp_path / "page")


def test_bundle_must_have_images(small_bundle, packages, tmp_path, capsys):
    card = small_bundle / "litert" / "browser" / "model.json"
    card.write_text(card.read_text().replace("[8, 8]", "null"))
    assert "a model of images" in refused(capsys, small_bundle, tmp_path / "page")


def test_missing_file_of_the_bundle_is_named(small_bundle, packages, tmp_path, capsys):
    (small_bundle / "litert" / "browser" / "style.tflite").unlink()
    assert "style.tflite" in refused(capsys, small_bundle, tmp_path / "page")


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


@contextlib.contextmanager
def serving(folder):
    with web.server(folder) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


# --- the page, in Chromium -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    if not web.PACKAGES.is_dir():
        pytest.skip(f"LiteRT.js is not installed: {web.INSTALL}")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(browser, bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "page"
    web.write(bundle, folder)
    return folder


@pytest.fixture(scope="module")
def card(folder):
    return json.loads((folder / "model" / "model.json").read_text())


@pytest.fixture
def page(browser, folder, request):
    """The loaded page; it may ask for nothing outside its origin, and raise no error."""
    options = getattr(request, "param", {"viewport": {"width": 1024, "height": 768}})
    with serving(folder) as url, browser.new_context(**options) as context:
        page = context.new_page()
        requests, errors = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{url}/")
        page.wait_for_selector("body[data-state=ready]", timeout=60_000)
        page.wait_for_selector("[role=meter][aria-valuenow]")
        yield page
        outside = [asked for asked in requests if not asked.startswith((f"{url}/", "data:"))]
        assert outside == []
        assert any(asked.endswith(".wasm") for asked in requests)
        assert errors == []
        assert page.inner_text("#problem") == ""


def bars(page):
    meters = page.locator("[role=meter]")
    return [float(meters.nth(i).get_attribute("aria-valuenow")) for i in range(meters.count())]


def pictures(page):
    return page.eval_on_selector_all("#analogies canvas", "all => all.map(c => c.toDataURL())")


def until_changed(page, read, before):
    for _ in range(100):
        after = read(page)
        if after != before:
            page.wait_for_timeout(200)
            return read(page)
        page.wait_for_timeout(50)
    raise AssertionError(f"no change after 5 s: {str(before)[:200]}")


def draw(page, points):
    box = page.locator("#drawing").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


@pytest.mark.slow
def test_probabilities_are_those_of_keras(page, card):
    buttons = page.locator("#examples button")
    assert buttons.count() == len(card["examples"])
    for i in [*range(1, len(card["examples"])), 0]:
        before = bars(page)
        buttons.nth(i).click()
        found = until_changed(page, bars, before)
        assert found == pytest.approx(card["examples"][i]["probabilities"], abs=5.1e-5, rel=0)
        assert buttons.nth(i).get_attribute("aria-pressed") == "true"


@pytest.mark.slow
def test_drawing_changes_bars_and_pictures(page, card):
    before, earlier = bars(page), pictures(page)
    draw(page, [(0.5, 0.15), (0.5, 0.85)])
    line = until_changed(page, bars, before)
    assert sum(line) == pytest.approx(1, abs=1e-3)
    assert pictures(page) != earlier
    assert page.locator("#examples [aria-pressed=true]").count() == 0
    draw(page, [(0.3, 0.2), (0.7, 0.2), (0.7, 0.8)])
    assert until_changed(page, bars, line) != before
    page.click("#clear")
    page.get_by_text("Nothing is drawn yet.").wait_for()


STROKES = """([height, width]) => import("./strokes.js").then(({toImage}) => [
    [[[10, 10], [10, 110], [90, 110]]],
    [[[300, 200]]],
    [],
].map(strokes => Array.from(toImage(strokes, height, width))))"""


@pytest.mark.slow
def test_strokes_are_prepared_as_digits_are(page):
    import numpy as np

    corner, dot, nothing = np.reshape(page.evaluate(STROKES, [28, 28]), (3, 28, 28))
    assert not nothing.any()
    for image in (corner, dot):
        assert image.min() >= 0 and 0.9 < image.max() <= 1 + 1e-6
        mass = [(image.sum(axis) * (np.arange(28) + 0.5)).sum() / image.sum() for axis in (0, 1)]
        assert mass == pytest.approx([14, 14], abs=0.1)
    rows, columns = np.flatnonzero(corner.max(1) > 0.05), np.flatnonzero(corner.max(0) > 0.05)
    assert 20 <= np.ptp(rows) + 1 <= 21
    assert np.ptp(columns) < np.ptp(rows)
    small = np.reshape(page.evaluate(STROKES, [8, 8])[0], (8, 8))
    assert np.flatnonzero(small.max(1) > 0.2).tolist() == list(range(8))


@pytest.mark.slow
def test_pad_moves_the_analogies(page):
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    start = pictures(page)
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"], steps=5)
    page.mouse.up()
    dragged = until_changed(page, pictures, start)
    position = page.inner_text("#position")
    assert all(2 < float(part.split(" = ")[1]) < 3.3 for part in position.split(", "))

    page.locator("#reset").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("() => document.activeElement.id") == "pad"
    outline = page.locator("#pad").evaluate("pad => getComputedStyle(pad).outlineWidth")
    assert outline == "3px"
    for key in ("ArrowLeft", "ArrowDown"):
        before = pictures(page)
        page.keyboard.press(key)
        dragged = until_changed(page, pictures, before)
    page.keyboard.press("Home")
    assert until_changed(page, pictures, dragged) == start

    other = page.locator("#dim-x option:not(:checked)").last.get_attribute("value")
    page.select_option("#dim-x", other)
    assert page.inner_text("#position").startswith(f"z[{other}]")


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.mark.slow
@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_phone_needs_no_sideways_scrolling(page):
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    before = bars(page)
    page.locator("#drawing").tap()
    until_changed(page, bars, before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [
        "style.css",
        "app.js",
        "strokes.js",
        "litert/core.js",
        "litert/wasm-utils.js",
        "litert/wasm/litert_wasm_internal.js",
        "litert/wasm/litert_wasm_internal.wasm",
        "model/model.json",
        "model/style.tflite",
    ],
)
def test_missing_file_is_named(browser, folder, tmp_path, file):
    copy = tmp_path / "page"
    shutil.copytree(folder, copy, copy_function=os.link)
    (copy / file).unlink()
    with serving(copy) as url, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{url}/")
        page.locator("#problem", has_text=file).wait_for(timeout=30_000)


@pytest.mark.slow
def test_page_opened_as_a_file_names_the_server(browser, folder):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((folder / "index.html").as_uri())
        page.locator("#problem", has_text="--serve").wait_for(timeout=30_000)
