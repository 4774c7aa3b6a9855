"""What a table is: columns of several kinds."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.distributions import tfd
from keras_dgm.likelihoods.base import Likelihood


@keras.saving.register_keras_serializable(package="keras_dgm")
class Columns(Likelihood):
    """Several likelihoods side by side, each over some consecutive columns of x.

    The decoder puts out what their means are made of, in their order, and then the rest.

    Args:
        parts: pairs of a `Likelihood` and how many columns it is over; together all of x.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.likelihoods import Bernoulli, Columns, Gaussian
        >>> table = Columns([(Gaussian(floor=0.1), 2), (Bernoulli(), 3)])
        >>> table.params_size(5)  # Two means, three logits, two log variances.
        7
        >>> table(np.zeros([1, 7], "float32")).log_prob(np.zeros([1, 5], "float32")).shape.as_list()
        [1]
    """

    def __init__(self, parts: Sequence[tuple[Likelihood, int]]):
        if not parts:
            raise ValueError("`parts` must hold at least one likelihood, got none")
        for likelihood, _ in parts:
            if not isinstance(likelihood, Likelihood):
                raise ValueError(f"`parts` must hold likelihoods, got {likelihood!r}")
        self.likelihoods = tuple(likelihood for likelihood, _ in parts)
        self.widths = checks.check_widths([n for _, n in parts], argument="parts")
        ends = np.cumsum(self.widths)
        self.rule = "; ".join(
            f"{part.rule} in columns {end - width} to {end - 1}"
            for (part, width), end in zip(self._parts(), ends, strict=True)
        )
        self.mean_sizes = [p.mean_size(n) for p, n in self._parts()]
        self.rest_sizes = [p.params_size(n) - p.mean_size(n) for p, n in self._parts()]

    def _parts(self):
        return zip(self.likelihoods, self.widths, strict=True)

    def params_size(self, width):
        if width != sum(self.widths):
            raise ValueError(f"`parts` must be over {width} columns together, got {self.widths}")
        return sum(self.mean_sizes) + sum(self.rest_sizes)

    def mean_size(self, width):
        return sum(self.mean_sizes)

    def mean(self, params):
        pieces = zip(self.likelihoods, tf.split(params, self.mean_sizes, axis=-1), strict=True)
        return tf.concat([part.mean(piece) for part, piece in pieces], axis=-1)

    def __call__(self, params, observed=None):
        pieces = tf.split(params, [*self.mean_sizes, *self.rest_sizes], axis=-1)
        count = len(self.likelihoods)
        whole = [
            tf.concat(both, axis=-1) for both in zip(pieces[:count], pieces[count:], strict=True)
        ]
        seen = [None] * count
        if observed is not None:
            seen = tf.split(observed, self.widths, axis=-1)
        parts = zip(self.likelihoods, whole, seen, strict=True)
        return tfd.Blockwise([part(params, there) for part, params, there in parts])

    def constant(self, x):
        params = [part.constant(piece) for part, piece in self._split_array(x)]
        if any(each is None for each in params):
            return None
        halves = [np.split(p, [n]) for p, n in zip(params, self.mean_sizes, strict=True)]
        return np.concatenate([each for half in zip(*halves, strict=True) for each in half])

    def fits(self, x):
        return np.concatenate([part.fits(piece) for part, piece in self._split_array(x)])

    def accepts(self, x):
        return tf.concat([part.accepts(piece) for part, piece in self._split(x)], axis=-1)

    def inputs(self, x):
        return tf.concat([part.inputs(piece) for part, piece in self._split(x)], axis=-1)

    def sample_observation(self, x, uniform):
        sampled = [part.sample_observation(piece, uniform) for part, piece in self._split(x)]
        return tf.concat(sampled, axis=-1)

    def _split(self, x):
        return zip(self.likelihoods, tf.split(x, self.widths, axis=-1), strict=True)

    def _split_array(self, x):
        ends = np.cumsum(self.widths)[:-1]
        return zip(self.likelihoods, np.split(x, ends, axis=-1), strict=True)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {"parts": [(serialize(part), width) for part, width in self._parts()]}

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls([(deserialize(part), width) for part, width in config["parts"]])
