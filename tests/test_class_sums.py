"""The estimate of the sum over classes: unbiased in value and in gradient, and when it is used."""

import numpy as np
import pytest
import tensorflow as tf

from keras_dgm import distributions
from keras_dgm.class_sums import smallest_sum, sum_and_sample

K = 5
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=[1, K])
VALUES = RNG.normal(size=[K])


def estimate(logits, slopes, k, sampled):
    """The estimate of sum_y q(y|x) f(y), f(y) = slopes[y]^2, when class `sampled` is drawn."""
    gumbel = tf.one_hot([sampled], K, on_value=1e6, dtype=tf.float64)
    classes, weights = sum_and_sample(distributions.categorical(logits), k, gumbel)
    return tf.reduce_sum(weights * tf.gather(slopes, classes) ** 2), classes.numpy()[0]


@pytest.mark.parametrize("k", [1, 2, K - 1])
def test_the_estimate_is_unbiased_in_value_and_gradient_by_enumeration(k):
    logits, slopes = tf.constant(LOGITS), tf.constant(VALUES)
    with tf.GradientTape() as tape:
        tape.watch([logits, slopes])
        exact = tf.reduce_sum(tf.nn.softmax(logits) * slopes**2)
    exact_gradients = tape.gradient(exact, [logits, slopes])

    probs = tf.nn.softmax(logits).numpy()[0]
    rest = np.argsort(-probs)[k:]
    mean, mean_gradients = 0.0, [0.0, 0.0]
    for sampled in rest:
        chance = probs[sampled] / probs[rest].sum()
        with tf.GradientTape() as tape:
            tape.watch([logits, slopes])
            value, classes = estimate(logits, slopes, k, sampled)
        assert classes[-1] == sampled
        assert set(classes[:-1]) == set(np.argsort(-probs)[:k])
        mean += chance * value.numpy()
        gradients = tape.gradient(value, [logits, slopes])
        for i, gradient in enumerate(gradients):
            mean_gradients[i] += chance * tf.convert_to_tensor(gradient).numpy()
    np.testing.assert_allclose(mean, exact, rtol=1e-12)
    for estimated, gradient in zip(mean_gradients, exact_gradients, strict=True):
        np.testing.assert_allclose(estimated, gradient, rtol=1e-10, atol=1e-14)


def test_classes_are_drawn_with_their_probabilities():
    draws = 20_000
    logits = tf.constant(np.repeat(LOGITS, draws, 0))
    uniform = np.random.default_rng(1).uniform(size=[draws, K])
    gumbel = tf.constant(-np.log(-np.log(uniform)))
    classes, _ = sum_and_sample(distributions.categorical(logits), 2, gumbel)
    probs = tf.nn.softmax(LOGITS).numpy()[0]
    probs[np.argsort(-probs)[:2]] = 0
    probs /= probs.sum()
    counts = np.bincount(classes[:, -1].numpy(), minlength=K)
    # Five standard errors of a frequency.
    np.testing.assert_array_less(np.abs(counts / draws - probs), 5 * (0.5 / draws**0.5) + 1e-12)
    assert counts[probs == 0].sum() == 0


def test_a_certain_posterior_leaves_the_estimate_finite():
    logits = tf.constant([[200.0, -200.0, 0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        _, weights = sum_and_sample(distributions.categorical(logits), 1, tf.zeros([1, K]))
        total = tf.reduce_sum(weights * [[1.0, 2.0]])
    assert np.isfinite(weights).all()
    assert np.isfinite(tape.gradient(total, logits)).all()
    np.testing.assert_allclose(weights[0, 0], 1.0)


@pytest.mark.parametrize(
    ("probs", "k"),
    [([0.25] * 4, 4), ([0.5, 0.4, 0.05, 0.05], 2), ([0.05, 0.9, 0.05, 0.0], 1)],
)
def test_the_sum_shrinks_to_the_classes_that_hold_the_mass(probs, k):
    assert smallest_sum(tf.constant([probs, probs]), mass=0.8) == k
