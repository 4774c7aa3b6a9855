"""Softplus, the activation of the paper's networks, and how it is computed where."""

import contextlib
import contextvars

import keras
import tensorflow as tf

_FUSED = contextvars.ContextVar("fused", default=False)


@contextlib.contextmanager
def fused():
    """Within it, a step is traced for XLA, where many cheap operations cost no more than one."""
    token = _FUSED.set(True)
    try:
        yield
    finally:
        _FUSED.reset(token)


def fast_softplus(x):
    """log(1 + exp(x)) = max(x, 0) - log sigmoid|x|, faster than TensorFlow's own.

    In float32 its error is that of rounding, or 2e-7 where that is more: below -17 it is 0.
    """
    return tf.nn.relu(x) - tf.math.log(tf.sigmoid(tf.abs(x)))


def series_softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log(1 + t), t = exp(-|x|), faster still once fused.

    log(1 + t) = 2 artanh(u) = 2 (u + u^3/3 + u^5/5 + ...), u = t / (2 + t) <= 1/3: to u^13, its
    relative error is that of float32.
    """
    t = tf.exp(-tf.abs(x))
    u = t / (2 + t)
    series = tf.math.polyval([1 / n for n in range(13, 0, -2)], u * u)
    return tf.nn.relu(x) + 2 * u * series


@keras.saving.register_keras_serializable(package="keras_dgm")
def softplus(x):
    """log(1 + exp(x)) with its gradient, sigmoid(x) = 1 - exp(-softplus(x)), for training.

    That of the formulas would be 0 at x = 0; this one is exact to 1e-7. In half precision,
    sigmoid|x| loses what the logarithm needs: there, and in float64, it is TensorFlow's.
    """
    return _softplus(x) if x.dtype == tf.float32 else tf.nn.softplus(x)


@tf.custom_gradient
def _softplus(x):
    y = series_softplus(x) if _FUSED.get() else fast_softplus(x)
    return y, lambda gradient: gradient * (1 - tf.exp(-y))


def activation_of(identifier):
    """A Keras activation by its name or itself; for Keras' softplus, the one above."""
    activation = keras.activations.get(identifier)
    return softplus if activation is keras.activations.softplus else activation
