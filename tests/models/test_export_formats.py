"""`model.export` right after `fit` and `load_model`, in each of its formats."""

import builders
import keras
import numpy as np
import pytest

import keras_dgm as dgm


@pytest.fixture(scope="module")
def x():
    return builders.examples()[0]


@pytest.fixture(scope="module")
def models(x, tmp_path_factory):
    """A model that has just been fitted, and the same as it is loaded."""
    model = dgm.M2(3, 2, (9,), likelihood="gaussian", seed=0)
    model.compile("adam")
    model.fit(x, np.arange(len(x)) % 3, epochs=1, verbose=0)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return {"fitted": model, "loaded": keras.models.load_model(path)}


def with_litert(path, x):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(path))
    (values,) = interpreter.get_signature_runner()(x=x).values()
    return values


def with_openvino(path, x):
    openvino = pytest.importorskip("openvino")
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(str(path), "CPU", options)(x)[0]


def with_onnx(path, x):
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: x})[0]


ENGINES = {
    "litert": ("model.tflite", with_litert, "ai_edge_litert"),
    "openvino": ("model.xml", with_openvino, "openvino"),
    "onnx": ("model.onnx", with_onnx, "tf2onnx"),
}


@pytest.mark.parametrize("state", ["fitted", "loaded"])
@pytest.mark.parametrize("form", ENGINES)
def test_a_file_answers_as_the_model(form, state, models, x, tmp_path):
    name, run, package = ENGINES[form]
    pytest.importorskip(package)
    models[state].export(tmp_path / name, format=form, verbose=False)

    found = run(tmp_path / name, x[:5].astype(np.float32))

    np.testing.assert_allclose(found, models[state].predict(x[:5], verbose=0), atol=1e-5)


def test_nothing_is_overwritten_in_silence(models, tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "thesis.txt").write_text("mine")
    (tmp_path / "model.xml").write_text("mine")

    for path, form in (("served", "tf_saved_model"), ("model.xml", "openvino")):
        with pytest.raises(ValueError, match="`filepath` must be new, or `overwrite` be True"):
            models["fitted"].export(tmp_path / path, format=form)
    models["fitted"].export(tmp_path / "served", overwrite=True)
    assert (tmp_path / "served" / "saved_model.pb").is_file()


def test_arguments_that_are_none_of_the_format_s_are_refused(models, tmp_path):
    with pytest.raises(TypeError, match="bogus"):
        models["fitted"].export(tmp_path / "a", bogus=1)
    with pytest.raises(ValueError, match="must be given for a SavedModel alone"):
        models["fitted"].export(tmp_path / "a.xml", format="openvino", class_names="abc")
    with pytest.raises(ValueError, match="`model` must be built"):
        dgm.M2(3).export(tmp_path / "a.xml", format="openvino")
    assert not list(tmp_path.iterdir())
