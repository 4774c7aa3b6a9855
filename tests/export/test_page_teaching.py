""" "Teach it my hand": the page learns as `personalise.tflite` does, and keeps what it learned."""

import json
import shutil

import numpy as np
import pytest
from page_hands import bars, draw, opened, until_changed

from export import litert
from export.runners import LiteRT
from keras_dgm.serving import finite_softplus

TEACH = """async ([x, y, rate, steps]) => {
  const { load } = await import("./runtime.js");
  const { probabilities, teach } = await import("./teach.js");
  const card = await (await fetch("model/model.json")).json();
  const unload = (await import("@litertjs/core")).unloadLiteRt;
  unload();
  const model = await load(card, () => {});
  const hidden = [];
  for (const row of x) hidden.push((await model.read(row)).hidden);
  const examples = hidden.map((h, i) => ({ hidden: h, label: y[i] }));
  const weights = teach(model.head, examples, card.num_classes, rate, steps);
  return {
    head: Array.from(model.head),
    weights: Array.from(weights),
    hidden: hidden.map((h) => Array.from(h)),
    probabilities: hidden.map((h) => Array.from(probabilities(weights, h, card.num_classes))),
  };
}"""


@pytest.mark.slow
def test_it_learns_as_the_file_for_phones_does(browser_app, page_folder, trained, tmp_path):
    x, y = trained.data.x_test[:20], trained.data.y_test[:20].astype(np.int32)
    learning = trained.model.personalisation(finite_softplus)
    with litert.Functions(learning) as functions:
        functions.write(tmp_path / "personalise.tflite", list(learning), variables=True)
    file = LiteRT(tmp_path / "personalise.tflite")
    before = file.run("get_weights")
    for _ in range(100):
        file.run("train", images=x, class_id=y, learning_rate=np.float32(0.05))
    after, expected = file.run("get_weights"), file.run("infer", images=x)["probabilities"]

    with opened(browser_app, page_folder) as page:
        found = page.evaluate(TEACH, [x.tolist(), y.tolist(), 0.05, 100])

    def joined(weights):
        return np.concatenate([weights["kernel"].ravel(), weights["bias"]])

    np.testing.assert_array_equal(np.float32(found["head"]), joined(before))
    moved = np.abs(joined(after) - joined(before)).max()
    assert moved > 0.05
    # What the last layer sees comes from a file in half precision.
    np.testing.assert_allclose(found["weights"], joined(after), atol=0.01 * moved)
    np.testing.assert_allclose(found["probabilities"], expected, atol=5e-3)

    # Of the same hidden units, the same in NumPy's float64.
    hidden, weights = np.array(found["hidden"]), np.float64(found["head"]).reshape(-1, 10)
    ones = np.concatenate([hidden, np.ones((20, 1))], axis=1)
    for _ in range(100):
        q = np.exp(ones @ weights - (ones @ weights).max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
        weights = weights - 0.05 * ones.T @ (q - np.eye(10)[y]) / 20
    np.testing.assert_allclose(found["weights"], weights.ravel(), atol=1e-5)


@pytest.mark.slow
def test_what_it_is_taught_stays_until_it_is_forgotten(browser_app, page_folder):
    card = json.loads((page_folder / "model" / "model.json").read_text())
    with opened(browser_app, page_folder) as page:
        draw(page, [(0.3, 0.2), (0.7, 0.3), (0.4, 0.8)])
        page.wait_for_timeout(500)
        untaught = bars(page)
        wanted = int(np.argsort(untaught)[-2])
        page.select_option("#teach-class", str(wanted))
        before = untaught
        for count in range(1, 4):
            page.click("#teach-it")
            page.locator("#taught button").nth(count - 1).wait_for()
            taught = until_changed(page, bars, before)
            assert taught[wanted] > before[wanted]
            before = taught
        assert "3 drawings of yours" in page.inner_text("#taught-count")
        assert card["class_names"][int(np.argmax(untaught))] in page.inner_text("#untaught")

        # The next visit starts from what was kept; the drawing is gone, its image is not.
        page.reload()
        page.wait_for_selector("body[data-state=ready]", timeout=60_000)
        assert page.locator("#taught button").count() == 3
        draw(page, [(0.3, 0.2), (0.7, 0.3), (0.4, 0.8)])
        page.wait_for_timeout(500)
        assert bars(page) == pytest.approx(taught, abs=2e-3)

        page.locator("#taught button").first.click()
        page.wait_for_function("() => document.querySelectorAll('#taught button').length === 2")
        page.click("#forget")
        page.wait_for_timeout(500)
        assert bars(page) == pytest.approx(untaught, abs=2e-3)
        assert page.locator("#taught button").count() == 0 and not page.is_visible("#forget")
        assert page.evaluate("localStorage.length") == 0


@pytest.mark.slow
def test_a_model_whose_last_layer_cannot_learn_has_no_such_form(browser_app, page_folder, tmp_path):
    folder = tmp_path / "page"
    shutil.copytree(page_folder, folder)
    card = folder / "model" / "model.json"
    described = json.loads(card.read_text())
    del described["files"]["head"]
    card.write_text(json.dumps(described))
    with opened(browser_app, folder) as page:
        assert not page.is_visible("#teach")
        assert sum(bars(page)) == pytest.approx(1, abs=1e-3)
