"""How a model sees x, and shows what it makes of it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.distributions import full_precision
from keras_dgm.likelihoods import Likelihood
from keras_dgm.preprocessing.inverse import check_adapted, inverse_of
from keras_dgm.serving import folding
from keras_dgm.serving.endpoint import Features
from keras_dgm.training.observation import Observation


class View:
    """From raw data to what is modelled and what the networks see, and back.

    Args:
        likelihood: over what is modelled.
        preprocessor: an adapted layer from x to that; None: x itself.
        missing: whether NaN in x is a missing entry, of which the networks see a mask.

    Attributes:
        input_dim: D, how many numbers x has; None before it is built.
        dim: W, how many of them are modelled.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        preprocessor: keras.layers.Layer | None = None,
        missing: bool = False,
    ):
        self.likelihood = likelihood
        self.preprocessor = preprocessor
        self.missing = missing
        self._inverse = None if preprocessor is None else inverse_of(preprocessor)
        self.input_dim: Any = None
        self.dim: Any = None

    def build(self, input_dim: int) -> None:
        """Take x of so many numbers from here on."""
        self.input_dim = self.dim = input_dim
        if self.preprocessor is not None:
            if not self.preprocessor.built:
                self.preprocessor.build((None, input_dim))
            self.dim = self.preprocessor.compute_output_shape((None, input_dim))[-1]

    # Raw data.

    def check(self, x: npt.ArrayLike) -> np.ndarray:
        """An array of raw data as float32 [N, D].

        Raises:
            ValueError: naming the argument, the rule and the value received.
        """
        check_adapted(self.preprocessor)
        likelihood = self.likelihood if self.preprocessor is None else None
        return checks.check_features(
            x, width=self.input_dim, likelihood=likelihood, missing=self.missing
        )

    def check_observation(self, observation: Observation) -> None:
        """Refuse what a preprocessor makes of data if the likelihood is not over it."""
        if self.preprocessor is not None:
            checks.check_features(
                observation.location,
                argument="preprocessor(x)",
                likelihood=self.likelihood,
                missing=self.missing,
            )

    def observe(self, x: Any, dtype: Any) -> Observation:
        """What is modelled of raw data x [B, D] or [B, ...], in floats of this type."""
        x = tf.convert_to_tensor(x)
        is_known = x.shape.rank is not None and None not in x.shape[1:]
        width = math.prod(x.shape[1:]) if is_known else self.input_dim
        if width is None:
            raise ValueError(
                f"`x` must have a known number of features an example, got shape {x.shape}"
            )
        if self.input_dim not in (None, width):
            raise ValueError(
                f"`x` must have {self.input_dim} features an example, as when the model was "
                f"built, got {width}"
            )
        if not is_known or x.shape.rank != 2:
            x = tf.reshape(x, [tf.shape(x)[0], width])
        x = tf.cast(x, dtype)
        return Observation(x if self.preprocessor is None else self.preprocessor(x))

    # What is modelled, x [..., W].

    def observed(self, x: tf.Tensor) -> tf.Tensor | None:
        """Which entries are there, booleans; None: all."""
        return x == x if self.missing else None

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """What the networks see of it, [..., inputs_dim]."""
        observed = self.observed(x)
        if observed is None:
            return self.likelihood.inputs(x)
        # A condition that ONNX's converter knows to be of NaN, which it would else multiply by 0.
        filled = tf.where(x != x, tf.zeros([], x.dtype), x)
        return tf.concat([self.likelihood.inputs(filled), tf.cast(observed, x.dtype)], axis=-1)

    def inputs_near(self, x: tf.Tensor, r: tf.Tensor) -> tf.Tensor:
        """What they would see were the observed entries moved by r [..., W], and no mask.

        Where a part of the entries is observed, the length of r shrinks with the root of it.
        """
        observed = self.observed(x)
        if observed is not None:
            part = tf.reduce_mean(tf.cast(observed, r.dtype), axis=-1, keepdims=True)
            r = tf.where(observed, r * tf.sqrt(part), tf.zeros([], r.dtype))
            r = tf.concat([r, tf.zeros_like(r)], axis=-1)
        return self.inputs(x) + r

    @property
    def inputs_dim(self) -> int:
        """How many numbers the networks see."""
        return (2 if self.missing else 1) * self.dim

    def to_data(self, params: tf.Tensor) -> tf.Tensor:
        """The mean of p(x|.), as raw data [..., D], of what the decoder puts out for it."""
        size = self.likelihood.mean_size(self.dim)
        x = self.likelihood.mean(full_precision(params[..., :size]))
        return x if self._inverse is None else self._inverse(x)

    # Serving.

    def features(self) -> Features:
        """Raw data, as a deployed model takes it."""
        check_adapted(self.preprocessor)
        rule, accepts = Features.rule, tf.math.is_finite
        if self.preprocessor is None:
            rule, accepts = self.likelihood.rule, self.likelihood.accepts
        if self.missing:
            rule, accepts = f"{rule}, or NaN", OrMissing(accepts)
        return Features("images", (self.input_dim,), accepts=accepts, rule=rule)

    def input_stages(self) -> list[Any]:
        """From what is modelled to what the networks see, for `folding.Chain`."""
        return folding.function(self.inputs, self.dim)

    def data_stages(self) -> list[Any]:
        """From what a decoder puts out to raw data, as `to_data`."""
        size = self.likelihood.mean_size(self.dim)
        return [
            folding.Columns(tuple(range(size))),
            *folding.function(self.likelihood.mean, size),
            *folding.stages_of_inverse(self.preprocessor),
        ]


@dataclasses.dataclass(frozen=True)
class OrMissing:
    """What also accepts NaN; equal to another of the same."""

    accepts: Callable

    def __call__(self, x: Any) -> Any:
        return self.accepts(x) | (x != x)
