"""Convolutional models in LiteRT and ONNX answer as Keras does."""

import numpy as np
import pytest
import tensorflow as tf

import keras_dgm as dgm
from export import litert, litert_files
from export.runners import LiteRT
from keras_dgm.serving import finite_softplus

D, K, Z = 64, 3, 2
X = np.random.default_rng(0).uniform(size=[6, D]).astype(np.float32)
TRUNK = dgm.Convolutional((8, 8), filters=(3, 4), units=(6,))
MAKE = {
    "M1": lambda: dgm.M1(Z, TRUNK),
    "M2": lambda: dgm.M2(K, Z, TRUNK, likelihood="gaussian"),
    "SDGM": lambda: dgm.SDGM(K, Z, TRUNK, auxiliary_dim=3),
}


def built(name):
    model = MAKE[name]()
    model.build((None, D))
    rng = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(0, 0.4, weight.shape))
    return model


@pytest.mark.parametrize(
    "name", ["M2", *(pytest.param(each, marks=pytest.mark.slow) for each in ("M1", "SDGM"))]
)
def test_litert_answers_as_keras(name, tmp_path):
    """In built-in operations alone."""
    model = built(name)
    endpoints = litert_files.portable(model.endpoints(finite_softplus))
    with litert.Functions(litert_files.guarded(endpoints)) as functions:
        functions.write(tmp_path / "model.tflite", list(endpoints))

    file = LiteRT(tmp_path / "model.tflite")

    for signature, endpoint in endpoints.items():
        arrays = {each.name: each.examples(X) for each in endpoint.inputs}
        answer = file.run_all(signature, **arrays)
        for output, values in endpoint.reference(*arrays.values()).items():
            scale = max(1, np.abs(values).max())
            np.testing.assert_allclose(answer[output], values, atol=1e-4 * scale)


def test_a_classifier_learns_on_in_litert(tmp_path):
    model = built("M2")
    learning = model.personalisation(finite_softplus)
    with litert.Functions(learning) as functions:
        functions.write(tmp_path / "personalise.tflite", list(learning), variables=True)

    file = LiteRT(tmp_path / "personalise.tflite")

    y = (np.arange(len(X)) % K).astype(np.int32)
    told = [
        file.run("train", images=X, class_id=y, learning_rate=np.float32(0.05))["loss"]
        for _ in range(5)
    ]
    assert told[-1] < told[0]


def test_onnx_answers_as_keras(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    model = built("M2")

    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)

    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(found, model.predict(X, verbose=0), atol=1e-5)
    assert tf.math.is_finite(found).numpy().all()
