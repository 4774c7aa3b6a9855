"""Real data."""

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.distributions import LIMIT, full_precision, stddev_of, tfd
from keras_dgm.likelihoods.base import Likelihood, independent

# Networks start around 0 at a scale of 1, and learn in small steps: how far off a column may lie,
# and how much more or less than that it may vary.
REACH = 100.0


@keras.saving.register_keras_serializable(package="keras_dgm")
class Gaussian(Likelihood):
    """N(mean, diag(stddev^2)); the decoder puts out means and log variances.

    Args:
        scale: a fixed standard deviation, with which the decoder puts out means alone; None:
            learned.
        floor: what a learned variance has at least is its square, so that the density of a column
            that hardly varies stays finite.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.likelihoods import Gaussian
        >>> Gaussian().params_size(3), Gaussian(scale=0.1).params_size(3)
        (6, 3)
        >>> px_z = Gaussian(scale=1.0)(np.zeros([1, 3], "float32"))
        >>> round(float(px_z.log_prob(np.zeros([1, 3], "float32"))[0]), 3)  # -3/2 log 2 pi
        -2.757
    """

    def __init__(self, scale: float | None = None, floor: float = 0.0):
        if scale is not None and not 0 < scale < float("inf"):
            raise ValueError(f"`scale` must be positive and finite, got {scale}")
        if not 0 <= floor < float("inf"):
            raise ValueError(f"`floor` must be finite and not negative, got {floor}")
        self.scale = scale
        self.floor = floor

    def params_size(self, width):
        return width if self.scale is not None else 2 * width

    def mean(self, params):
        return params

    def __call__(self, params, observed=None):
        params = full_precision(params)
        if self.scale is not None:
            return independent(tfd.Normal(params, tf.constant(self.scale, params.dtype)), observed)
        mean, log_variance = tf.split(params, 2, axis=-1)
        stddev = stddev_of(log_variance)
        if self.floor:
            stddev = tf.sqrt(self.floor**2 + stddev**2)
        return independent(tfd.Normal(mean, stddev), observed)

    def constant(self, x):
        mean = np.nanmean(x, axis=0)
        if self.scale is not None:
            return mean
        variance = np.nanvar(x, axis=0) - self.floor**2
        return np.concatenate([mean, np.log(np.maximum(variance, np.exp(-LIMIT)))])

    def fits(self, x):
        mean, stddev = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
        unit = 1.0 if self.scale is None else self.scale
        flat = self.scale is None and not self.floor
        least = 1 / REACH if flat else 0.0
        return (abs(mean) <= REACH) & (stddev <= REACH * unit) & (stddev >= least)

    def get_config(self):
        return {"scale": self.scale, "floor": self.floor}
