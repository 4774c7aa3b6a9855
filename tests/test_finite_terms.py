"""The terms of the bounds are finite over the range of float32, values and gradients.

Log variances and logits are any float32. What is squared is at most 1e12: its square over the cube
of the smallest deviation, e^-10, which gradients pass through, is near the end of the range.
"""

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import scipy.special
import tensorflow as tf
from hypothesis import strategies as st

from keras_dgm import activations, bounds, distributions, likelihoods

SIZE, MAX = 8, float(np.finfo(np.float32).max)
SETTINGS = hypothesis.settings(max_examples=100, deadline=None, derandomize=True)


def vectors(limit=MAX, low=None):
    floats = st.floats(-limit if low is None else low, limit, width=32)
    return hypothesis.extra.numpy.arrays(np.float32, SIZE, elements=floats)


ANY, SQUARED = vectors(), vectors(float(np.float32(1e12)))
# A sum of SIZE of them is still a float32.
SUMMED = vectors(MAX / (2 * SIZE))


def value_and_gradients(function, *inputs):
    inputs = [tf.constant(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
    return [value.numpy(), *(g.numpy() for g in tape.gradient(value, inputs))]


def assert_finite(arrays):
    for array in arrays:
        assert np.isfinite(array).all(), array


@SETTINGS
@hypothesis.given(ANY)
def test_softplus(x):
    value, gradient = value_and_gradients(activations.softplus, x)

    np.testing.assert_allclose(value, np.logaddexp(0, x.astype(np.float64)), rtol=1e-5, atol=2e-7)
    assert np.all((gradient >= 0) & (gradient <= 1))


@SETTINGS
@hypothesis.given(ANY, ANY)
def test_the_deviations_of_any_log_variances(mean, log_variance):
    normal = distributions.diagonal_normal(tf.concat([mean, log_variance], 0))
    exact = log_variance.astype(np.float64)
    beyond = np.maximum(np.abs(exact) - 10, 0)
    bounded = np.sign(exact) * (np.minimum(np.abs(exact), 10) + beyond / (1 + beyond / 10))

    np.testing.assert_allclose(normal.stddev(), np.exp(bounded / 2), rtol=1e-5)
    assert_finite([normal.variance(), 1 / normal.variance(), normal.entropy()])


@SETTINGS
@hypothesis.given(ANY)
def test_bounded_logarithms(logarithm):
    """In their value and in their gradient, positive as far as float32 has its inverse square."""
    value, gradient = value_and_gradients(distributions.bounded, logarithm)

    assert np.all(np.abs(value) <= 20)
    assert np.all((gradient >= 0) & (gradient <= 1))
    assert np.all(gradient[np.abs(logarithm) < 1e15] > 0)


@SETTINGS
@hypothesis.given(ANY)
def test_log_sum_exp(logits):
    """Infinite only where log q(y|x) itself is beyond float32."""
    qy_x = distributions.categorical(logits)
    exact = scipy.special.log_softmax(logits.astype(np.float64))
    log_prob = qy_x.log_prob(np.arange(SIZE)).numpy()

    assert not np.isnan(log_prob).any() and np.all(log_prob <= 0)
    assert np.isfinite(log_prob[exact > -MAX]).all()
    np.testing.assert_allclose(log_prob[exact > -1e37], exact[exact > -1e37], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(qy_x.probs_parameter()), 1, rtol=1e-5)
    assert 0 <= qy_x.entropy() <= np.log(SIZE) * (1 + 1e-5)


@SETTINGS
@hypothesis.given(vectors(MAX / 4), st.integers(0, SIZE - 1))
def test_the_classification(logits, label):
    def cross_entropy(logits):
        return -distributions.categorical(logits).log_prob(label)

    assert_finite(value_and_gradients(cross_entropy, logits))


@SETTINGS
@hypothesis.given(vectors(1.0, low=0.0), SUMMED, SQUARED, ANY, vectors(5.0))
def test_the_terms_of_minus_j_bernoulli(x, logits, mean, log_variance, noise):
    def terms(logits, mean, log_variance):
        qz_x = distributions.diagonal_normal(tf.concat([mean, log_variance], 0))
        px_z = likelihoods.Bernoulli()(logits)
        bound = bounds.elbo(x, px_z, qz_x, distributions.standard_normal_like(qz_x))
        z = distributions.reparameterize(qz_x, noise)
        return tf.concat([tf.stack(bound), z], 0)

    assert_finite(value_and_gradients(terms, logits, mean, log_variance))


@SETTINGS
@hypothesis.given(SQUARED, SQUARED, ANY)
def test_the_reconstruction_by_a_gaussian(x, mean, log_variance):
    def log_likelihood(mean, log_variance):
        px_z = likelihoods.Gaussian()(tf.concat([mean, log_variance], 0))
        return px_z.log_prob(x)

    assert_finite(value_and_gradients(log_likelihood, mean, log_variance))


@SETTINGS
@hypothesis.given(SUMMED, SUMMED, vectors(MAX / 4))
def test_the_terms_of_minus_u(reconstruction, kl, logits):
    """A class of no probability adds nothing, however bad its bound."""

    def terms(reconstruction, kl, logits):
        qy_x = distributions.categorical(logits[None])
        minus_l = bounds.Elbo(reconstruction[None], kl[None])
        return tf.concat(bounds.unlabeled_bound(minus_l, qy_x), 0)

    assert_finite(value_and_gradients(terms, reconstruction, kl, logits))
