"""Counts whose variance is their mean."""

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.distributions import bounded, full_precision, tfd
from keras_dgm.likelihoods.base import Likelihood, independent
from keras_dgm.likelihoods.bernoulli import LEAST


@keras.saving.register_keras_serializable(package="keras_dgm")
class Poisson(Likelihood):
    """Poisson over 0, 1, 2, ...; the decoder puts out log rates, the networks see log(1 + x)."""

    rule = "be counts: 0, 1, 2, ..."

    def mean(self, params):
        return tf.exp(bounded(params))

    def __call__(self, params, observed=None):
        return independent(tfd.Poisson(log_rate=bounded(full_precision(params))), observed)

    def constant(self, x):
        return np.log(np.maximum(np.nanmean(x, axis=0), LEAST))

    def accepts(self, x):
        return (x >= 0) & (x < float("inf")) & (x % 1 == 0)

    def inputs(self, x):
        return tf.math.log1p(x)
