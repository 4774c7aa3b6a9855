"""The signature that takes the columns of a table by their names."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import keras_dgm as dgm
from keras_dgm.data import Column
from keras_dgm.preprocessing import TableEncoder
from keras_dgm.serving import table

COLUMNS = (
    Column("age of the car", "real"),
    Column("0", "count"),
    Column("class", "categorical", ("blue", "red", "très rouge")),
    Column("sold", "binary", (1, 2)),
)
RNG = np.random.default_rng(0)
X = np.stack(
    [
        RNG.normal(50, 9, 40),
        RNG.poisson(3, 40),
        RNG.integers(0, 3, 40),
        RNG.integers(0, 2, 40),
    ],
    axis=1,
).astype(np.float32)
HOLES = np.where(RNG.random(X.shape) < 0.2, np.nan, X).astype(np.float32)
ENTRIES = {
    "age of the car": [51.5, 30.0],
    "0": [3.0, 0.0],
    "class": [b" red ", "très rouge".encode()],
    "sold": [2.0, 1.0],
}
# The names of the tensors in Python.
ARGUMENTS = {"age of the car": "column_0", "0": "column_1", "class": "column_2", "sold": "sold"}
ROWS = np.array([[51.5, 3, 1, 1], [30, 0, 2, 0]], np.float32)


def served(folder, x, missing):
    """An M2 of `x` that has not been trained, and the signature of the columns."""
    encoder = TableEncoder(COLUMNS)
    encoder.adapt(x)
    model = dgm.M2(
        3, 2, (4,), likelihood=encoder.likelihood(), preprocessor=encoder, missing=missing, seed=0
    )
    model.build((None, len(COLUMNS)))
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape, scale=0.5))
    model.export(folder, class_names=("a", "b", "c"), columns=COLUMNS)
    signature = tf.saved_model.load(str(folder)).signatures["columns"]

    def answer(**changed):
        entries = {**ENTRIES, **changed}
        return signature(**{ARGUMENTS[name]: tf.constant(v) for name, v in entries.items()})

    return model, answer, folder


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    return served(tmp_path_factory.mktemp("served") / "model", X, missing=False)


@pytest.fixture(scope="module")
def with_holes(tmp_path_factory):
    return served(tmp_path_factory.mktemp("served") / "model", HOLES, missing=True)


@pytest.mark.parametrize("name", ["complete", "with_holes"])
def test_columns_by_name_are_the_rows(name, request):
    model, answer, _ = request.getfixturevalue(name)

    found = answer()

    expected = model.predict(ROWS, verbose=0)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    assert [n.decode() for n in found["label"].numpy()] == ["abc"[i] for i in expected.argmax(1)]


def test_servers_have_the_names_of_the_table(complete):
    content = (complete[2] / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs

    assert set(graph.signature_def["columns"].inputs) == set(ENTRIES)


def test_what_is_unknown_is_missing(with_holes):
    model, answer, _ = with_holes
    rows = np.array([[np.nan, 3, np.nan, 1], [30, np.nan, np.nan, np.nan]], np.float32)

    found = answer(
        **{
            "age of the car": [np.nan, 30.0],
            "0": [3.0, np.nan],
            "class": ["", "green"],
            "sold": [2.0, 7.0],
        }
    )

    expected = model.predict(rows, verbose=0)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)


def check_the_second_is_answered_alone(answer, expected):
    assert answer["valid"].numpy().tolist() == [False, True]
    assert np.isnan(answer["probabilities"][0]).all() and answer["class_id"][0] == -1
    np.testing.assert_allclose(answer["probabilities"][1], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["complete", "with_holes"])
@pytest.mark.parametrize(
    "changed", [{"age of the car": [np.inf, 30.0]}, {"0": [1.5, 0.0]}, {"0": [-1.0, 0.0]}]
)
def test_a_row_with_a_bad_entry_is_told_apart(name, changed, request):
    model, answer, _ = request.getfixturevalue(name)

    check_the_second_is_answered_alone(answer(**changed), model.predict(ROWS[1:], verbose=0)[0])


@pytest.mark.parametrize(
    "changed",
    [{"class": ["green", "très rouge"]}, {"sold": [np.nan, 1.0]}, {"0": [np.nan, 0.0]}],
)
def test_where_nothing_was_missing_nothing_may_be(changed, complete):
    model, answer, _ = complete

    check_the_second_is_answered_alone(answer(**changed), model.predict(ROWS[1:], verbose=0)[0])


def test_columns_of_several_lengths_are_refused(complete):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"[Ss]hapes"):
        complete[1](sold=[1.0])


@pytest.mark.parametrize("missing", [False, True])
def test_examples_and_what_breaks_them(missing):
    features = dgm.M2(2, 2, (4,), likelihood="gaussian", missing=missing)
    features.build((None, 4))
    x = HOLES if missing else X
    found = table.column_inputs(COLUMNS, features.features_input())

    for index, each in enumerate(found):
        np.testing.assert_array_equal(each.encode(tf.constant(each.examples(x))), x[:, index])
        for wrong in each.broken(x):
            assert not np.any(each.valid(tf.constant(wrong)))
        assert np.all(each.valid(tf.constant(each.examples(x))))
    assert [len(each.broken(x)) for each in found] == ([1, 3, 0, 0] if missing else [2, 4, 1, 1])


def test_columns_that_are_not_the_features(tmp_path):
    model = dgm.M2(2, 2, (4,), likelihood="gaussian")
    model.build((None, 3))

    with pytest.raises(ValueError, match="`columns` must be the 3 of the model's features, got 4"):
        model.export(tmp_path / "model", columns=COLUMNS)
