"""Counts whose variance is their mean."""

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.distributions import bounded, full_precision, tfd
from keras_dgm.likelihoods.base import Likelihood, independent
from keras_dgm.likelihoods.bernoulli import LEAST


@keras.saving.register_keras_serializable(package="keras_dgm")
class Poisson(Likelihood):
    """Poisson over 0, 1, 2, ...; the decoder puts out log rates, the networks see log(1 + x).

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.likelihoods import Poisson
        >>> px_z = Poisson()(np.zeros([1, 2], "float32"))  # Rates of 1.
        >>> round(float(px_z.log_prob(np.array([[0, 1]], "float32"))[0]), 3)
        -2.0
    """

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
