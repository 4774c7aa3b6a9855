"""The page of images in Chromium: drawings, classes, styles."""

import json

import numpy as np
import pytest
from page_hands import DESK, PHONE, bars, draw, opened, pictures, until_changed

from export.browser import TOLERANCES


@pytest.fixture
def card(page_folder):
    return json.loads((page_folder / "model" / "model.json").read_text())


@pytest.fixture
def page(browser_app, page_folder, request):
    with opened(browser_app, page_folder, getattr(request, "param", DESK)) as page:
        yield page


@pytest.mark.slow
def test_probabilities_are_those_of_keras(page, card):
    buttons = page.locator("#examples button")
    assert buttons.count() == len(card["examples"])
    for i in [*range(1, len(card["examples"])), 0]:
        before = bars(page)
        buttons.nth(i).click()
        found = until_changed(page, bars, before)
        expected = card["examples"][i]["probabilities"]
        assert found == pytest.approx(expected, abs=TOLERANCES[card["precision"]], rel=0)
        label = card["class_names"][card["examples"][i]["label"]]
        assert page.inner_text("#truth") == f"Its true class: {label}"
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
    both = until_changed(page, bars, line)
    assert both != before and page.inner_text("#truth") == ""

    page.click("#undo")
    assert until_changed(page, bars, both) == line
    assert page.is_enabled("#undo")
    page.click("#undo")
    page.get_by_text("Nothing is drawn yet.").wait_for()
    assert not page.is_enabled("#undo")


@pytest.mark.slow
def test_a_blank_pad_says_nothing_in_bold(page):
    assert page.locator(".top").count() == 2  # a bar and a picture
    page.click("#clear")
    page.get_by_text("Nothing is drawn yet.").wait_for()
    page.wait_for_timeout(200)
    assert page.locator(".top").count() == 0
    assert set(bars(page)) == {0} and set(page.locator("#bars .value").all_inner_texts()) == {""}
    assert not page.is_enabled("#teach-it") and not page.is_enabled("#undo")


STROKES = """([height, width]) => import("./strokes.js").then(({toImage}) => [
    [[[10, 10], [10, 110], [90, 110]]],
    [[[300, 200]]],
    [],
].map(strokes => Array.from(toImage(strokes, height, width))))"""


@pytest.mark.slow
def test_strokes_are_prepared_as_digits_are(page):
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
    for _ in range(4):
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

    places = set()
    for _ in range(4):
        before = pictures(page)
        page.click("#random")
        assert until_changed(page, pictures, before) != start
        places.add(page.inner_text("#position"))
    assert len(places) == 4
    drawn = pictures(page)
    page.click("#reset")
    assert until_changed(page, pictures, drawn) == start

    other = page.locator("#dim-x option:not(:checked)").last.get_attribute("value")
    page.select_option("#dim-x", other)
    assert page.inner_text("#position").startswith(f"z[{other}]")


@pytest.mark.slow
@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_phone_needs_no_sideways_scrolling(page):
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    before = bars(page)
    page.locator("#drawing").tap()
    until_changed(page, bars, before)


LONG = ["a", "a class whose name is a good deal longer than the others' names"]


@pytest.mark.slow
@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_long_names_leave_the_bars_comparable(page):
    page.evaluate(
        """names => document.querySelectorAll("#bars .label").forEach(
        (label, i) => (label.textContent = names[i % 2]))""",
        LONG,
    )
    boxes = [meter.bounding_box() for meter in page.locator("[role=meter]").all()]
    assert len({(box["x"], box["width"]) for box in boxes}) == 1
    assert boxes[0]["width"] > 100
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
