"""Identities of J, L, U and J^alpha, on distributions alone."""

import numpy as np
import pytest
import tensorflow as tf

from keras_dgm import bounds
from keras_dgm.bounds import Elbo, tfd
from keras_dgm.distributions import categorical, diagonal_normal, standard_normal_like

B, K, D, Z = 5, 4, 3, 2


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def minus_l(rng):
    """-L(x, y) of all classes, by its terms."""
    return Elbo(tf.constant(rng.normal(-5, 3, [B, K])), tf.constant(rng.gamma(2, 1, [B, K])))


def test_minus_j_is_the_log_likelihood_less_the_divergence(rng):
    x = tf.constant(rng.normal(size=[B, D]))
    px_z = diagonal_normal(tf.constant(rng.normal(size=[B, 2 * D])))
    qz_x = diagonal_normal(tf.constant(rng.normal(size=[B, 2 * Z])))

    bound = bounds.elbo(x, px_z, qz_x, standard_normal_like(qz_x))

    mean, variance = qz_x.mean().numpy(), qz_x.variance().numpy()
    kl = 0.5 * np.sum(mean**2 + variance - np.log(variance) - 1, axis=-1)
    np.testing.assert_allclose(bound.kl, kl, rtol=1e-12)
    np.testing.assert_allclose(bound.reconstruction, px_z.log_prob(x), rtol=1e-12)
    np.testing.assert_allclose(bound.elbo, px_z.log_prob(x) - kl, rtol=1e-12)


def test_minus_l_adds_the_log_prior_of_the_class(rng):
    x = tf.constant(rng.normal(size=[B, 1, D]))
    y = tf.constant(rng.integers(0, K, [B, 2]))
    px_yz = diagonal_normal(tf.constant(rng.normal(size=[B, 2, 2 * D])))
    qz_xy = diagonal_normal(tf.constant(rng.normal(size=[B, 2, 2 * Z])))
    pz = standard_normal_like(qz_xy)
    prior = np.array([0.1, 0.2, 0.3, 0.4])

    bound = bounds.labeled_bound(x, y, px_yz, qz_xy, pz, categorical(tf.math.log(prior)))

    minus_j = bounds.elbo(x, px_yz, qz_xy, pz)
    assert bound.elbo.shape == [B, 2]
    np.testing.assert_allclose(bound.elbo, minus_j.elbo + np.log(prior)[y], rtol=1e-12)
    np.testing.assert_allclose(bound.reconstruction, minus_j.reconstruction, rtol=1e-12)


def test_minus_u_is_the_expectation_plus_the_entropy(rng, minus_l):
    qy_x = categorical(tf.constant(rng.normal(size=[B, K])))
    q = qy_x.probs_parameter().numpy()

    bound = bounds.unlabeled_bound(minus_l, qy_x)

    expected = np.sum(q * minus_l.elbo, axis=-1) - np.sum(q * np.log(q), axis=-1)
    np.testing.assert_allclose(bound.elbo, expected, rtol=1e-12)
    np.testing.assert_allclose(bound.reconstruction, np.sum(q * minus_l.reconstruction, -1))


def test_minus_u_is_below_the_log_sum_by_the_divergence_of_qy_x(rng, minus_l):
    """-U(x) = logsumexp_y(-L(x, y)) - KL[q(y|x) || softmax(-L(x, y))]."""
    qy_x = categorical(tf.constant(rng.normal(size=[B, K])))

    gap = tf.reduce_logsumexp(minus_l.elbo, -1) - bounds.unlabeled_bound(minus_l, qy_x).elbo

    assert np.all(gap > 0)
    np.testing.assert_allclose(gap, tfd.kl_divergence(qy_x, categorical(minus_l.elbo)), rtol=1e-10)


def test_minus_u_reaches_the_log_sum_where_qy_x_is_the_posterior(minus_l):
    bound = bounds.unlabeled_bound(minus_l, categorical(minus_l.elbo))

    np.testing.assert_allclose(bound.elbo, tf.reduce_logsumexp(minus_l.elbo, -1), rtol=1e-12)


def test_minus_u_of_a_certain_classifier_is_minus_l(minus_l):
    """Also where the other classes' probabilities underflow to 0, and in the gradient."""
    logits = tf.constant(1000.0 * np.eye(K)[[0, 1, 2, 3, 0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        minus_u = bounds.unlabeled_bound(minus_l, categorical(logits)).elbo

    np.testing.assert_allclose(minus_u, minus_l.elbo.numpy()[np.arange(B), [0, 1, 2, 3, 0]])
    assert np.all(np.isfinite(tape.gradient(minus_u, logits)))


def test_j_alpha_sums_to_equation_9(rng):
    """Its mean over all N examples is J^alpha / N, alpha N times the labelled ones' mean in it."""
    labeled = np.array([True, False, True, False, False])
    elbo, cross_entropy = rng.normal(size=[2, B])

    fraction = tf.constant(2 / B, tf.float64)
    loss = bounds.j_alpha(tf.constant(elbo), tf.constant(cross_entropy), labeled, 0.1, fraction)

    j_alpha = -elbo.sum() + 0.1 * B * cross_entropy[labeled].mean()
    np.testing.assert_allclose(np.mean(loss), j_alpha / B, rtol=1e-12)


def test_j_alpha_of_unlabelled_examples_is_u(rng):
    elbo, cross_entropy = rng.normal(size=[2, B])
    labeled = np.zeros(B, bool)

    for fraction in (0.5, 0.0):
        loss = bounds.j_alpha(tf.constant(elbo), cross_entropy, labeled, 0.1, fraction)
        np.testing.assert_array_equal(loss, -elbo)
