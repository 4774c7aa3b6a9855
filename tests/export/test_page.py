"""The page in Chromium."""

import json
import os
import shutil
from pathlib import Path

import pytest
from page_server import serving

from export import web

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
