"""The factories of distributions, against SciPy and by Monte Carlo."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_dgm import distributions
from keras_dgm.bounds import tfd

MEAN, LOG_VARIANCE = np.array([0.5, -1.0, 2.0]), np.array([-1.0, 0.3, 0.8])
PARAMS = tf.constant(np.concatenate([MEAN, LOG_VARIANCE]))


def test_diagonal_normal_has_the_density_of_its_parameters():
    x = np.array([0.1, 0.2, 0.3])

    qz = distributions.diagonal_normal(PARAMS)

    expected = stats.norm.logpdf(x, MEAN, np.exp(LOG_VARIANCE / 2)).sum()
    np.testing.assert_allclose(qz.log_prob(x), expected, rtol=1e-12)
    np.testing.assert_allclose(qz.variance(), np.exp(LOG_VARIANCE), rtol=1e-12)


BEYOND = np.array([10.5, 11.0, 20.0, 30.0, 200.0, 1e6])


def test_log_variances_are_as_they_are_up_to_10_and_never_beyond_20():
    """10 + t / (1 + t / 10), t beyond 10: of slope 1 there, and rising for ever."""
    inside = np.linspace(-10, 10, 41)
    np.testing.assert_array_equal(distributions.bounded(tf.constant(inside)), inside)

    found = distributions.bounded(tf.constant(BEYOND)).numpy()

    t = BEYOND - 10
    np.testing.assert_allclose(found, 10 + t / (1 + t / 10), rtol=1e-12)
    assert np.all(np.diff(found) > 0) and found.max() < 20
    np.testing.assert_array_equal(distributions.bounded(tf.constant(-BEYOND)), -found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_log_variance_far_out_has_a_gradient(dtype):
    """1 / (1 + t / 10)^2; so the divergence brings it back from either side."""
    logarithm = tf.constant(np.r_[-BEYOND, -10.0, 0.0, 10.0, BEYOND], dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logarithm)
        bounded = distributions.bounded(logarithm)
        qz = distributions.diagonal_normal(tf.stack([tf.zeros_like(logarithm), logarithm], -1))
        kl = tfd.kl_divergence(qz, distributions.standard_normal_like(qz))

    t = np.maximum(np.abs(logarithm.numpy()) - 10, 0)
    slope = tape.gradient(bounded, logarithm).numpy()
    rtol = 1e-3 if dtype == "float32" else 1e-8
    np.testing.assert_allclose(slope, 1 / (1 + t / 10) ** 2, rtol=rtol)
    of_kl = tape.gradient(kl, logarithm).numpy()
    np.testing.assert_array_equal(np.sign(of_kl), np.sign(logarithm))
    np.testing.assert_allclose(of_kl, 0.5 * slope * (np.exp(bounded.numpy()) - 1), rtol=10 * rtol)


def test_diagonal_normal_stays_finite_for_any_parameters():
    params = tf.constant([[0.0, -1e6], [0.0, 1e6]])
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = distributions.diagonal_normal(params).log_prob(tf.ones([2, 1]))

    assert np.all(np.isfinite(log_prob))
    assert np.all(np.isfinite(tape.gradient(log_prob, params)))


@pytest.mark.parametrize(
    ("dtype", "raised"),
    [
        ("bfloat16", "float32"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_no_distribution_computes_in_half_precision(dtype, raised):
    params = tf.cast(PARAMS, dtype)

    assert distributions.diagonal_normal(params).mean().dtype == raised
    assert distributions.categorical(params).logits.dtype == raised


def test_samples_are_reparameterised():
    """z = mean + stddev noise, and so dz/dmean = 1, dz/dlog_variance = stddev noise / 2."""
    noise = np.array([0.3, -2.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(PARAMS)
        z = distributions.reparameterize(distributions.diagonal_normal(PARAMS), noise)

    stddev = np.exp(LOG_VARIANCE / 2)
    np.testing.assert_allclose(z, MEAN + stddev * noise, rtol=1e-12)
    expected = np.concatenate([np.ones(3), stddev * noise / 2])
    np.testing.assert_allclose(tape.gradient(z, PARAMS), expected, rtol=1e-12)


def test_divergence_from_the_prior_by_monte_carlo():
    """E_q[log q(z) - log p(z)], value and reparameterised gradient, within 5 standard errors."""
    n = 50_000
    params = tf.tile(PARAMS[None], [n, 1])  # one copy a sample: per-sample gradients
    noise = np.random.default_rng(0).normal(size=[n, 3])
    with tf.GradientTape() as tape:
        tape.watch(params)
        qz = distributions.diagonal_normal(params)
        z = distributions.reparameterize(qz, noise)
        sampled = qz.log_prob(z) - distributions.standard_normal_like(qz).log_prob(z)
    sampled_gradient = tape.gradient(sampled, params).numpy()
    with tf.GradientTape() as tape:
        tape.watch(PARAMS)
        qz = distributions.diagonal_normal(PARAMS)
        exact = tfd.kl_divergence(qz, distributions.standard_normal_like(qz))
    exact_gradient = tape.gradient(exact, PARAMS).numpy()

    closed_form = 0.5 * np.sum(MEAN**2 + np.exp(LOG_VARIANCE) - LOG_VARIANCE - 1)
    np.testing.assert_allclose(exact, closed_form, rtol=1e-12)
    np.testing.assert_allclose(
        exact_gradient, np.concatenate([MEAN, (np.exp(LOG_VARIANCE) - 1) / 2]), rtol=1e-12
    )
    assert_within_standard_errors(sampled.numpy(), exact)
    assert_within_standard_errors(sampled_gradient, exact_gradient)


def assert_within_standard_errors(samples, expected, errors=5):
    standard_error = samples.std(axis=0) / np.sqrt(len(samples))
    assert np.all(np.abs(samples.mean(axis=0) - expected) < errors * standard_error)


def test_categorical_is_made_of_logits():
    logits = np.array([1.0, 2.0, -1.0])

    qy_x = distributions.categorical(tf.constant(logits))

    probs = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(qy_x.probs_parameter(), probs, rtol=1e-12)
    np.testing.assert_allclose(-qy_x.log_prob(1), -np.log(probs[1]), rtol=1e-12)
