"""How the page comes to a browser: compressed, with its progress shown, and kept there."""

import json
import os
import shutil

import pytest
from page_hands import bars, opened, ready, until_changed
from page_server import serving

from export import web

# The runtime as npm has it, of which more than 9 MB are to come.
WASM = web.PACKAGES / "core" / "wasm" / "litert_wasm_compat_internal.wasm"


def transferred(page):
    """A list to which the bytes of each answer from the network are added, by its address."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    addresses, found = {}, []

    def received(event):
        addresses[event["requestId"]] = event["response"]["url"]

    def finished(event):
        if event["requestId"] in addresses:
            found.append((addresses[event["requestId"]], event["encodedDataLength"]))

    session.on("Network.responseReceived", received)
    session.on("Network.loadingFinished", finished)
    return found


@pytest.mark.slow
def test_it_loads_compressed_and_shows_how_far_it_is(browser_app, page_folder):
    with serving(page_folder) as url, browser_app.new_context() as context:
        page = context.new_page()
        found = transferred(page)
        page.add_init_script(
            """addEventListener("DOMContentLoaded", () => {
              window.seen = [];
              new MutationObserver(() => seen.push(document.getElementById("progress").value))
                .observe(document.getElementById("loaded"), { childList: true });
            })"""
        )
        page.goto(f"{url}/")
        ready(page)
        seen = page.evaluate("seen")
        told = page.inner_text("#loaded")

    total = sum(count for _, count in found)
    # The encoder is in one file, and the runtime comes once.
    assert len([address for address, _ in found if ".tflite" in address]) == 2
    assert len([address for address, _ in found if ".wasm" in address]) == 1
    assert 1e6 < total < 0.36 * WASM.stat().st_size
    assert seen == sorted(seen) and len(seen) > 2 and seen[-1] == 1
    loaded, _, of = told.removesuffix(" MB").partition(" of ")
    assert loaded == of and float(of) > 2


@pytest.mark.slow
def test_after_the_first_visit_it_needs_no_network(browser_app, page_folder):
    with browser_app.new_context() as context:
        page = context.new_page()
        with serving(page_folder) as url:
            page.goto(f"{url}/")
            page.wait_for_selector("#offline:not([hidden])", timeout=60_000)
            before = bars(page)
        page.reload()  # The server is gone.
        ready(page)
        page.wait_for_function("() => document.querySelector('#verdict').textContent")
        assert bars(page) == before
        page.locator("#examples button").nth(2).click()
        until_changed(page, bars, before)


@pytest.mark.slow
def test_a_newer_page_takes_the_place_of_the_kept_one(browser_app, page_folder, tmp_path):
    folder = tmp_path / "page"
    shutil.copytree(page_folder, folder)
    with serving(folder) as url, browser_app.new_context() as context:
        page = context.new_page()
        page.goto(f"{url}/")
        page.wait_for_selector("#offline:not([hidden])", timeout=60_000)

        card = folder / "model" / "model.json"
        card.write_text(card.read_text().replace('"name": "digits"', '"name": "newer"'))
        index = folder / web.MARKER
        index.write_text(json.dumps({**json.loads(index.read_text()), "version": "newer"}))
        page.reload()
        kept = []
        for _ in range(300):
            kept = page.evaluate("caches.keys()")
            if kept == [f"{url}/ newer"]:
                break
            page.wait_for_timeout(100)
        assert kept == [f"{url}/ newer"]
        page.reload()
        ready(page)
        assert page.inner_text("#name") == "newer"


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [
        "style.css",
        "app.js",
        "page.json",
        "strokes.js",
        "litert/core.js",
        "litert/wasm-utils.js",
        "litert/wasm/litert_wasm_compat_internal.js",
        "litert/wasm/litert_wasm_compat_internal.wasm.gz",
        "model/model.json",
        "model/read.tflite.gz",
    ],
)
def test_missing_file_is_named(browser_app, page_folder, tmp_path, file):
    copy = tmp_path / "page"
    shutil.copytree(page_folder, copy, copy_function=os.link)
    (copy / file).unlink()
    with serving(copy) as url, browser_app.new_context() as context:
        page = context.new_page()
        page.goto(f"{url}/")
        page.locator("#problem", has_text=file).wait_for(timeout=30_000)


@pytest.mark.slow
def test_page_opened_as_a_file_names_the_server(browser_app, page_folder):
    with browser_app.new_context() as context:
        page = context.new_page()
        page.goto((page_folder / "index.html").as_uri())
        page.locator("#problem", has_text="--serve").wait_for(timeout=30_000)


@pytest.mark.slow
def test_a_server_that_says_what_is_compressed_does_no_harm(browser_app, page_folder, monkeypatch):
    def end_headers(handler):
        if handler.path.endswith(".gz"):
            handler.send_header("Content-Encoding", "gzip")
        super(web.Handler, handler).end_headers()

    monkeypatch.setattr(web.Handler, "end_headers", end_headers)
    with opened(browser_app, page_folder) as page:
        assert sum(bars(page)) == pytest.approx(1, abs=1e-3)
