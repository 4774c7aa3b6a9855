"""The inverse of a preprocessor, whoever wrote it."""

from collections.abc import Callable

import keras
import tensorflow as tf


def inverse_of(layer: object) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function that undoes a preprocessor: [..., P] -> [..., D].

    Args:
        layer: a Keras layer with a method `inverse`, or `keras.layers.Normalization`.

    Raises:
        ValueError: if it is neither.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from keras_dgm.preprocessing import inverse_of
        >>> layer = keras.layers.Normalization()
        >>> layer.adapt(np.array([[1.0], [3.0]]))
        >>> inverse_of(layer)(layer(np.array([[2.0]]))).numpy().tolist()
        [[2.0]]
    """
    if isinstance(layer, keras.layers.Normalization):
        return _denormalize(layer)
    inverse = getattr(layer, "inverse", None)
    if isinstance(layer, keras.layers.Layer) and callable(inverse):
        return inverse
    kind = type(layer)
    hint = ""
    if kind.__module__.startswith("sklearn."):
        hint = "; of what scikit-learn scales, keras_dgm.preprocessing has Standardize and PCA"
    raise ValueError(
        "`preprocessor` must be a Keras layer with a method `inverse`, or "
        f"keras.layers.Normalization, got a {kind.__module__}.{kind.__qualname__}{hint}"
    )


def check_adapted(layer: object) -> None:
    """Refuse a `keras.layers.Normalization` that no data has been seen by, which does nothing.

    Raises:
        ValueError: if it has neither been adapted nor given moments.
    """
    if not isinstance(layer, keras.layers.Normalization) or layer.input_mean is not None:
        return
    if layer.built:
        mean, variance = map(keras.ops.convert_to_numpy, (layer.adapt_mean, layer.adapt_variance))
        if mean.any() or (variance != 1).any():
            return
    raise ValueError(
        f"`adapt` the Normalization layer {layer.name!r} to data before using it, or give it "
        "`mean` and `variance`"
    )


def _denormalize(layer: keras.layers.Normalization) -> Callable[[tf.Tensor], tf.Tensor]:
    def inverse(z: tf.Tensor) -> tf.Tensor:
        if layer.mean is None:
            check_adapted(layer)  # Or it has moments, and takes them once it is built.
            layer.build((None, z.shape[-1]))
        z = keras.ops.cast(z, layer.compute_dtype)
        mean, variance = (_of_a_row(v, z.dtype) for v in (layer.mean, layer.variance))
        scale = keras.ops.maximum(keras.ops.sqrt(variance), keras.config.epsilon())
        return (z - mean) / scale if layer.invert else z * scale + mean

    return inverse


def _of_a_row(moment: tf.Tensor, dtype: str) -> tf.Tensor:
    """A moment without its leading axis, which is 1 for the batch."""
    return keras.ops.cast(keras.ops.reshape(moment, moment.shape[1:]), dtype)
