"""The distributions of the models, made from the tensors that networks put out.

Every factory takes parameters of shape [..., P] and returns a distribution over vectors
(`event_shape` [D]). Half-precision parameters are raised to float32, so that no bound is ever
computed in less.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_dgm.activations import softplus

tfd = tfp.distributions

LIKELIHOODS = ("bernoulli", "gaussian", "bounded_gaussian")
# exp(log_variance) and its inverse square stay finite in float32 within these bounds.
LOG_VARIANCE_BOUND = 20.0
# Standard deviations of the bounded Gaussian: from finer than 8-bit pixels to the whole interval.
MIN_STDDEV, MAX_STDDEV = 0.01, 1.0


def _full_precision(params):
    return tf.cast(params, keras.backend.result_type(params.dtype, "float32"))


def diagonal_normal(params):
    """N(mean, diag(variance)) over [D], from params [..., 2 D] = (mean, log variance)."""
    mean, log_variance = tf.split(_full_precision(params), 2, axis=-1)
    log_variance = tf.clip_by_value(log_variance, -LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND)
    return tfd.Independent(tfd.Normal(mean, tf.exp(0.5 * log_variance)), 1)


def standard_normal_like(qz):
    """p(z) = N(0, I) over the same event as `qz`."""
    return standard_normal(qz.event_shape, qz.dtype)


def standard_normal(event_shape, dtype):
    """N(0, I) over vectors of shape [Z]."""
    mean = tf.zeros(event_shape, dtype)
    return tfd.Independent(tfd.Normal(mean, tf.ones_like(mean)), 1)


def categorical(logits):
    """Cat(softmax(logits)) over K classes, from logits [..., K]."""
    return tfd.Categorical(logits=_full_precision(logits))


def reparameterize(qz, noise):
    """Turn standard normal noise into samples of `qz`: z = mean + stddev * noise."""
    return qz.mean() + qz.stddev() * noise


class Bernoulli(tfp.distributions.Bernoulli):
    """Bernoulli over {0, 1}, log p(x) = x logits - softplus(logits); TFP computes two softplus."""

    def _log_prob(self, event):
        logits = self.logits_parameter()
        return tf.cast(event, logits.dtype) * logits - softplus(logits)


@dataclasses.dataclass(frozen=True)
class Likelihood:
    """p(x|.) given a decoder's output.

    Args:
        name: `"bernoulli"` (the decoder puts out logits), `"gaussian"`, or `"bounded_gaussian"`,
            whose means lie in [0, 1] and whose standard deviations in [0.01, 1], each a sigmoid of
            what the decoder puts out (as AEVB's means for the Frey faces): the density of a pixel
            that hardly varies stays finite.
        scale: for the gaussians, a fixed standard deviation (the decoder puts out means);
            `None`: the decoder puts out means and log variances.
    """

    name: str
    scale: float | None = None

    def __post_init__(self):
        if self.name not in LIKELIHOODS:
            raise ValueError(f"`likelihood` must be one of {LIKELIHOODS}, got {self.name!r}")
        if self.scale is not None and self.name == "bernoulli":
            raise ValueError(
                "`likelihood_scale` belongs to the gaussian likelihoods, "
                f"got {self.scale} with likelihood={self.name!r}"
            )
        if self.scale is not None and not 0 < self.scale < float("inf"):
            raise ValueError(f"`likelihood_scale` must be positive and finite, got {self.scale}")

    @property
    def unit_interval(self):
        """Whether x lies in [0, 1], and its mean is a sigmoid of what the decoder puts out."""
        return self.name != "gaussian"

    def params_size(self, width):
        """How many numbers the decoder puts out for `width` observed ones."""
        return 2 * width if self.name != "bernoulli" and self.scale is None else width

    def __call__(self, params):
        """The distribution over [D] given params [..., params_size(D)]."""
        if self.name == "bernoulli":
            logits = _full_precision(params)
            # Of its default dtype, an integer, it would round grey values in NumPy arrays down.
            return tfd.Independent(Bernoulli(logits, dtype=logits.dtype), 1)
        if self.name == "bounded_gaussian":
            params = self._bounded(_full_precision(params))
        if self.scale is None:
            return diagonal_normal(params)
        mean = _full_precision(params)
        return tfd.Independent(tfd.Normal(mean, tf.cast(self.scale, mean.dtype)), 1)

    def _bounded(self, params):
        """Means in [0, 1] and log variances between the bounds, of any numbers."""
        if self.scale is not None:
            return tf.sigmoid(params)
        mean, log_variance = tf.split(tf.sigmoid(params), 2, axis=-1)
        low, high = 2 * np.log([MIN_STDDEV, MAX_STDDEV])
        return tf.concat([mean, low + (high - low) * log_variance], axis=-1)
