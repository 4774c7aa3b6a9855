"""An engine that shares no code with TensorFlow or LiteRT reads what was exported."""

import numpy as np
import openvino
import pytest

from export import servable


@pytest.fixture(scope="module")
def expected(trained):
    return trained.model.predict(trained.data.x_test[:64], verbose=0)


def compiled(model):
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def test_the_saved_model(saved_model, trained, expected):
    names, _ = servable.signatures(saved_model)["serving_default"]
    # Without the label, that a table on strings looks up.
    model = openvino.convert_model(str(saved_model), output=[names.outputs["probabilities"]])
    found = compiled(model)({"images": trained.data.x_test[:64]})

    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4)


def test_a_litert_file(bundle, trained, expected):
    model = openvino.Core().read_model(bundle / "litert" / "browser" / "classify.tflite")
    run = compiled(model)
    found = [run([x[None]])[0][0] for x in trained.data.x_test[:64]]

    np.testing.assert_allclose(found, expected, atol=1e-4)
