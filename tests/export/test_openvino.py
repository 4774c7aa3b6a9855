"""An engine that shares no code with TensorFlow or LiteRT reads what was exported."""

import numpy as np
import openvino
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def expected(trained):
    return trained.model.predict(trained.data.x_test[:64], verbose=0)


def compiled(model):
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def test_the_saved_model(saved_model, trained, expected):
    x = np.array(trained.data.x_test[:64])
    x[5, 3] = np.nan
    found = compiled(openvino.convert_model(str(saved_model)))({"images": x})

    good = np.arange(64) != 5
    np.testing.assert_allclose(found["probabilities"][good], expected[good], atol=1e-4)
    assert np.isnan(found["probabilities"][5]).all()
    assert found["valid"].tolist() == good.tolist()
    names = trained.data.class_names
    wanted = [names[i] if ok else "" for i, ok in zip(expected.argmax(1), good, strict=True)]
    assert found["label"].tolist() == wanted


def test_a_litert_file(bundle, trained, expected):
    model = openvino.Core().read_model(bundle / "litert" / "browser" / "classify.tflite")
    run = compiled(model)
    found = [run([x[None]])[0][0] for x in trained.data.x_test[:64]]

    np.testing.assert_allclose(found, expected, atol=1e-4)
