"""What cannot be trained on is refused by name, rule and value, before anything has changed."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from builders import K, N, Z

import keras_dgm as dgm
from keras_dgm.preprocessing import PCA
from keras_dgm.training import batches

X, Y = builders.examples()


def with_value(value, dtype=np.float32):
    x = X.astype(dtype)
    x[3, 2] = value
    return x


BAD_X = {
    "NaN": (with_value(np.nan), r"`x` must be finite in float32, got nan at index \(3, 2\)"),
    "infinite": (with_value(np.inf), r"`x` must be finite in float32, got inf at index \(3, 2\)"),
    "too large": (with_value(1.5), r"`x` must lie in \[0, 1\].* got 1.5 at index \(3, 2\)"),
    "negative": (with_value(-0.5), r"`x` must lie in \[0, 1\].* got -0.5 at index \(3, 2\)"),
    "too narrow": (X[:, :-1], r"`x` must have 6 features an example, got 5 \(shape \(30, 5\)\)"),
    "empty": (X[:0], r"`x` must not be empty, got shape \(0, 6\)"),
    "a vector": (X[:, 0], r"`x` must have shape \[N, D\] or \[N, ...\].* got shape \(30,\)"),
    "text": (X.astype(str), "`x` must hold real numbers, got dtype <U"),
    "missing": (None, "`x` must be an array with one row an example; it is missing"),
}
BAD_Y = {
    "too high": (np.where(Y == 0, K, Y), r"`y` must hold integers from -1 .* to 2, got 3 at index"),
    "too low": (np.where(Y == 0, -2, Y), r"`y` must hold integers from -1 .* to 2, got -2 at"),
    "fractions": (Y + 0.5, "`y` must hold integers, -1 where .* unknown, got 0.5 at index 0"),
    "texts": (np.array(["a", "b", "c"])[Y], "`y` must hold integers.*the text .*: `np.unique"),
    "one-hot": (
        np.eye(K, dtype=int)[Y],
        r"`y` must have shape \[N\].* got shape \(30, 3\).*argmax",
    ),
    "none labelled": (np.full(N, -1), "`y` must hold at least one label from 0 up, got -1"),
    "missing": (None, "`y` must be integers, -1 where the label is unknown; it is missing"),
    "another length": (Y[:-1], "`y` must have one label for each of the 30 examples, got 29"),
    "empty": (Y[:0], r"`y` must not be empty, got shape \(0,\)"),
}
WEIGHTS = {
    "another length": (
        np.ones(N - 1),
        r"`sample_weight` must have shape \[30\], got shape \(29,\)",
    ),
    "negative": (np.full(N, -1.0), "`sample_weight` must be finite and not negative, got -1.0"),
    "NaN": (np.full(N, np.nan), "`sample_weight` must be finite and not negative, got nan"),
}


def refuses(model, message, *data, method="fit", **options):
    """That a call fails so, and leaves the weights and the optimizer alone."""
    before, state = builders.weights(model), model.seed_generator.state.numpy()
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(*data, verbose=0, **options)
    builders.assert_same_weights(model, before)
    np.testing.assert_array_equal(model.seed_generator.state, state)
    assert model.optimizer.iterations == 0
    assert model.facts is None


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize("case", BAD_X)
def test_bad_x(case, method):
    x, message = BAD_X[case]

    refuses(builders.m1(), message, x, method=method)
    refuses(builders.m2(), message, x, Y, method=method)


@pytest.mark.parametrize("case", [*BAD_X])
def test_bad_x_of_a_stack_is_bad_x_of_its_m1(case):
    x, message = BAD_X[case]

    refuses(builders.stacked(), message, x, Y)


@pytest.mark.parametrize("case", BAD_Y)
def test_bad_y(case):
    y, message = BAD_Y[case]

    refuses(builders.m2(), message, X, y)
    refuses(builders.stacked(), message, X, y)


@pytest.mark.parametrize("case", ["too high", "texts", "missing", "another length"])
def test_bad_y_of_held_out_data(case):
    y, message = BAD_Y[case]

    refuses(builders.m2(), message, X, Y, validation_data=(X, y) if y is not None else (X,))
    refuses(builders.m2(), message, X, y, method="evaluate")


def test_y_of_another_length_under_m1():
    refuses(builders.m1(), "`y` must have one label for each of the 30 examples", X, Y[:7])


@pytest.mark.parametrize("case", WEIGHTS)
def test_bad_sample_weights(case):
    weight, message = WEIGHTS[case]

    refuses(builders.m2(), message, X, Y, sample_weight=weight)


@pytest.mark.parametrize("case", ["NaN", "too large", "too narrow"])
def test_bad_x_in_a_data_set(case):
    """As far as it has been read: the index is that in a batch."""
    x, message = BAD_X[case]
    message = message.split(" at index")[0].split(r" \(shape")[0]

    refuses(builders.m2(), message, tf.data.Dataset.from_tensor_slices((x, Y)).batch(10))


@pytest.mark.parametrize(
    "case", ["too high", "too low", "fractions", "texts", "none labelled", "missing"]
)
def test_bad_y_in_a_data_set(case):
    y, message = BAD_Y[case]
    arrays = X if y is None else (X, y)

    refuses(builders.m2(), message, tf.data.Dataset.from_tensor_slices(arrays).batch(30))


def test_gaussian_data_need_not_lie_in_the_unit_interval():
    model = builders.m1(likelihood="gaussian")

    assert np.isfinite(model.fit(10 * X - 5, verbose=0).history["loss"][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"class_weight": {K: 2.0}},
            r"`class_weight` must have integer keys from 0 to 2, got \[3\]",
        ),
        ({"validation_split": 1.5}, "`validation_split` must lie between 0 and 1, got 1.5"),
        ({"validation_split": 0.99}, "`validation_split` must leave an example to train on"),
    ],
)
def test_bad_options_of_fit(options, message):
    refuses(builders.m2(), message, X, Y, **options)


def test_fit_before_compile():
    model = dgm.M2(K, Z)

    with pytest.raises(ValueError, match=r"compile\(\)"):
        model.fit(X, Y)


def test_a_width_other_than_the_built_one_when_predicting():
    with pytest.raises(ValueError, match=r"`x` must have 6 features an example.*got 5"):
        builders.m2().predict(X[:, :-1], verbose=0)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.zeros([2, Z + 1]), r"`z` must have 2 features an example, got 3 \(shape \(2, 3\)\)"),
        (np.zeros([3, Z]), "`z` must hold a row for each of 2 samples, got 3"),
        (np.full([2, Z], np.nan), "`z` must be finite"),
    ],
)
def test_bad_codes_to_generate_from(z, message):
    with pytest.raises(ValueError, match=message):
        builders.m2().generate([0, 1], z)


@pytest.mark.parametrize("y", [[-1], [K], [0.5], []])
def test_bad_classes_to_generate(y):
    with pytest.raises(ValueError, match="`y` must"):
        builders.m2().generate(y)


@pytest.mark.parametrize("method", ["embed", "analogies"])
def test_bad_x_to_embed(method):
    with pytest.raises(ValueError, match="`x` must be finite"):
        getattr(builders.m2(), method)(with_value(np.nan))


def test_what_a_dataset_must_hold_is_refused_beside_it():
    x, y = builders.examples()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(10)
    model = builders.m2()
    with pytest.raises(ValueError, match="`y` must be part of the dataset"):
        model.fit(dataset, y=y)
    with pytest.raises(ValueError, match=r"`validation_split` must be 0 with a dataset.*; got 0.5"):
        model.fit(dataset, validation_split=0.5)
    with pytest.raises(ValueError, match="`y` must be part of the dataset"):
        model.evaluate(dataset, y=y)


def test_a_refused_evaluation_builds_nothing():
    model = builders.compiled(dgm.M2(K, Z, (4,)))
    with pytest.raises(ValueError, match="`x` must have shape"):
        model.evaluate(X[:, 0], Y, verbose=0)

    assert not model.built
    model.fit(X, Y, verbose=0)


def test_a_single_step_needs_the_numbers_of_examples_and_labels():
    model = builders.m2()
    with pytest.raises(ValueError, match="`train_on_batch` must follow `fit`, which counts"):
        model.train_on_batch(X, Y)
    model.learn_facts(batches.of(model, X, Y))
    assert np.isfinite(model.train_on_batch(X[:10], Y[:10])[0])


def test_components_under_a_bernoulli_likelihood_must_lie_in_the_unit_interval():
    x, _ = builders.examples()
    pca = PCA(3)
    pca.adapt(x)
    with pytest.raises(ValueError, match=r"`preprocessor\(x\)` must lie in \[0, 1\]"):
        builders.m1(preprocessor=pca).fit(x, verbose=0)


def test_a_stack_on_a_collapsed_m1_is_refused_each_time():
    x, y = builders.examples()
    m1 = builders.m1()
    m1.fit(x, verbose=0)
    for weight in m1.encoder.weights:
        weight.assign(tf.zeros_like(weight))
    model = builders.compiled(dgm.StackedM1M2(m1, builders.K, builders.Z, (4,)))
    for _ in range(2):
        with pytest.raises(ValueError, match="`m1` must have a latent dimension"):
            model.fit(x, y, verbose=0)
    assert model.active_dims is None
    with pytest.raises(ValueError, match="`train_on_batch` must follow `fit`"):
        model.train_on_batch(x, y)


@pytest.mark.parametrize("call", [lambda m: m.generate(), lambda m: m.embed(np.zeros((1, 4)))])
def test_a_model_without_networks(call):
    with pytest.raises(ValueError, match="`model` must be built or fitted first, got <M1"):
        call(dgm.M1(2, (4,)))
