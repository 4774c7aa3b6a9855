"""Gradients of the objectives: against finite differences, and into which network they flow."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_dgm import likelihoods

LABELED = np.array([0, 2, 1, 1, 0])
UNLABELED = np.full(5, -1)
MIXED = np.array([0, -1, 2, -1, -1])
# Of a central difference: h^2 f''' / 6, some 1e-10; and float64 of f / h, some 1e-15 * 10 / 1e-5.
STEP, TOLERANCE = 1e-5, {"rtol": 1e-6, "atol": 2e-9}


def tiny(make, **options):
    model = make(dtype="float64", hidden_units=(3,), width=4, **options)
    x = tf.constant(np.random.default_rng(0).uniform(size=[5, 4]))
    return model, x, model.sample_noise(5)


def mean_loss(model, x, y, noise):
    y = None if y is None else tf.constant(y)
    return tf.reduce_mean(model.objective(x, y, noise, training=True).loss)


def gradients(model, x, y, noise):
    with tf.GradientTape() as tape:
        loss = mean_loss(model, x, y, noise)
    return tape.gradient(loss, model.trainable_variables)


def assert_gradients_are_finite_differences(model, x, y, noise):
    loss = tf.function(lambda: mean_loss(model, x, y, noise))

    for variable, gradient in zip(
        model.trainable_variables, gradients(model, x, y, noise), strict=True
    ):
        at = variable.numpy()
        difference = np.zeros_like(at)
        for index in np.ndindex(at.shape):
            for sign in (1, -1):
                moved = at.copy()
                moved[index] += sign * STEP
                variable.assign(moved)
                difference[index] += sign * loss().numpy() / (2 * STEP)
        variable.assign(at)
        gradient = tf.convert_to_tensor(gradient)
        np.testing.assert_allclose(gradient, difference, **TOLERANCE, err_msg=variable.path)


@pytest.mark.parametrize(
    "options",
    [
        {"likelihood": "bernoulli"},
        {"likelihood": "gaussian"},
        {"likelihood": likelihoods.Gaussian(0.5), "class_prior": [0.2, 0.3, 0.5]},
    ],
)
def test_j_alpha(options):
    model, x, noise = tiny(builders.m2, **options)
    model.labeled_fraction.assign(0.4)

    assert_gradients_are_finite_differences(model, x, MIXED, noise)


@pytest.mark.parametrize("make", [builders.adgm, builders.sdgm])
def test_j_alpha_with_an_auxiliary_variable(make):
    options = {"activation": "softplus", "num_samples": 2, "auxiliary_dim": 2}
    model, x, noise = tiny(make, likelihood="gaussian", **options)
    model.labeled_fraction.assign(0.4)

    assert_gradients_are_finite_differences(model, x, MIXED, noise)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_minus_j(likelihood):
    model, x, noise = tiny(builders.m1, likelihood=likelihood)

    assert_gradients_are_finite_differences(model, x, None, noise)


def test_l_k():
    model, x, noise = tiny(builders.m1, num_samples=3)

    assert_gradients_are_finite_differences(model, x, None, noise)


@pytest.mark.parametrize("likelihood", ["bernoulli", "bounded_gaussian"])
def test_the_bound_given_a_condition(likelihood):
    model, x, noise = tiny(builders.conditional, likelihood=likelihood)

    assert_gradients_are_finite_differences(model, x, None, noise)


@pytest.mark.parametrize("y", [LABELED, UNLABELED], ids=["labelled", "unlabelled"])
@pytest.mark.parametrize("make", [builders.m2, builders.adgm, builders.sdgm])
def test_every_network_of_m2_learns_from_every_kind_of_example(make, y):
    model, x, noise = tiny(make, activation="softplus")

    for variable, gradient in zip(
        model.trainable_variables, gradients(model, x, y, noise), strict=True
    ):
        assert np.any(tf.convert_to_tensor(gradient) != 0), variable.path


def test_labels_teach_the_classifier_through_cross_entropy_alone():
    """L(x, y) holds no q(y|x): without alpha, labelled examples leave the classifier alone."""
    model, x, noise = tiny(builders.m2, alpha=0.0)

    gradient = gradients(model, x, LABELED, noise)

    of_classifier = {id(v) for v in model.classifier.trainable_variables}
    for variable, g in zip(model.trainable_variables, gradient, strict=True):
        assert np.any(tf.convert_to_tensor(g) != 0) != (id(variable) in of_classifier)


def test_the_cross_entropy_of_an_unlabelled_example_counts_nothing():
    """alpha changes nothing where no label is known."""
    found = []
    for alpha in (0.0, 10.0):
        model, x, noise = tiny(builders.m2, alpha=alpha)
        found.append(gradients(model, x, UNLABELED, noise))

    for without, with_alpha in zip(*found, strict=True):
        np.testing.assert_array_equal(
            tf.convert_to_tensor(without), tf.convert_to_tensor(with_alpha)
        )


def iwae(**options):
    return builders.m1(num_samples=3, **options)


@pytest.mark.parametrize("mode", ["eager", "core"])
@pytest.mark.parametrize("make", [builders.m1, iwae, builders.m2])
def test_a_step_of_fit_descends_this_gradient(make, mode, monkeypatch):
    """Of SGD at a rate of 1, to float64's precision."""
    x, y = builders.examples()
    y = y if make is builders.m2 else None
    model = make(dtype="float64", likelihood="gaussian")
    builders.compiled(model, keras.optimizers.SGD(1.0), mode)
    noise = model.sample_noise(len(x))
    monkeypatch.setattr(model, "sample_noise", lambda *_, **__: noise)
    before = [v.numpy() for v in model.trainable_variables]
    if y is not None:
        model.labeled_fraction.assign(np.mean(y >= 0))
    expected = gradients(model, tf.constant(x, tf.float64), y, noise)

    model.fit(x, y, batch_size=len(x), shuffle=False, verbose=0)

    for was, variable, gradient in zip(before, model.trainable_variables, expected, strict=True):
        step = was - variable.numpy()
        np.testing.assert_allclose(step, tf.convert_to_tensor(gradient), rtol=1e-9, atol=1e-12)
