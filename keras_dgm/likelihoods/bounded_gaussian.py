"""Grey values as real numbers."""

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.distributions import full_precision, tfd
from keras_dgm.likelihoods.base import independent
from keras_dgm.likelihoods.bernoulli import logit
from keras_dgm.likelihoods.gaussian import Gaussian

# Standard deviations: from 2.5 of 255 grey levels to the whole interval.
MIN_STDDEV, MAX_STDDEV = 0.01, 1.0


@keras.saving.register_keras_serializable(package="keras_dgm")
class BoundedGaussian(Gaussian):
    """N(mean, diag(stddev^2)) with means in [0, 1], as AEVB's for the Frey faces.

    Means are a sigmoid of what the decoder puts out, and standard deviations lie in [0.01, 1], in
    the logarithm another sigmoid: the density of a pixel that hardly varies stays finite.

    Args:
        scale: a fixed standard deviation, with which the decoder puts out means alone; None:
            learned.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.likelihoods import BoundedGaussian
        >>> px_z = BoundedGaussian()(np.zeros([1, 6], "float32"))
        >>> px_z.mean().numpy().tolist()
        [[0.5, 0.5, 0.5]]
    """

    rule = "lie in [0, 1]"

    def __init__(self, scale: float | None = None):
        super().__init__(scale)

    def mean(self, params):
        return tf.sigmoid(params)

    def __call__(self, params, observed=None):
        params = tf.sigmoid(full_precision(params))
        if self.scale is not None:
            return independent(tfd.Normal(params, tf.constant(self.scale, params.dtype)), observed)
        mean, part = tf.split(params, 2, axis=-1)
        low, high = np.log([MIN_STDDEV, MAX_STDDEV])
        return independent(tfd.Normal(mean, tf.exp(low + (high - low) * part)), observed)

    def constant(self, x):
        mean = logit(np.nanmean(x, axis=0))
        if self.scale is not None:
            return mean
        low, high = np.log([MIN_STDDEV, MAX_STDDEV])
        stddev = np.log(np.clip(np.nanstd(x, axis=0), MIN_STDDEV, MAX_STDDEV))
        return np.concatenate([mean, logit((stddev - low) / (high - low))])

    def fits(self, x):
        return np.ones(x.shape[-1], bool)

    def accepts(self, x):
        return (x >= 0) & (x <= 1)

    def get_config(self):
        return {"scale": self.scale}
