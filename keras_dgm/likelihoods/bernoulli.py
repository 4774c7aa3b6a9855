"""Binary data, or grey values as the probabilities of it."""

import keras
import numpy as np
import tensorflow as tf
from scipy import special

from keras_dgm.activations import softplus
from keras_dgm.distributions import full_precision, tfd
from keras_dgm.likelihoods.base import Likelihood, independent

# Of a mean, so that its logit is one that a network reaches.
LEAST = 1e-4


def logit(part):
    """The logits of numbers in [0, 1], which a network reaches."""
    return special.logit(np.clip(part, LEAST, 1 - LEAST))


@keras.saving.register_keras_serializable(package="keras_dgm")
class Bernoulli(Likelihood):
    """Bernoulli over {0, 1}; the decoder puts out logits.

    Args:
        binarize: draw x in {0, 1} with probability x afresh at each step of training, as is usual
            for grey images; False: x in [0, 1] enters as x log p + (1 - x) log(1 - p), which is a
            log-likelihood for binary x only.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.likelihoods import Bernoulli
        >>> px_z = Bernoulli()(np.zeros([1, 3], "float32"))  # Logits of 0: each entry costs log 2.
        >>> round(float(px_z.log_prob([[0.0, 1.0, 1.0]])[0]), 3)
        -2.079
    """

    rule = "lie in [0, 1]"

    def __init__(self, binarize: bool = True):
        self.binarize = binarize

    def mean(self, params):
        return tf.sigmoid(params)

    def __call__(self, params, observed=None):
        logits = full_precision(params)
        # Of its default dtype, an integer, it would round grey values in NumPy arrays down.
        return independent(OneSoftplus(logits, dtype=logits.dtype), observed)

    def constant(self, x):
        return logit(np.nanmean(x, axis=0))

    def accepts(self, x):
        return (x >= 0) & (x <= 1)

    def sample_observation(self, x, uniform):
        if not self.binarize:
            return x
        drawn = tf.cast(uniform(tf.shape(x)) < x, x.dtype)
        # A missing entry, NaN, stays one.
        return tf.where(x == x, drawn, x)

    def get_config(self):
        return {"binarize": self.binarize}


class OneSoftplus(tfd.Bernoulli):
    """Bernoulli with log p(x) = x logits - softplus(logits); TFP computes two softplus."""

    def _log_prob(self, event):
        logits = self.logits_parameter()
        return tf.cast(event, logits.dtype) * logits - softplus(logits)
