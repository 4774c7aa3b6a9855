"""Strictly increasing piecewise linear maps of columns, as tensors hold them.

A column's map goes through knots (x_0, z_0), (x_1, z_1), ...; its end pieces go on for ever. One
knot is the centre, and the map is written as its value there plus a sum of clipped pieces:

    z(x) = z_c + sum_k rise_k clip((x - start_k) / run_k, lowest_k, highest_k)

where a piece above the centre is clipped to [0, 1] and starts at its lower knot, one below it is
clipped to [-1, 0] and starts at its upper knot. So terms of a point never cancel, and the rounding
is that of the point's own distance from the centre however far the tails reach. Exchanging rise and
run, and the coordinates of start and centre, gives the inverse. Only additions, divisions and
minima: every runtime has them.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import stats

NUM_PIECES = 16

_HUGE = float(np.finfo(np.float32).max)
_TINY = float(np.finfo(np.float32).tiny)


class Pieces(NamedTuple):
    """The maps of C columns in K pieces.

    Attributes:
        x_start: [K, C].
        x_run: [K, C], positive.
        z_start: [K, C].
        z_run: [K, C], positive.
        lowest: [K, C].
        highest: [K, C]; with `lowest` 0 for a piece that is not used.
        x_center: [C].
        z_center: [C].
    """

    x_start: tf.Tensor
    x_run: tf.Tensor
    z_start: tf.Tensor
    z_run: tf.Tensor
    lowest: tf.Tensor
    highest: tf.Tensor
    x_center: tf.Tensor
    z_center: tf.Tensor

    @property
    def inverted(self) -> "Pieces":
        """The inverse maps."""
        return Pieces(
            x_start=self.z_start,
            x_run=self.z_run,
            z_start=self.x_start,
            z_run=self.x_run,
            lowest=self.lowest,
            highest=self.highest,
            x_center=self.z_center,
            z_center=self.x_center,
        )

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """[..., C] -> [..., C]; NaN stays NaN."""
        missing = tf.math.is_nan(x)
        x = tf.where(missing, self.x_center, x)
        z = tf.zeros_like(x) + self.z_center
        pieces = (self.x_start, self.x_run, self.z_run, self.lowest, self.highest)
        for start, run, rise, low, high in zip(*map(tf.unstack, pieces), strict=True):
            z += rise * tf.minimum(tf.maximum((x - start) / run, low), high)
        return tf.where(missing, tf.constant(np.nan, x.dtype), z)

    def log_slope(self, x: tf.Tensor) -> tf.Tensor:
        """log dz/dx, of the piece above at a knot: [..., C] -> [..., C]; 0 for NaN."""
        slopes = tf.unstack(self.z_run / self.x_run)
        below = tf.concat([self.x_start[:1], self.x_start[:-1]], axis=0)
        lower = tf.unstack(tf.where(self.lowest < 0, below, self.x_start))
        used = tf.unstack(self.lowest < self.highest)
        slope = tf.zeros_like(x) + slopes[0]
        for k in range(1, len(slopes)):
            slope = tf.where(used[k] & (x >= lower[k]), slopes[k], slope)
        return tf.math.log(tf.where(tf.math.is_nan(x), tf.ones_like(x), slope))


def linear(center: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The knots of z = (x - center) / scale."""
    return np.array([center, center + scale]), np.array([0.0, 1.0])


def normal_scores(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots x and z of the map of a column to the normal scores of its ranks.

    z = Phi^-1(F(x)) at up to NUM_PIECES + 1 of the values, where F is the empirical distribution
    function, half of its step counted at a value. The knots are equally far apart in z as far as
    ties allow, from the least of the values to the largest.

    Args:
        values: float32 [N], finite, not all equal.
    """
    values = np.sort(values).astype(np.float64)
    count = len(values)
    reach = stats.norm.ppf(1 - 0.5 / count)
    probs = stats.norm.cdf(np.linspace(-reach, reach, NUM_PIECES + 1))
    x = np.unique(values[np.clip((probs * count).astype(int), 0, count - 1)])
    x = np.unique([values[0], *x, values[-1]])
    x = x[np.concatenate([[True], np.diff(x) > _TINY])]
    below, up_to = (np.searchsorted(values, x, side) for side in ("left", "right"))
    return x, stats.norm.ppf((below + up_to) / 2 / count)


def stack(knots: list[tuple[np.ndarray, np.ndarray]], num_pieces: int) -> list[np.ndarray]:
    """Knots (x, z) of C columns as the arrays of `Pieces`, padded to `num_pieces`."""
    shape = (num_pieces, len(knots))
    arrays = {
        name: np.full(shape, 1.0 if name in ("x_run", "z_run") else 0.0)
        for name in Pieces._fields[:6]
    }
    centers = np.zeros((2, len(knots)))
    for column, (x, z) in enumerate(knots):
        count, center = len(x) - 1, int(np.argmin(np.abs(z)))
        above = np.arange(count) >= center
        values = {
            "x_start": np.where(above, x[:-1], x[1:]),
            "x_run": np.diff(x),
            "z_start": np.where(above, z[:-1], z[1:]),
            "z_run": np.diff(z),
            "lowest": np.where(above, 0.0, -1.0),
            "highest": np.where(above, 1.0, 0.0),
        }
        values["lowest"][0], values["highest"][-1] = -_HUGE, _HUGE
        for name, array in arrays.items():
            array[:count, column] = values[name]
        centers[:, column] = x[center], z[center]
    return [*arrays.values(), *centers]
