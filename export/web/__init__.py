"""The page that runs a bundle's classifier in a browser, as a static folder."""

import dataclasses
import functools
import gzip
import hashlib
import shutil
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

import tyro

from export import verify
from export.workplace import ATTIC, Moves, Workplace, content
from keras_dgm.runs.files import read_json, sha256, write_json

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules" / "@litertjs"
INSTALL = "npm ci --prefix export/web"
MARKER = "page.json"
# The build that every browser runs: no threads, no relaxed SIMD.
WASM = [f"litert_wasm_compat_internal.{kind}" for kind in ("js", "wasm")]
# Compressed here, since few servers compress them; the page unpacks them.
PACKED = (".wasm", ".tflite", ".bin")
# A browser runs nothing else; some systems' tables differ.
TYPES = {".js": "text/javascript", ".wasm": "application/wasm"}


@dataclasses.dataclass(frozen=True)
class WebConfig:
    """Write the page that runs a bundle's classifier in a browser, or serve it on 127.0.0.1."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Of the bundle."""
    output: Path
    """The page's folder: new or empty, or a page, which is replaced."""
    serve: bool = False
    """Serve the folder on 127.0.0.1 until Ctrl-C."""
    port: int = 8000
    """To serve at; 0: any that is free."""


def run(args):
    config = tyro.cli(WebConfig, args=args, prog="python -m export web")
    size = write(config.folder, config.output)
    print(f"wrote {config.output}, {size / 1e6:.2f} MB", flush=True)
    if config.serve:
        with server(config.output, config.port) as http:
            print(f"http://127.0.0.1:{http.server_port}/ until Ctrl-C", flush=True)
            try:
                http.serve_forever()
            except KeyboardInterrupt:
                print()


def write(folder, output):
    """Write the page of a bundle: any web server can serve the folder as it is.

        index.html, style.css, app.js, …
        litert/   LiteRT.js
        model/    the bundle's files for the browser
        page.json   marks the folder as a page; its files with their sizes, and a sum of all

    The large files are compressed, and end in .gz. Returns the sum of the sizes, which is what a
    first visit loads.

    Args:
        folder: of the bundle.
        output: a new or empty folder, or one that holds a page.

    Raises:
        ValueError: if an argument is at fault or LiteRT.js is missing; `output` is untouched.
    """
    folder, output = Path(folder), Path(output)
    model = browser_files(folder)
    runtime = runtime_files()
    check_output(output)
    work = Workplace(output)
    with work as page:
        shutil.copytree(HERE / "page", page, dirs_exist_ok=True)
        for name, file in {**model, **runtime}.items():
            put(file, page / name)
        index = described(page)
        write_json(page / MARKER, {"bundle": folder.resolve().name, **index})
        with work.uninterrupted():
            place(page, output)
    return sum(index["files"].values())


def put(file, place):
    """Copy a file to its place in the page, compressed where it is one of `PACKED`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.suffix in PACKED:
        packed = gzip.compress(file.read_bytes(), mtime=0)
        place.with_name(f"{place.name}.gz").write_bytes(packed)
    else:
        shutil.copyfile(file, place)


def described(page):
    """The sizes of a page's files, and a sum by which its version is known."""
    paths = sorted(path for path in page.rglob("*") if path.is_file())
    names = [path.relative_to(page).as_posix() for path in paths]
    total = hashlib.sha256()
    for name, path in zip(names, paths, strict=True):
        total.update(f"{name} {sha256(path)}\n".encode())
    sizes = {name: path.stat().st_size for name, path in zip(names, paths, strict=True)}
    return {"version": total.hexdigest()[:16], "files": sizes}


def place(page, output):
    """Move a finished page to `output`, instead of what is there; on an error, nothing moves."""
    with Moves(page.parent / ATTIC) as moves:
        # The marker first: who is killed here leaves a page, which the next one replaces.
        moves.put(page / MARKER, output / MARKER)
        for name in content(output):
            if name != MARKER:
                moves.take_away(output / name)
        for part in page.iterdir():
            moves.put(part, output / part.name)


def browser_files(folder):
    """The files of a bundle that the page runs, by their places in the page.

    Raises:
        ValueError: naming what is missing.
    """
    if verify.read_marker(folder) is None:
        raise ValueError(f"`folder` must hold a bundle, got {folder}, which has no {verify.MARKER}")
    source = folder / "litert" / "browser"
    if not (source / "model.json").is_file():
        raise ValueError(
            f"`folder` must hold a classifier's bundle: {source}/model.json is missing"
        )
    card = read_json(source / "model.json")
    if "read" not in card["files"]:
        raise ValueError(
            f"`folder` must hold a bundle of this version, got {folder}; export it again"
        )
    return existing(
        {f"model/{name}": source / name for name in ["model.json", *card["files"].values()]}
    )


def runtime_files():
    """The files of LiteRT.js, by their places in the page.

    Raises:
        ValueError: if npm has not installed them.
    """
    core = PACKAGES / "core"
    if not core.is_dir():
        raise ValueError(f"LiteRT.js is missing; install it with: {INSTALL}")
    return existing(
        {
            "litert/package.json": core / "package.json",
            "litert/core.js": core / "dist" / "index.js",
            "litert/wasm-utils.js": PACKAGES / "wasm-utils" / "dist" / "index.js",
            **{f"litert/wasm/{name}": core / "wasm" / name for name in WASM},
        },
        f"; install LiteRT.js again with: {INSTALL}",
    )


def existing(files, advice=""):
    missing = [str(file) for file in files.values() if not file.is_file()]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}{advice}")
    return files


def check_output(output):
    """Refuse what is not new, empty, or a page."""
    if output.exists() and not output.is_dir():
        raise ValueError(f"`output` must be a folder, got the file {output}")
    if content(output) and not (output / MARKER).is_file():
        raise ValueError(
            f"`output` must be a new or empty folder, or hold a page, got {output}, "
            f"which has no {MARKER}"
        )


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, quietly, and always its present files."""

    def guess_type(self, path):
        return TYPES.get(Path(path).suffix) or super().guess_type(path)

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format, *args):
        pass


def server(folder, port=0):
    """An HTTP server of a folder on 127.0.0.1, not yet started.

    Raises:
        ValueError: if the port is not to be had.
    """
    try:
        handler = functools.partial(Handler, directory=folder)
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        raise ValueError(f"`port` must be a free one, got {port}: {error}") from error
