"""Arguments of `fit`, `evaluate` and `predict` are refused in our words before data is read."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, N

X, Y = builders.examples()
DATASET = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)


@pytest.fixture(scope="module")
def m2():
    return builders.m2()


def refuses(message, call, *args, **options):
    """That it fails so, and that nothing has been learned by then."""
    with pytest.raises(ValueError, match=message) as caught:
        call(*args, verbose=0, **options)
    model = call.__self__
    assert model.facts is None and model.optimizer.iterations == 0
    return str(caught.value)


COUNTS = {
    **dict.fromkeys(["steps_per_epoch", "validation_steps"], (0, -1, 2.5, "3", True)),
    **dict.fromkeys(["validation_batch_size", "validation_freq", "labels_per_batch"], (0, 1.5)),
    **dict.fromkeys(["epochs", "initial_epoch", "labels_first"], (-1, 1.5, None)),
}


@pytest.mark.parametrize("argument", COUNTS)
def test_numbers_of_fit(argument, m2):
    """Before x is looked at, which is missing."""
    for value in COUNTS[argument]:
        lowest = 0 if None in COUNTS[argument] else 1
        message = f"`{argument}` must be an integer of at least {lowest}, got .*"
        refuses(message, m2.fit, None, **{argument: value})


@pytest.mark.parametrize("steps", [0, -1, 2.5, "3"])
def test_numbers_of_evaluate_and_predict(steps, m2):
    for call in (m2.evaluate, m2.predict):
        refuses("`steps` must be an integer of at least 1, got", call, None, steps=steps)


def test_no_epoch_trains_nothing():
    model = builders.m2()

    assert model.fit(X, Y, epochs=0, verbose=0).history == {}


def test_a_split_that_is_no_number(m2):
    message = "`validation_split` must lie between 0 and 1, got '0.2'"

    refuses(message, m2.fit, X, Y, validation_split="0.2")


KEYS = "`class_weight` must have integer keys from 0 to 2, got "
VALUES = "`class_weight` must hold finite weights, not negative, got "
CLASS_WEIGHTS = {
    "a float key": ({0.0: 2.0}, KEYS + r"\[0.0\]"),
    "a truth as a key": ({True: 2.0}, KEYS + r"\[True\]"),
    "mixed keys": ({0: 1.0, "a": 1.0}, KEYS + r"\['a'\]"),
    "a class that is none": ({-1: 1.0, 3: 1.0}, KEYS + r"\[-1, 3\]"),
    "a text": ({0: "a"}, VALUES + "'a' of class 0"),
    "a negative weight": ({1: -1.0}, VALUES + "-1.0 of class 1"),
    "an infinite weight": ({1: np.inf}, VALUES + "inf of class 1"),
    "NaN": ({1: np.nan}, VALUES + "nan of class 1"),
    "an array": (np.ones(3), "`class_weight` must be a dict from classes to weights.*got array"),
    "a name": ("balanced", "`class_weight` must be a dict .*got 'balanced'; compute_class_weight"),
}


@pytest.mark.parametrize("case", CLASS_WEIGHTS)
def test_weights_of_classes(case, m2):
    class_weight, message = CLASS_WEIGHTS[case]

    refuses(message, m2.fit, X, Y, class_weight=class_weight)


def test_weights_of_classes_beside_those_of_examples(m2):
    refuses(
        r"`sample_weight` must have shape \[30\], got shape \(5,\)",
        m2.fit,
        X,
        Y,
        class_weight={0: 2.0},
        sample_weight=np.ones(5),
    )


def test_weights_of_classes_of_a_batch():
    """And both kinds at once, as in `fit`."""
    losses = []
    for weights in ({"class_weight": {np.int64(1): 5}}, {"sample_weight": np.where(Y == 1, 5, 1)}):
        model = builders.m2()
        model.learn_facts(builders.batches_of(model, X, Y))
        losses.append(model.train_on_batch(X, Y, **weights)[0])

    np.testing.assert_allclose(*losses, rtol=1e-6)


def read_once(*arrays):
    """A dataset of a generator that goes on, and so ends, where it was."""
    batches = iter([tuple(part[i : i + 10] for part in arrays) for i in range(0, N, 10)])
    specs = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in arrays)
    return tf.data.Dataset.from_generator(lambda: batches, output_signature=specs)


def test_a_dataset_that_can_be_read_once(m2):
    message = "`x` must hold a batch each time it is read, which is more than once, got none"
    with pytest.raises(ValueError, match=message):
        builders.m2().fit(read_once(X, Y), verbose=0)
    with pytest.raises(ValueError, match=message):
        builders.m1().fit(read_once(X), verbose=0)
    with pytest.raises(ValueError, match=message):
        builders.stacked(active_dims=None).fit(read_once(X, Y), verbose=0)
    refuses("in `validation_data`, " + message, m2.fit, X, Y, validation_data=read_once(X, Y))


class FourParts(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[:10], Y[:10], Y[:10], Y[:10]


FOUR = r"`x` must be a dataset of batches x, \(x, y\) or \(x, y, sample_weight\), got 4 parts"
PARTS = {
    "a dict of labels": (
        tf.data.Dataset.from_tensor_slices((X, {"a": Y})).batch(10),
        r"`x` must be a dataset .*, got one whose y has 1 parts: give one array",
    ),
    "four parts": (tf.data.Dataset.from_tensor_slices((X, Y, Y, Y)).batch(10), FOUR),
    "four parts of a PyDataset": (FourParts(), FOUR),
}


@pytest.mark.parametrize("case", PARTS)
def test_parts_of_a_dataset(case, m2):
    dataset, message = PARTS[case]

    for call in (m2.fit, m2.evaluate, m2.predict):
        refuses(message, call, dataset)


def test_parts_of_validation_data(m2):
    message = refuses(
        "`validation_data` must be .* or a dataset of these, got 4 parts",
        m2.fit,
        X,
        Y,
        validation_data=(X, Y, None, 3),
    )

    assert len(message) < 200


def test_an_iterator_of_a_dataset(m2):
    refuses("got a OwnedIterator: it can be read once only", m2.predict, iter(DATASET))


def test_what_a_dataset_excludes_is_refused_before_it_is_read(m2):
    read = []

    def batches():
        read.append(True)
        yield X, Y

    specs = (tf.TensorSpec((None, D)), tf.TensorSpec((None,), tf.int32))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=specs)
    for argument in ("batch_size", "labels_per_batch"):
        refuses(f"`{argument}` must be None with a dataset", m2.fit, dataset, **{argument: 4})
    refuses("`labels_first` must be 0 with a dataset", m2.fit, dataset, labels_first=4)
    refuses("`batch_size` must be None with a dataset", m2.evaluate, dataset, batch_size=4)
    options = {"validation_data": dataset, "validation_batch_size": 4}
    refuses("`validation_batch_size` must be None with a dataset", m2.fit, X, Y, **options)

    assert not read


def test_options_of_models_of_classes_leave_m1_as_it_was():
    refuses("`labels_first` must be 0: M1 models no classes", builders.m1().fit, X, labels_first=3)


def test_labels_per_batch_that_do_not_fit_leave_the_model_as_it_was(m2):
    refuses("`labels_per_batch` must go with `steps_per_epoch`", m2.fit, X, Y, labels_per_batch=20)


@pytest.mark.parametrize("kind", ["arrays", "dataset"])
def test_bad_held_out_data_is_named(kind, m2):
    held_out = (255 * X, Y)
    if kind == "dataset":
        held_out = tf.data.Dataset.from_tensor_slices(held_out).batch(10)

    refuses(
        r"in `validation_data`, `x` must lie in \[0, 1\]", m2.fit, X, Y, validation_data=held_out
    )


def test_steps_on_labels_that_fail_leave_the_facts_of_the_data(monkeypatch):
    def fails(*args, **kwargs):
        raise FloatingPointError("not finite")

    monkeypatch.setattr(keras.Model, "fit", fails)
    model = builders.m2()
    with pytest.raises(FloatingPointError):
        model.fit(X, Y, labels_first=2)

    assert model.facts.num_examples == N


def test_m1_is_told_to_leave_its_target_out():
    dataset = tf.data.Dataset.from_tensor_slices((X, X)).batch(10)
    model = builders.m1()
    for data in ((X, X), (dataset,)):
        message = refuses("`y` must be left out, or be labels.*M1 is fitted to x", model.fit, *data)
        assert "argmax" not in message
