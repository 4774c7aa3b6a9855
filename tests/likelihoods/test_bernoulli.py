"""Bernoulli and BoundedGaussian: grey values, float32, and bounds."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_dgm.likelihoods import Bernoulli, BoundedGaussian


def test_grey_values_weigh_both_log_probabilities():
    logits, x = np.array([0.5, -2.0, 1.0]), np.array([0.0, 1.0, 0.3])
    p = 1 / (1 + np.exp(-logits))

    px = Bernoulli()(tf.constant(logits))

    expected = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p))
    for grey in (x, tf.constant(x)):
        np.testing.assert_allclose(px.log_prob(grey), expected, rtol=1e-12)
    np.testing.assert_allclose(px.mean(), p, rtol=1e-12)


def test_events_of_any_type():
    px = Bernoulli()(tf.constant([0.5, -2.0]))

    of_floats = px.log_prob(tf.constant([0.0, 1.0]))
    for dtype in (tf.int32, tf.float64, tf.float16):
        np.testing.assert_array_equal(px.log_prob(tf.constant([0, 1], dtype)), of_floats)


def test_gradients_in_float32():
    logits = tf.linspace(-30.0, 30.0, 61)
    x = tf.range(61.0) % 11 / 10
    px, gradient = tfp.math.value_and_gradient(
        lambda logits: Bernoulli()(logits).log_prob(x), logits
    )

    exact = tfp.distributions.Bernoulli(tf.cast(logits, "float64")).log_prob(tf.cast(x, "float64"))
    np.testing.assert_allclose(px, tf.reduce_sum(exact), rtol=1e-6)
    np.testing.assert_allclose(gradient, x - tf.sigmoid(logits), atol=2e-7)


def test_log_probabilities_do_not_saturate():
    """log p(0) at a logit of 200 is -200, where a probability in float32 would round to log 0."""
    px = Bernoulli()(tf.constant([200.0]))

    np.testing.assert_allclose(px.log_prob(tf.zeros([1])), -200, rtol=1e-6)


def test_a_drawn_observation_is_binary_and_keeps_what_is_missing():
    x = tf.constant([[0.0, 0.2, 0.9, 1.0, np.nan]])
    half = lambda shape: tf.fill(shape, 0.5)  # noqa: E731

    drawn = Bernoulli().sample_observation(x, half)

    np.testing.assert_array_equal(drawn, [[0, 0, 1, 1, np.nan]])
    np.testing.assert_array_equal(Bernoulli(binarize=False).sample_observation(x, half), x)


def test_a_bounded_gaussian_stays_within_its_bounds():
    """Means in [0, 1], standard deviations in [0.01, 1]; 0.1 in the middle."""
    params = tf.constant([[-50.0, 0.0, 50.0, -50.0, 0.0, 50.0]])

    px = BoundedGaussian()(params)

    np.testing.assert_allclose(px.mean(), [[0, 0.5, 1]], atol=1e-6)
    np.testing.assert_allclose(px.stddev(), [[0.01, 0.1, 1]], rtol=1e-5)
    fixed = BoundedGaussian(0.3)(params)
    np.testing.assert_allclose(fixed.mean()[0, :3], [0, 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(fixed.stddev(), np.full([1, 6], 0.3), rtol=1e-6)
