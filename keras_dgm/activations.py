"""Activations: softplus, that of the paper's networks, for training; and which can be saved.

What is exported is computed by other operations: see `keras_dgm.serving.softplus`.
"""

import contextlib
import json
from typing import Any

import keras
import tensorflow as tf

HOW_TO_REGISTER = (
    "decorate a function of your own with `keras.saving.register_keras_serializable()`"
)


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


def check_activation(identifier: Any) -> Any:
    """A Keras activation by its name or itself, which a saved model can be loaded with.

    Raises:
        ValueError: if it is no activation, or one that Keras does not find by what it saves.
    """
    try:
        activation = keras.activations.get(identifier)
    except (TypeError, ValueError):
        raise ValueError(
            f"`activation` must be the name of a Keras activation, or one, got {identifier!r}"
        ) from None
    if not is_loadable(activation):
        raise ValueError(
            "`activation` must be one that a saved model can be loaded with, got "
            f"{identifier!r}: {HOW_TO_REGISTER}, and give others by their names"
        )
    return activation


def is_loadable(activation: Any) -> bool:
    """Whether Keras finds a function, or an activation layer, by what it saves of it."""
    found = None
    # NumPy's functions are an AttributeError.
    with contextlib.suppress(AttributeError, TypeError, ValueError):
        if getattr(activation, "__name__", "") != "<lambda>":
            config = json.dumps(keras.activations.serialize(activation))
            found = keras.activations.get(json.loads(config))
    return found is activation or (found is not None and isinstance(activation, keras.Layer))
