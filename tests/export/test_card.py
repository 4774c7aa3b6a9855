"""The model card of a bundle."""

import hashlib
import json

import numpy as np
import pytest

from export import card, servable


def test_wilson_s_interval_is_that_of_the_literature():
    # Agresti and Coull (1998), table of 10 draws: none of them.
    np.testing.assert_allclose(card.wilson(0.0, 10), [0, 0.2775], atol=1e-4)
    np.testing.assert_allclose(card.wilson(0.5, 100), [0.4038, 0.5962], atol=1e-4)


def test_text_for_people_says_what_is_not_known():
    empty = {
        "name": "a", "version": 1, "model": "M1", "data": None, "labels": [], "error": None,
        "warnings": [], "columns": [], "signatures": {}, "score": None, "personalisation": None,
        "sha256": {},
        "inputs": {"x": {"dtype": "float32", "shape": [None, 2], "rule": "be finite"}},
    }  # fmt: skip

    text = card.markdown(empty)

    assert "its error is not known" in text and "| `x` | float32 | [B, 2] | be finite |  |" in text


@pytest.mark.slow
def test_the_card_says_what_is_in_the_bundle(bundle, trained, saved_model):
    made = json.loads((bundle / card.JSON).read_text("utf-8"))

    assert made["data"]["examples"] == {"train": 1197, "valid": 200, "test": 400}
    assert made["data"]["labelled"] == 100 and made["labels"] == list(trained.data.class_names)
    low, high = made["error"]["interval"]
    y = trained.data.y_test
    error = np.mean(trained.model.predict(trained.data.x_test, verbose=0).argmax(1) != y)
    assert made["error"]["error"] == pytest.approx(error) and low < error < high
    assert made["inputs"]["images"]["seen"] == {"min": 0.0, "max": 1.0, "missing": 0.0}
    assert set(made["signatures"]) == set(servable.signatures(saved_model))
    default = made["signatures"]["serving_default"]
    assert default["inputs"]["images"] == {"dtype": "float32", "shape": [None, 64]}
    assert default["outputs"]["probabilities"]["shape"] == [None, 10]
    assert made["personalisation"]["learning_rate"] == 0.05
    assert made["score"]["validation_examples"] == 200
    assert np.all(np.diff(list(made["score"]["percentiles"].values())) > 0)
    for name, digest in made["sha256"].items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    assert (bundle / card.MARKDOWN).read_text("utf-8").endswith(card.markdown(made) + "\n")


@pytest.mark.slow
def test_the_card_of_the_files_has_their_tensors_labels_and_ranges(bundle):
    made = json.loads((bundle / "litert" / "card.json").read_text("utf-8"))

    assert made["labels"] == [str(i) for i in range(10)]
    assert made["inputs"]["images"]["rule"] and made["personalisation"]["learning_rate"] == 0.05
    of_int8 = made["files"]["classify_int8.tflite"]["signatures"]["classify"]
    assert of_int8["inputs"] == {"images": {"dtype": "float32", "shape": [None, 64]}}
    assert of_int8["outputs"]["probabilities"] == {"dtype": "float32", "shape": [None, 10]}
