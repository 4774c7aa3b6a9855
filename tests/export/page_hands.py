"""What a person does on the page in Chromium, and sees."""

import contextlib

from page_server import serving

DESK = {"viewport": {"width": 1024, "height": 768}}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@contextlib.contextmanager
def opened(browser, folder, options=DESK):
    """The loaded page; it may ask for nothing outside its origin, and raise no error."""
    with serving(folder) as url, browser.new_context(**options) as context:
        page = context.new_page()
        requests, errors = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{url}/")
        ready(page)
        yield page
        outside = [asked for asked in requests if not asked.startswith((f"{url}/", "data:"))]
        assert outside == []
        assert any(asked.endswith(".wasm.gz") for asked in requests)
        assert errors == []
        assert page.inner_text("#problem") == ""


def ready(page):
    page.wait_for_selector("body[data-state=ready]", timeout=60_000)
    page.wait_for_selector("[role=meter][aria-valuenow]")


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
    """A stroke through points, in units of the canvas."""
    box = page.locator("#drawing").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
