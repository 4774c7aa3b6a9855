"""The distributions of the latent variables, made from the tensors that networks put out.

Every factory takes parameters of shape [..., P]; those of p(x|.) are in `keras_dgm.likelihoods`.
Half-precision parameters are raised to float32, so that no bound is ever computed in less.
"""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

# Of logarithms that networks put out: as they are up to the first, never beyond the second.
# exp(20) and its inverse square are finite in float32.
LINEAR, LIMIT = 10.0, 20.0


def full_precision(params: tf.Tensor) -> tf.Tensor:
    """In float32 at least."""
    return tf.cast(params, keras.backend.result_type(params.dtype, "float32"))


def bounded(logarithm: tf.Tensor) -> tf.Tensor:
    """A number that stays within ±20, with a gradient everywhere: within ±10 it is as it is."""
    inside = tf.clip_by_value(logarithm, -LINEAR, LINEAR)
    beyond = tf.nn.relu(tf.abs(logarithm) - LINEAR)
    # In this form the gradient, 1 / (1 + beyond / room)^2, is no difference of large numbers.
    room = LIMIT - LINEAR
    return inside + tf.sign(logarithm) * room * (1 - 1 / (1 + beyond / room))


def stddev_of(log_variance: tf.Tensor) -> tf.Tensor:
    """exp(log_variance / 2) of a `bounded` log variance."""
    return tf.exp(0.5 * bounded(log_variance))


def diagonal_normal(params: tf.Tensor) -> Any:
    """N(mean, diag(variance)) over [Z], from params [..., 2 Z] = (mean, log variance)."""
    mean, log_variance = tf.split(full_precision(params), 2, axis=-1)
    return tfd.Independent(tfd.Normal(mean, stddev_of(log_variance)), 1)


def standard_normal_like(qz: Any) -> Any:
    """p(z) = N(0, I) over the same event as `qz`."""
    return standard_normal(qz.event_shape, qz.dtype)


def standard_normal(event_shape: Any, dtype: Any) -> Any:
    """N(0, I) over vectors of shape [Z]."""
    mean = tf.zeros(event_shape, dtype)
    return tfd.Independent(tfd.Normal(mean, tf.ones_like(mean)), 1)


def categorical(logits: tf.Tensor) -> Any:
    """Cat(softmax(logits)) over K classes, from logits [..., K]."""
    return tfd.Categorical(logits=full_precision(logits))


def reparameterize(qz: Any, noise: tf.Tensor) -> tf.Tensor:
    """Turn standard normal noise into samples of `qz`: z = mean + stddev * noise."""
    return qz.mean() + qz.stddev() * noise


def kl_per_dimension(qz: Any) -> tf.Tensor:
    """KL[q(z_d) || N(0, 1)] of a diagonal Gaussian, [..., Z]."""
    normal = qz.distribution
    return tfd.kl_divergence(normal, tfd.Normal(tf.zeros([], normal.dtype), 1.0))
