"""LiteRT files of few bits: many classes, invalid rows, and what the verification refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from export import litert, litert_files, measure, runners, verify
from export.runners import LiteRT, VerificationError
from keras_dgm.serving.endpoint import Endpoint, Features

D, H, K = 12, 24, 1000
RNG = np.random.default_rng(0)
X = RNG.random((60, D)).astype(np.float32)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """An int8 file of a classifier of 1,000 classes, and its function."""
    first = tf.constant(RNG.normal(size=(D, H)), tf.float32)
    last = tf.constant(RNG.normal(size=(H, K), scale=0.3), tf.float32)

    def classify(x):
        return {"probabilities": tf.nn.softmax(tf.nn.relu(x @ first) @ last)}

    endpoints = {"classify": Endpoint(classify, (Features("images", (D,)),))}
    path = tmp_path_factory.mktemp("litert") / "classify_int8.tflite"
    samples = {"classify": {"images": X}}
    with litert.Functions(litert_files.guarded(endpoints)) as functions:
        functions.write(path, ["classify"], "int8", samples)
    with litert.Functions(endpoints) as functions:
        functions.write(path.with_stem("integers"), ["classify"], litert.INTEGERS, samples)
    return LiteRT(path), lambda x: classify(x)["probabilities"].numpy()


def test_many_classes_keep_their_probabilities_in_int8(many):
    file, function = many
    found, expected = file.run("classify", images=X)["probabilities"], function(X)

    np.testing.assert_allclose(found.sum(1), 1, atol=1e-4)
    measure.check_classes("file", found, expected)
    assert len(set(found.argmax(1))) > 10
    tensors = {tensor["dtype"] for tensor in file._interpreter.get_tensor_details()}
    assert np.int8 in tensors


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_strange_row_is_nan_in_int8_and_the_others_are_answered(many, value):
    file, _ = many
    x = X[:3].copy()
    x[1, 4] = value
    found = file.run("classify", images=x)

    assert found["valid"].tolist() == [True, False, True]
    assert np.isnan(found["probabilities"][1]).all()
    alone = file.run("classify", images=X[:3:2])["probabilities"]
    np.testing.assert_allclose(found["probabilities"][::2], alone, atol=1e-6)


def test_a_file_of_integers_holds_no_floats(many):
    file = many[0].file.with_stem("integers")
    (tensor,) = LiteRT(file)._interpreter.get_input_details()
    assert tensor["dtype"] == np.int8 and not {"FLOAT32", "FLOAT16"} & runners.tensor_types(file)
    assert "FLOAT32" in runners.tensor_types(many[0].file)


def test_values_survive_as_integers_to_half_a_step():
    tensor = {"dtype": np.int8, "quantization": (np.float32(0.02), -3)}
    values = np.linspace(-2, 2, 50, dtype=np.float32)
    integers = runners.to_integers(values, tensor)

    assert integers.dtype == np.int8
    np.testing.assert_allclose(runners.from_integers(integers, tensor), values, atol=0.0101)
    of_floats = {"dtype": np.float32, "quantization": (0.0, 0)}
    assert runners.to_integers(values, of_floats) is values


def test_no_float_becomes_int8_for_nothing(many):
    file, _ = many
    graph = runners.schema.ModelT.InitFromPackedBuf(file.file.read_bytes(), 0).subgraphs[0]

    assert len({output for o in graph.operators for output in o.outputs}) == len(graph.operators)
    used = {i for o in graph.operators for i in o.inputs} | set(graph.outputs)
    assert all(used & set(o.outputs) for o in graph.operators)


def fake(**outputs):
    """A file whose only signature always answers the same."""
    answer = {name: np.array(values) for name, values in outputs.items()}
    return SimpleNamespace(
        signatures={"classify"}, file=SimpleNamespace(name="file"), run=lambda *_, **__: answer
    )


CASE = {
    "endpoint": "classify",
    "inputs": {},
    "outputs": {"probabilities": None, "valid": np.array([True, False])},
}
NAN = [np.nan, np.nan]


@pytest.mark.parametrize(
    ("probabilities", "valid", "message"),
    [
        ([[0.5, 0.5], NAN], [True, True], "must tell invalid rows apart"),
        ([[0.5, 0.5], [0.5, 0.5]], [True, False], "must be NaN in invalid rows"),
        ([NAN, NAN], [True, False], "must be finite"),
        ([[0.06, 0.0], NAN], [True, False], "must sum to 1"),
    ],
)
def test_the_verification_refuses(probabilities, valid, message):
    with pytest.raises(VerificationError, match=message):
        verify.finite_where_valid(fake(probabilities=probabilities, valid=valid), [CASE])


def test_the_verification_accepts_what_is_right():
    right = fake(probabilities=[[0.5, 0.5], NAN], valid=[True, False])

    verify.finite_where_valid(right, [CASE])


def test_classes_count_without_labels():
    expected = np.eye(10)[np.arange(50) % 10]

    measure.check_classes("file", expected, expected)
    with pytest.raises(measure.TooInaccurate, match="for another class than Keras, got 90 %"):
        measure.check_classes("file", np.tile(expected[0], (50, 1)), expected)


def test_a_model_at_chance_is_verified_with_a_warning():
    y = np.arange(100) % 4
    right, chance = np.eye(4)[y], np.eye(4)[np.random.default_rng(0).permutation(y)]
    constant = np.tile(right[2], (100, 1))

    assert measure.warnings(right, y, "abcd") == []
    assert measure.warnings(right, None, ()) == []
    (line,) = measure.warnings(chance, y, "abcd")
    assert "no better than chance" in line and "75.0 %" in line
    assert measure.warnings(constant, None, "abcd") == [
        "warning: the model answers 'c' to each of 100 examples"
    ]
