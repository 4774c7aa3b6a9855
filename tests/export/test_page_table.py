"""The page of tables in Chromium: a form, its classes, and what changes them."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from page_hands import DESK, PHONE, bars, opened, until_changed

import keras_dgm as dgm
from export import browser, source, web
from keras_dgm.preprocessing import TableEncoder

NAMES = ("kept for many years by its first owner", "sold")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A trained M2 on a table with missing entries, its data, and the page of both."""
    rng = np.random.default_rng(0)
    sold = rng.random(200) < 0.5
    frame = pd.DataFrame(
        {
            "price (EUR)": np.where(sold, 8e4, 1e5) + rng.normal(0, 1e4, 200),
            "body": np.where(rng.random(200) < 0.8, np.where(sold, "van", "coupé"), "estate"),
            "doors": rng.integers(2, 6, 200),
            "state": np.where(sold, NAMES[1], NAMES[0]),
        }
    )
    frame[["price (EUR)", "body"]] = frame[["price (EUR)", "body"]].mask(rng.random((200, 2)) < 0.1)
    folder = tmp_path_factory.mktemp("cars")
    frame.to_csv(folder / "cars.csv", index=False)
    data = dgm.data.load(folder / "cars.csv", target="state")
    encoder = TableEncoder(data.columns)
    encoder.adapt(data.x_train)
    keras.utils.set_random_seed(0)
    model = dgm.M2(
        2, 2, (8,), likelihood=encoder.likelihood(), preprocessor=encoder, missing=True, seed=0
    )
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(data.x_train, data.y_train, epochs=15, batch_size=40, verbose=0)

    files = folder / "bundle" / "litert" / "browser"
    files.mkdir(parents=True)
    (folder / "bundle" / "bundle.json").write_text('{"format": 1, "name": "cars", "version": 1}')
    of_cars = source.Source(model, "cars", data.class_names, None, data.columns, data)
    browser.write(files, of_cars, data.x_test, data.y_test)
    assert browser.verify(files) <= 1e-5
    return model, data, folder


@pytest.fixture
def page(browser_app, table, request):
    _, _, folder = table
    if not (folder / "page").exists():
        web.write(folder / "bundle", folder / "page")
    with opened(browser_app, folder / "page", getattr(request, "param", DESK)) as page:
        yield page


@pytest.mark.slow
def test_the_card_has_what_the_form_needs(table):
    _, data, folder = table
    card = json.loads((folder / "bundle" / "litert" / "browser" / "model.json").read_text())

    price, body, doors = card["columns"]
    assert card["image_shape"] is None and card["may_be_missing"] and "restyle" not in card["files"]
    assert (price["kind"], body["kind"], doors["kind"]) == ("real", "categorical", "count")
    assert body["categories"] == list(data.columns[1].categories)
    low, high = np.nanmin(data.x_train[:, 0]), np.nanmax(data.x_train[:, 0])
    assert [price["values"][0], price["values"][-1]] == pytest.approx([low, high], rel=1e-3)
    assert doors["values"] == sorted(set(doors["values"])) and set(doors["values"]) <= {2, 3, 4, 5}


@pytest.mark.slow
def test_a_row_is_answered_as_by_keras(page, table):
    model, data, _ = table
    page.locator("#rows button").nth(1).click()
    for price, body, doors in (("81000", "0", "4"), ("", "1", "2"), ("120000.5", "", "5")):
        before = bars(page)
        page.fill("[id='column-0']", price)
        page.select_option("[id='column-1']", body)
        page.fill("[id='column-2']", doors)
        row = np.array([[float(v or "nan") for v in (price, body, doors)]], np.float32)
        expected = model.predict(row, verbose=0)[0]
        assert until_changed(page, bars, before) == pytest.approx(expected, abs=6e-5)
    assert page.inner_text("#truth") == ""

    before = bars(page)
    page.fill("[id='column-2']", "2.5")  # of a count
    page.get_by_text("It waits for: doors").wait_for()
    assert page.locator(".top").count() == 0 and page.locator("#changes li").count() == 0
    page.locator("#rows button").first.click()
    until_changed(page, bars, before)
    label = page.evaluate("fetch('model/model.json').then(r => r.json())")["examples"][0]["label"]
    assert page.inner_text("#truth") == f"Its true class: {data.class_names[label]}"


@pytest.mark.slow
def test_what_changes_the_answer_is_what_keras_says(page, table):
    model, data, folder = table
    card = json.loads((folder / "page" / "model" / "model.json").read_text())
    row = [8.1e4, 0.0, 4.0]
    before = bars(page)
    for i, value in enumerate(row):
        field = page.locator(f"[id='column-{i}']")
        field.select_option(str(int(value))) if i == 1 else field.fill(f"{value:g}")
    until_changed(page, bars, before)
    page.wait_for_timeout(500)

    top = int(np.argmax(model.predict(np.array([row], np.float32), verbose=0)))
    spans = {}
    for i, column in enumerate(card["columns"]):
        values = range(len(column["categories"])) if "categories" in column else column["values"]
        rows = np.array([row] * (len(values) + 1), np.float32)
        rows[1:, i] = values
        found = model.predict(rows, verbose=0)[:, top]
        spans[column["name"]] = (found.min(), found.max())
    order = sorted(spans, key=lambda name: spans[name][0] - spans[name][1])
    assert page.locator("#changes .label").all_inner_texts() == order
    labels = [each.get_attribute("aria-label") for each in page.locator("#changes .range").all()]
    for name, text in zip(order, labels, strict=True):
        said, _, ends = text.rpartition(": ")
        assert said == data.class_names[top]
        assert [float(end) for end in ends.split(" to ")] == pytest.approx(spans[name], abs=6e-3)

    # A value with another class can be tried.
    before = page.inner_text("#verdict")
    page.locator("#changes button").first.click()
    page.wait_for_function(
        "before => document.getElementById('verdict').innerText !== before", arg=before
    )
    assert not page.inner_text("#verdict").startswith(data.class_names[top])


@pytest.mark.slow
@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_on_a_phone_bars_are_comparable_and_nothing_scrolls_sideways(page):
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    for rows in ("[role=meter]", "#changes .range"):
        boxes = [box.bounding_box() for box in page.locator(rows).all()]
        assert len(boxes) >= 2 and len({(box["x"], box["width"]) for box in boxes}) == 1
        assert boxes[0]["width"] > 100
