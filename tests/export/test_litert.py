"""The LiteRT files of a bundle."""

import json
import shutil

import numpy as np
import pytest

from export import browser, litert, measure, runners, verify
from export.runners import LiteRT, VerificationError
from keras_dgm.serving import Endpoint

PORTABLE = {"classify", "embed", "generate", "analogies", "style", "restyle"}
FULL = [f"model_{precision}.tflite" for precision in litert.FORMATS]
CLASSIFIERS = [f"classify_{precision}.tflite" for precision in litert.FORMATS]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(bundle):
    return bundle / "litert"


@pytest.mark.parametrize("name", [*FULL, *CLASSIFIERS])
def test_inference_files_hold_built_in_operations_and_no_variables(folder, name):
    builtin, custom = runners.operations(folder / name)

    assert custom == set()
    assert "FULLY_CONNECTED" in builtin
    assert builtin & verify.STATEFUL == set()
    signatures = set(LiteRT(folder / name).signatures)
    assert signatures == (PORTABLE if name in FULL else {"classify"})


def test_float32_answers_as_keras(folder, trained):
    x, model = trained.data.x_test, trained.model
    file = LiteRT(folder / "model_float32.tflite")
    y = (np.arange(50) % 10).astype(np.int32)
    z = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)

    found = file.run_all("classify", images=x)["probabilities"]
    np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-5)
    images = file.run("generate", class_id=y, style=z)["images"]
    np.testing.assert_allclose(images, model.generate(y, z), atol=1e-5)
    embedding = file.run("embed", images=x)["embedding"]
    np.testing.assert_allclose(embedding, model.m1.embed(x)[:, model.active_dims], atol=1e-4)


@pytest.mark.parametrize("name", CLASSIFIERS[1:])
def test_a_smaller_file_errs_about_as_often(folder, trained, name):
    x, y = trained.data.x_test, trained.data.y_test
    found = LiteRT(folder / name).run_all("classify", images=x)["probabilities"]

    measure.check_error(name, found, trained.model.predict(x, verbose=0), y)
    assert (folder / name).stat().st_size < (folder / CLASSIFIERS[0]).stat().st_size


def test_int8_takes_and_gives_floats_and_computes_in_integers(folder):
    file = LiteRT(folder / "classify_int8.tflite")
    (details,) = file._interpreter.get_input_details()
    dtypes = {tensor["dtype"] for tensor in file._interpreter.get_tensor_details()}

    assert details["dtype"] == np.float32
    assert np.int8 in dtypes
    names = runners.operations(file.file)[0]
    assert {"QUANTIZE", "DEQUANTIZE"} <= names


def test_an_error_that_rises_too_much_is_refused():
    expected = np.eye(2)[np.zeros(10_000, int)]
    found = expected.copy()
    found[:30] = [0, 1]

    measure.check_error("file", expected, expected, np.zeros(10_000, int))
    with pytest.raises(VerificationError, match=r"0\.20 points more often .* got 0\.30"):
        measure.check_error("file", found, expected, np.zeros(10_000, int))


def test_personalisation_adapts_to_a_shifted_writer(folder, trained):
    file = LiteRT(folder / "personalise.tflite")
    images = trained.data.x_test.reshape(-1, 8, 8)
    x = np.roll(images, 1, axis=2).reshape(-1, 64)  # one column to the right
    y = trained.data.y_test
    few, held_out = slice(0, 40), slice(40, None)
    weights = file.run("get_weights")
    before = verify.cross_entropy(file, x[held_out], y[held_out])

    losses = [
        float(
            file.run(
                "train", images=x[few], class_id=y[few], learning_rate=np.float32(0.1)
            )["loss"]
        )
        for _ in range(40)
    ]  # fmt: skip
    after = verify.cross_entropy(file, x[held_out], y[held_out])

    assert losses[-1] < losses[0]
    assert after < before - 0.1
    adapted = file.run("get_weights")
    file.run("set_weights", **weights)
    assert verify.cross_entropy(file, x[held_out], y[held_out]) == pytest.approx(before)
    file.run("set_weights", **adapted)
    assert verify.cross_entropy(file, x[held_out], y[held_out]) == pytest.approx(after)


def test_one_step_is_gradient_descent(folder, trained):
    file = LiteRT(folder / "personalise.tflite")
    x, y = trained.data.x_test[:8], trained.data.y_test[:8]
    before = file.run("get_weights")
    probabilities = file.run("infer", images=x)["probabilities"]
    loss = file.run("train", images=x, class_id=y, learning_rate=np.float32(1))["loss"]
    after = file.run("get_weights")
    file.run("set_weights", **before)

    assert loss == pytest.approx(-np.log(probabilities[np.arange(8), y]).mean(), rel=1e-4)
    # The gradient of the mean cross-entropy with respect to the biases.
    gradient = (probabilities - np.eye(10)[y]).mean(0)
    np.testing.assert_allclose(before["bias"] - after["bias"], gradient, atol=1e-5)


def test_the_browser_files_agree_with_the_examples_in_their_card(folder):
    card = json.loads((folder / "browser" / "model.json").read_text())

    assert card["num_classes"] == len(card["class_names"]) == 10
    assert len(card["examples"]) == 10
    for name in ("classify.tflite", card["files"]["read"], card["files"]["restyle"]):
        file = LiteRT(folder / "browser" / name)
        inputs = file._interpreter.get_input_details()
        assert [d["shape"][0] for d in inputs] == [1]
        assert {d["dtype"] for d in inputs} == {np.float32}
    assert card["precision"] == "float16" and card["learning_rate"] in verify.ADAPTATION_RATES


def test_the_browser_s_last_layer_is_the_one_that_learns(folder, trained):
    read = LiteRT(folder / "browser" / "read.tflite").run("read", images=trained.data.x_test[:1])
    weights = LiteRT(folder / "personalise.tflite").run("get_weights")
    head = np.fromfile(folder / "browser" / "head.bin", "<f4").reshape(-1, 10)

    np.testing.assert_array_equal(head, [*weights["kernel"], weights["bias"]])
    assert read["hidden"].shape == (1, len(weights["kernel"]))


def test_a_page_that_is_not_as_keras_is_refused(folder, tmp_path):
    copy = tmp_path / "browser"
    shutil.copytree(folder / "browser", copy)
    (copy / "head.bin").write_bytes(bytes((copy / "head.bin").stat().st_size))
    with pytest.raises(VerificationError, match=r"head\.bin differs"):
        browser.verify(copy)
    card = json.loads((copy / "model.json").read_text())
    card["examples"][0]["probabilities"].reverse()
    (copy / "model.json").write_text(json.dumps(card))
    with pytest.raises(VerificationError, match="differs from Keras"):
        browser.verify(copy)


def test_the_card_lists_the_files(folder):
    card = json.loads((folder / "card.json").read_text())

    assert set(card["files"]) == {path.name for path in folder.glob("*.tflite")}
    for name, facts in card["files"].items():
        assert facts["bytes"] == (folder / name).stat().st_size
        assert 0 <= facts["test_error"] < 0.5
        assert set(facts["latency_ms"]) == {"1", "64"}


def test_an_unknown_precision_is_refused(tmp_path):
    with (
        litert.Functions({"f": Endpoint(lambda: {"y": 1.0}, ())}) as functions,
        pytest.raises(ValueError, match="`precision` must be one of"),
    ):
        functions.write(tmp_path / "file", ["f"], "float8")
