"""What the preprocessors of the package have in common."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks


class Preprocessor(keras.layers.Layer):
    """A layer that is fitted once with `adapt`, then constant, and can be inverted.

    What was fitted are non-trainable weights, part of a saved or exported model. Computes in
    float32 also under a mixed-precision policy, unless another `dtype` is given.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": kwargs.get("dtype") or "float32"})
        self._adapted = False

    def adapt(self, x: npt.ArrayLike) -> None:
        """Fits the layer to data [N, D]; a repeated call starts afresh."""
        raise NotImplementedError

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """What the layer maps to `z`."""
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        """log |det dz/dx|: added to a bound on z, it makes one on x. [..., D] -> [...]."""
        raise NotImplementedError

    def _fitted_weight(self) -> Any:
        """A weight that is 0 throughout until the layer is adapted, and never after."""
        raise NotImplementedError

    def _width(self, input_shape: tuple[int | None, ...]) -> int:
        width = input_shape[-1]
        if len(input_shape) != 2 or width is None:
            raise ValueError(
                f"{type(self).__name__} needs inputs of shape [B, D] with a known D, "
                f"got {tuple(input_shape)}"
            )
        return width

    def _constant(self, name: str, shape: tuple[int, ...], initializer: str = "zeros") -> Any:
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=False, autocast=False
        )

    def _value(self, weight: Any) -> tf.Tensor:
        return keras.ops.cast(weight, self.compute_dtype)

    def _assert_adapted(self) -> None:
        if self._adapted or _is_symbolic():
            return
        # Weights also arrive by loading.
        with tf.init_scope():
            self._adapted = self.built and bool(np.any(self._fitted_weight().numpy()))
        if not self._adapted:
            raise ValueError(
                f"`adapt` the {type(self).__name__} layer {self.name!r} to data before using it"
            )


def _is_symbolic() -> bool:
    """Whether Keras only infers shapes, as it does to build a model before it loads its weights."""
    with keras.SymbolicScope() as scope:
        return scope.original_scope is not None


def check_rows(x: npt.ArrayLike, *, width: int | None) -> np.ndarray:
    """Checks examples with missing entries and returns them as a float32 matrix.

    Args:
        x: [N, ...], numbers, NaN where an entry is missing; the trailing axes are flattened.
        width: D; None allows any.

    Raises:
        ValueError: if `x` is empty, of another shape, not numeric or infinite, or a column has no
            observed entry.
    """
    array = np.asarray(x)
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    filled = np.where(missing, 0, array) if missing.any() else array
    rows = checks.check_features(filled, width=width)
    missing = missing.reshape(rows.shape)
    if not missing.any():
        return rows
    if missing.all(axis=0).any():
        column = int(np.argmax(missing.all(axis=0)))
        raise ValueError(
            f"`x` must have an observed entry in every column, got none in column {column}"
        )
    return np.where(missing, np.float32(np.nan), rows)
