"""The bundle of a model of a table: text, missing entries, columns by their names."""

import json

import numpy as np
import pandas as pd
import pytest

import keras_dgm as dgm
from export import browser, cli, litert_files, verify
from keras_dgm.preprocessing import TableEncoder
from keras_dgm.serving import finite_softplus


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on cars.csv, whose model has not been trained; its model and data."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "price (EUR)": rng.normal(9e4, 1e4, 120).round(2),
            "class": rng.choice(["a b", "c", "é"], 120),
            "doors": rng.integers(2, 6, 120),
            "sold": rng.choice(["no", "yes"], 120),
        }
    )
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    folder = tmp_path_factory.mktemp("table")
    frame.to_csv(folder / "cars.csv", index=False)
    data = dgm.data.load(folder / "cars.csv", target="sold")
    encoder = TableEncoder(data.columns)
    encoder.adapt(data.x_train)
    model = dgm.M2(
        2, 2, (4,), likelihood=encoder.likelihood(), preprocessor=encoder, missing=True, seed=0
    )
    model.build((None, 3))
    model.save(folder / "model.keras")
    config = {"dataset": str(folder / "cars.csv"), "seed": 0, "options": {"target": "sold"}}
    (folder / "config.json").write_text(json.dumps(config))
    facts = {"class_names": data.class_names, "schema": data.schema.get_config()}
    (folder / "result.json").write_text(json.dumps({"dataset": facts}))
    return folder, model, data


def test_columns_are_served_and_verified_by_their_names(run, tmp_path, quick):
    folder, model, _ = run
    output = tmp_path / "bundle"

    assert cli.main(["bundle", str(folder), "--output", str(output)]) == 0

    request = json.loads((output / "examples" / "predict_columns.json").read_text())
    assert request["signature_name"] == "columns"
    assert set(request["inputs"]) == {"price (EUR)", "class", "doors"}
    expected = json.loads((output / "examples" / "expected.json").read_text())["outputs"]
    x = json.loads((output / "examples" / "predict.json").read_text())["inputs"]["images"]
    probs = model.predict(np.array(x, np.float32), verbose=0)
    np.testing.assert_allclose(expected["probabilities"], probs, atol=1e-5)
    cases = verify.reference.load(next(output.rglob("reference.json")))
    of_columns = [case for case in cases if case["signature"] == "columns"]
    assert len(of_columns) > 1 and "outputs" in of_columns[0]


def test_eight_bits_are_calibrated_on_rows_with_missing_entries(run):
    _, model, data = run
    endpoints = litert_files.portable(model.endpoints(finite_softplus))
    samples = litert_files.calibrate(endpoints, data.x_train)

    shapes = {name: each["images"].shape[1:] for name, each in samples.items() if "images" in each}
    assert shapes == dict.fromkeys(("classify", "embed", "analogies", "style"), (3,))


def test_the_page_shows_rows_with_missing_entries_where_the_model_takes_them(run):
    _, model, data = run
    examples = browser.examples(model, data.x_train, data.y_train)

    assert len(examples) == browser.NUM_EXAMPLES
    x = np.array([example["x"] for example in examples], np.float32)  # None is NaN.
    assert np.isnan(x).any()
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose([e["probabilities"] for e in examples], expected, atol=1e-6)


def test_other_pages_show_complete_rows():
    x = np.random.default_rng(0).random((12, 3)).astype(np.float32)
    model = dgm.M2(2, 2, (4,), seed=0)
    model.build((None, 3))
    x[::3, 1] = np.nan
    found = browser.examples(model, x, np.zeros(12, int))

    np.testing.assert_array_equal([example["x"] for example in found], x[~np.isnan(x).any(1)])
    assert browser.examples(model, np.full([3, 3], np.nan, np.float32), np.zeros(3, int)) == []
