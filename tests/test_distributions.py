"""The factories of distributions, against SciPy and by Monte Carlo."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from keras_dgm import distributions
from keras_dgm.bounds import tfd
from keras_dgm.distributions import Likelihood

MEAN, LOG_VARIANCE = np.array([0.5, -1.0, 2.0]), np.array([-1.0, 0.3, 0.8])
PARAMS = tf.constant(np.concatenate([MEAN, LOG_VARIANCE]))


def test_diagonal_normal_has_the_density_of_its_parameters():
    x = np.array([0.1, 0.2, 0.3])

    qz = distributions.diagonal_normal(PARAMS)

    expected = stats.norm.logpdf(x, MEAN, np.exp(LOG_VARIANCE / 2)).sum()
    np.testing.assert_allclose(qz.log_prob(x), expected, rtol=1e-12)
    np.testing.assert_allclose(qz.variance(), np.exp(LOG_VARIANCE), rtol=1e-12)


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

    made = [
        distributions.diagonal_normal(params),
        Likelihood("bernoulli")(params),
        Likelihood("gaussian")(params),
        Likelihood("gaussian", 0.1)(params),
    ]

    assert all(distribution.mean().dtype == raised for distribution in made)
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


def test_bernoulli_takes_logits_and_grey_values():
    logits, x = np.array([0.5, -2.0, 1.0]), np.array([0.0, 1.0, 0.3])
    p = 1 / (1 + np.exp(-logits))

    px = Likelihood("bernoulli")(tf.constant(logits))

    expected = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p))
    for grey in (x, tf.constant(x)):
        np.testing.assert_allclose(px.log_prob(grey), expected, rtol=1e-12)
    np.testing.assert_allclose(px.mean(), p, rtol=1e-12)


def test_bernoulli_takes_events_of_any_type():
    px = Likelihood("bernoulli")(tf.constant([0.5, -2.0]))

    of_floats = px.log_prob(tf.constant([0.0, 1.0]))
    for dtype in (tf.int32, tf.float64, tf.float16):
        np.testing.assert_array_equal(px.log_prob(tf.constant([0, 1], dtype)), of_floats)


def test_bernoulli_gradients_in_float32():
    logits = tf.linspace(-30.0, 30.0, 61)
    x = tf.range(61.0) % 11 / 10
    px, gradient = tfp.math.value_and_gradient(
        lambda logits: Likelihood("bernoulli")(logits).log_prob(x), logits
    )

    exact = tfp.distributions.Bernoulli(tf.cast(logits, "float64")).log_prob(tf.cast(x, "float64"))
    np.testing.assert_allclose(px, tf.reduce_sum(exact), rtol=1e-6)
    np.testing.assert_allclose(gradient, x - tf.sigmoid(logits), atol=2e-7)


def test_bernoulli_log_probabilities_do_not_saturate():
    """log p(0) at a logit of 200 is -200, where a probability in float32 would round to log 0."""
    px = Likelihood("bernoulli")(tf.constant([200.0]))

    np.testing.assert_allclose(px.log_prob(tf.zeros([1])), -200, rtol=1e-6)


def test_gaussian_of_a_fixed_scale():
    means, x = np.array([0.5, -2.0]), np.array([0.0, 1.0])

    px = Likelihood("gaussian", 0.3)(tf.constant(means))

    np.testing.assert_allclose(px.log_prob(x), stats.norm.logpdf(x, means, 0.3).sum(), rtol=1e-6)


def test_a_bounded_gaussian_stays_within_its_bounds():
    """Means in [0, 1], standard deviations in [0.01, 1]; 0.1 in the middle."""
    params = tf.constant([[-50.0, 0.0, 50.0, -50.0, 0.0, 50.0]])

    px = Likelihood("bounded_gaussian")(params)

    np.testing.assert_allclose(px.mean(), [[0, 0.5, 1]], atol=1e-6)
    np.testing.assert_allclose(px.stddev(), [[0.01, 0.1, 1]], rtol=1e-5)
    fixed = Likelihood("bounded_gaussian", 0.3)(params)
    np.testing.assert_allclose(fixed.mean()[0, :3], [0, 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(fixed.stddev(), np.full([1, 6], 0.3), rtol=1e-6)


@pytest.mark.parametrize(
    ("likelihood", "size"),
    [
        (Likelihood("bernoulli"), 7),
        (Likelihood("gaussian", 1.0), 7),
        (Likelihood("gaussian"), 14),
        (Likelihood("bounded_gaussian", 0.1), 7),
        (Likelihood("bounded_gaussian"), 14),
    ],
)
def test_params_size_is_what_the_likelihood_takes(likelihood, size):
    assert likelihood.params_size(7) == size
    assert likelihood(tf.zeros([2, size])).event_shape == [7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("poisson",), r"`likelihood` must be one of \('bernoulli', 'gaussian', .*, got 'poisson'"),
        (("bernoulli", 0.1), "`likelihood_scale` belongs to the gaussian.*got 0.1"),
        (("gaussian", 0.0), "`likelihood_scale` must be positive and finite, got 0.0"),
        (("gaussian", -1.0), "`likelihood_scale` must be positive and finite, got -1.0"),
        (("gaussian", float("nan")), "`likelihood_scale` must be positive and finite, got nan"),
        (("gaussian", float("inf")), "`likelihood_scale` must be positive and finite, got inf"),
    ],
)
def test_bad_likelihoods(arguments, message):
    with pytest.raises(ValueError, match=message):
        Likelihood(*arguments)
