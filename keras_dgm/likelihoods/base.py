"""What every likelihood is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_dgm.distributions import tfd


class Likelihood:
    """p(x|.) given a decoder's output; see `Poisson` for how little a class of one's own needs.

    It says how many numbers the decoder puts out, what distribution they make and what its mean
    is, which data it accepts, and in what form these reach the networks.

    Attributes:
        rule: what x must be, in the words of an error.

    Examples:
        >>> import keras
        >>> import keras_dgm as dgm
        >>> from keras_dgm.distributions import full_precision, tfd
        >>> from keras_dgm.likelihoods.base import independent
        >>> @keras.saving.register_keras_serializable(package="mine")
        ... class Laplace(dgm.likelihoods.Likelihood):
        ...     def mean(self, params):
        ...         return params
        ...     def __call__(self, params, observed=None):
        ...         return independent(tfd.Laplace(full_precision(params), 0.5), observed)
        >>> m1 = dgm.M1(latent_dim=2, likelihood=Laplace())
    """

    rule = "be finite"

    def params_size(self, width: int) -> int:
        """How many numbers the decoder puts out for `width` observed ones."""
        return width

    def mean_size(self, width: int) -> int:
        """How many of them, from the first, the mean is made of: a deployed decoder has no more."""
        return width

    def mean(self, params: tf.Tensor) -> tf.Tensor:
        """E[x], [..., D], of the first `mean_size(D)` numbers that the decoder puts out."""
        raise NotImplementedError

    def __call__(self, params: tf.Tensor, observed: tf.Tensor | None = None) -> Any:
        """p(x|.), a TFP distribution over vectors [D], computed in float32 at least.

        Args:
            params: what the decoder puts out, [..., params_size(D)].
            observed: booleans that broadcast to [..., D], False where an entry of x is missing: it
                adds exactly 0 to log p(x|.) and to its gradient. None: all are there.
        """
        raise NotImplementedError

    def accepts(self, x: Any) -> Any:
        """Which entries of x [..., D], an array or a tensor, it is over; booleans alike."""
        return abs(x) < float("inf")

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """What the networks see of x [..., D]; as many numbers."""
        return x

    def constant(self, x: np.ndarray) -> np.ndarray | None:
        """What a decoder that sees nothing would best put out for the rows of x: [params_size(D)].

        Args:
            x: [N, D], NaN where an entry is missing; each column has one that is not.

        Returns:
            The parameters of each column's own moments; None where nobody has said how.
        """
        return None

    def fits(self, x: np.ndarray) -> np.ndarray:
        """Whether each column of x [N, D], as of `constant`, has a scale that it can describe."""
        return np.ones(x.shape[-1], bool)

    def sample_observation(self, x: tf.Tensor, uniform: Callable[[Any], tf.Tensor]) -> tf.Tensor:
        """What one step of training models in place of x [B, D].

        Args:
            x: observations.
            uniform: draws from [0, 1) in a given shape.
        """
        return x

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Likelihood":
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"


def independent(entries: Any, observed: tf.Tensor | None) -> Any:
    """A distribution over vectors [D] of independent entries, some of them missing.

    Args:
        entries: a TFP distribution over scalars, batch shape [..., D].
        observed: as of `Likelihood.__call__`.
    """
    if observed is not None:
        entries = masked(entries, observed)
    return tfd.Independent(entries, 1)


def masked(distribution: Any, observed: tf.Tensor) -> Any:
    """A distribution with log p = 0 where `observed`, booleans like its batch, is False."""
    return tfd.Masked(
        distribution, observed, safe_sample_fn=lambda d: tf.zeros(d.event_shape, d.dtype)
    )
