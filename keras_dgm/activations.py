"""Softplus, the activation of the paper's networks, for training.

What is exported is computed by other operations: see `keras_dgm.serving.softplus`.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_dgm")
def softplus(x: tf.Tensor) -> tf.Tensor:
    """log(1 + exp(x)) with its gradient, sigmoid(x) = 1 - exp(-softplus(x)).

    In float32 it is a series that XLA, which compiles a training step's arithmetic, fuses into one
    operation; its gradient is exact to 1e-7, where that of the formula would be 0 at x = 0. In
    half precision and in float64 it is TensorFlow's.
    """
    return _softplus(x) if x.dtype == tf.float32 else tf.nn.softplus(x)


@tf.custom_gradient
def _softplus(x):
    """max(x, 0) + log(1 + t), t = exp(-|x|).

    log(1 + t) = 2 artanh(u) = 2 (u + u^3/3 + u^5/5 + ...), u = t / (2 + t) <= 1/3: to u^13, its
    relative error is that of float32.
    """
    t = tf.exp(-tf.abs(x))
    u = t / (2 + t)
    series = tf.math.polyval([1 / n for n in range(13, 0, -2)], u * u)
    y = tf.nn.relu(x) + 2 * u * series
    return y, lambda gradient: gradient * (1 - tf.exp(-y))


def activation_of(identifier):
    """A Keras activation by its name or itself; for Keras' softplus, the one above."""
    activation = keras.activations.get(identifier)
    return softplus if activation is keras.activations.softplus else activation
