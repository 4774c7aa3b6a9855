"""Columns brought to one scale."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm.preprocessing import piecewise
from keras_dgm.preprocessing.base import Preprocessor, check_rows

METHODS = ("standard", "robust", "ranks")

# The quartiles of a normal distribution are this many deviations apart.
_QUARTILES = 1.3489795003921634
_TINY = float(np.finfo(np.float32).tiny)


@keras.saving.register_keras_serializable(package="keras_dgm")
class Standardize(Preprocessor):
    """Each column on a scale of about 1, so that one network and one likelihood fit all.

    - "standard": z = (x - mean) / standard deviation.
    - "robust": z = (x - median) / (interquartile range / 1.349), the divisor being a normal
      column's deviation; the standard deviation where half of the values are equal.
    - "ranks": z = Phi^-1(F(x)), F being the empirical distribution function, stored at 17 values
      and linear between and beyond them: strictly increasing, for columns of heavy tails.

    A constant column becomes 0, and comes back exactly. NaN, a missing entry, stays NaN, and is
    left out in `adapt`. What was fitted, in float64, are non-trainable weights, part of a saved or
    exported model. Computes in float32 also under a mixed-precision policy, unless another `dtype`
    is given.

    Args:
        method: "standard", "robust" or "ranks".

    Call arguments:
        inputs: [B, D].

    Returns:
        [B, D].

    Raises:
        ValueError: if `method` is another, or the layer is used before `adapt`.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.preprocessing import Standardize
        >>> x = np.array([[1.0, 100.0], [2.0, 300.0], [3.0, 500.0]], "float32")
        >>> layer = Standardize()
        >>> layer.adapt(x)
        >>> layer(x).numpy().mean(axis=0).round(3).tolist()
        [0.0, 0.0]
        >>> np.allclose(layer.inverse(layer(x)), x)
        True
    """

    def __init__(self, method: str = "standard", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if method not in METHODS:
            raise ValueError(f"`method` must be one of {', '.join(METHODS)}, got {method!r}")
        self.method = method

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = self._width(input_shape)
        if self.method == "ranks":
            self.pieces = self._constant("pieces", (6, piecewise.NUM_PIECES, width))
            self.centers = self._constant("centers", (2, width))
        else:
            self.center = self._constant("center", (width,))
            self.scale = self._constant("scale", (width,))

    def adapt(self, x: npt.ArrayLike) -> None:
        """Fits the layer to data; a repeated call starts afresh.

        Args:
            x: [N, D], NaN where an entry is missing.

        Raises:
            ValueError: if `x` is empty or infinite, a column has no observed entry, or D is not
                that of an earlier call.
        """
        width = self._fitted_weight().shape[-1] if self.built else None
        x = check_rows(x, width=width)
        if not self.built:
            self.build(x.shape)
        columns = (column[~np.isnan(column)] for column in x.T)
        if self.method == "ranks":
            *pieces, x_center, z_center = piecewise.stack(
                [rank_knots(column) for column in columns], piecewise.NUM_PIECES
            )
            self.pieces.assign(np.stack(pieces))
            self.centers.assign(np.stack([x_center, z_center]))
        else:
            moments = standard_moments if self.method == "standard" else robust_moments
            center, scale = np.transpose([moments(column) for column in columns])
            self.center.assign(center)
            self.scale.assign(scale)
        self._adapted = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        self._assert_adapted()
        if self.method == "ranks":
            return self._map()(inputs)
        return (inputs - self._value(self.center)) / self._value(self.scale)

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """What the layer maps to `z`, in the units of the data: [..., D] -> [..., D].

        Raises:
            ValueError: if the layer is used before `adapt`.
        """
        self._assert_adapted()
        z = keras.ops.cast(z, self.compute_dtype)
        if self.method == "ranks":
            return self._map().inverted(z)
        return z * self._value(self.scale) + self._value(self.center)

    def log_abs_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        """log |det dz/dx| of the observed entries: [..., D] -> [...].

        Added to a bound on z, it makes one on x.

        Raises:
            ValueError: if the layer is used before `adapt`.
        """
        self._assert_adapted()
        x = keras.ops.cast(x, self.compute_dtype)
        if self.method == "ranks":
            return tf.reduce_sum(self._map().log_slope(x), axis=-1)
        observed = tf.cast(~tf.math.is_nan(x), x.dtype)
        return -tf.reduce_sum(observed * tf.math.log(self._value(self.scale)), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "method": self.method}

    def _fitted_weight(self) -> Any:
        return self.pieces if self.method == "ranks" else self.scale

    def _map(self) -> piecewise.Pieces:
        return piecewise.Pieces(
            *tf.unstack(self._value(self.pieces)), *tf.unstack(self._value(self.centers))
        )


def standard_moments(values: np.ndarray) -> tuple[float, float]:
    """The mean and the standard deviation of a column's observed values; 1 where they are equal."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 1.0
    return values.mean(dtype=np.float64), max(values.std(dtype=np.float64), _TINY)


def robust_moments(values: np.ndarray) -> tuple[float, float]:
    """The median and the interquartile range, on the scale of a deviation."""
    low, median, high = np.quantile(values.astype(np.float64), [0.25, 0.5, 0.75])
    spread = (high - low) / _QUARTILES
    return median, spread if spread >= _TINY else standard_moments(values)[1]


def rank_knots(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The knots of the map to normal scores; of x - c where all values are c."""
    x, z = piecewise.normal_scores(values)
    return (x, z) if len(x) > 1 else piecewise.linear(x[0], 1.0)
