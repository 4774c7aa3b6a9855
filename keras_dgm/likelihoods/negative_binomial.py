"""Counts that vary more than a Poisson's, as of single cells or words."""

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.distributions import bounded, full_precision, tfd
from keras_dgm.likelihoods.base import independent
from keras_dgm.likelihoods.bernoulli import LEAST
from keras_dgm.likelihoods.poisson import Poisson


@keras.saving.register_keras_serializable(package="keras_dgm")
class NegativeBinomial(Poisson):
    """Negative binomial of mean m and variance m + m^2 / r; the networks see log(1 + x).

    The decoder puts out log m, then log r; as r grows, it becomes a Poisson.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.likelihoods import NegativeBinomial
        >>> px_z = NegativeBinomial()(np.zeros([1, 2], "float32"))  # m and r of 1: geometric.
        >>> round(float(px_z.log_prob(np.array([[0]], "float32"))[0]), 3)
        -0.693
    """

    def params_size(self, width):
        return 2 * width

    def constant(self, x):
        mean = np.maximum(np.nanmean(x, axis=0), LEAST)
        beyond = np.maximum(np.nanvar(x, axis=0) - mean, LEAST * mean)  # m^2 / r
        return np.log(np.concatenate([mean, mean**2 / beyond]))

    def __call__(self, params, observed=None):
        log_mean, log_r = tf.split(bounded(full_precision(params)), 2, axis=-1)
        counts = tfd.NegativeBinomial(total_count=tf.exp(log_r), logits=log_mean - log_r)
        return independent(counts, observed)
