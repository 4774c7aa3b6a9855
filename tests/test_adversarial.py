"""The adversarial loss, on functions that give q(y|x + r): closed forms and gradients, float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from keras_dgm.adversarial import Smoothness, adversarial_loss, perturbation, unit
from keras_dgm.distributions import categorical, tfd

B, W, K = 7, 4, 3
LENGTH = 0.3


@pytest.fixture
def x():
    return tf.constant(np.random.default_rng(0).normal(size=[B, W]))


@pytest.fixture
def direction():
    return tf.constant(np.random.default_rng(1).normal(size=[B, W]))


def tanh_network(seed=2):
    """The weights of a network of one hidden layer, and the function from them and x to q(y|x)."""
    rng = np.random.default_rng(seed)
    weights = [tf.Variable(rng.normal(size=shape)) for shape in ([W, 5], [5, K])]
    return weights, lambda x: categorical(tf.tanh(x @ weights[0]) @ weights[1])


def test_of_a_linear_classifier_of_two_classes_r_is_along_the_difference_of_the_weights(
    x, direction
):
    """log q(1) - log q(0) = w^T x + b changes along w alone: one power iteration is exact."""
    kernel, bias = np.random.default_rng(2).normal(size=[W, 2]), [0.3, -0.2]

    def qy(x):
        return categorical(x @ kernel + bias)

    r = perturbation(lambda r: qy(x + r), qy(x), direction, LENGTH)

    w = kernel[:, 1] - kernel[:, 0]
    towards = np.sign(direction @ w[:, None])  # An eigenvector is one whatever its sign.
    np.testing.assert_allclose(r, LENGTH * towards * w / np.linalg.norm(w), rtol=1e-9)
    logit = x @ w[:, None] + (bias[1] - bias[0])
    p, q = (special.expit(logit + s * LENGTH * np.linalg.norm(w)) for s in (0, towards))
    divergence = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    loss = adversarial_loss(lambda r: qy(x + r), direction, LENGTH)
    np.testing.assert_allclose(loss, divergence[:, 0], rtol=1e-9)


def test_a_constant_classifier_has_no_adversary(x, direction):
    logits = tf.Variable(np.random.default_rng(2).normal(size=[1, K]))
    with tf.GradientTape() as tape:
        loss = adversarial_loss(lambda r: categorical(logits + 0 * r[:, :1]), direction, LENGTH)
    detached = adversarial_loss(lambda r: categorical(logits[0] + 0 * x[:, :1]), direction, LENGTH)

    np.testing.assert_array_equal(loss, np.zeros(B))
    np.testing.assert_array_equal(detached, np.zeros(B))
    np.testing.assert_allclose(tape.gradient(loss, logits), np.zeros([1, K]), atol=1e-15)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 30.0], ids=["flat", "curved", "sure"])
def test_r_has_its_length_however_flat_the_classifier_is(scale, x, direction):
    _, qy = tanh_network()

    def qy_near(r):
        return categorical(scale * qy(x + r).logits_parameter())

    r = perturbation(qy_near, qy_near(0 * x), direction, LENGTH)

    np.testing.assert_allclose(np.linalg.norm(r, axis=-1), LENGTH, rtol=1e-12)


def test_r_changes_more_than_random_directions_do(x, direction):
    _, qy = tanh_network()
    adversarial = adversarial_loss(lambda r: qy(x + r), direction, LENGTH)

    rng = np.random.default_rng(3)
    others = [LENGTH * unit(tf.constant(rng.normal(size=x.shape))) for _ in range(50)]
    random = [tfd.kl_divergence(qy(x), qy(x + r)) for r in others]

    assert np.all(adversarial > np.mean(random, axis=0))
    assert np.mean(adversarial > np.array(random)) > 0.9


def test_the_gradient_is_that_of_q_near_x_alone(x, direction):
    """Against central differences, in which q(y|x) and r stay where they are."""
    weights, qy = tanh_network()
    target = categorical(tf.constant(qy(x).logits_parameter()))
    r = perturbation(lambda r: qy(x + r), target, direction, LENGTH)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(adversarial_loss(lambda r: qy(x + r), direction, LENGTH))
    gradients = tape.gradient(loss, weights)

    step = 1e-5
    for variable, gradient in zip(weights, gradients, strict=True):
        at = variable.numpy()
        difference = np.zeros_like(at)
        for index in np.ndindex(at.shape):
            for sign in (1, -1):
                moved = at.copy()
                moved[index] += sign * step
                variable.assign(moved)
                divergence = np.sum(tfd.kl_divergence(target, qy(x + r)))
                difference[index] += sign * divergence / (2 * step)
        variable.assign(at)
        np.testing.assert_allclose(gradient, difference, rtol=1e-6, atol=1e-9)


def test_the_spread_is_the_root_mean_square_distance_from_the_mean():
    x = np.random.default_rng(0).normal(3, [1.0, 0.0, 5.0], [20, 3])
    smoothness = Smoothness(1.0, 0.1, "float64")

    smoothness.measure([x[:7], x[7:]])

    expected = np.sqrt(np.mean(np.sum((x - x.mean(0)) ** 2, axis=-1)))
    np.testing.assert_allclose(smoothness.spread, expected, rtol=1e-12)
