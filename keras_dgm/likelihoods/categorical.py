"""Categories, each a group of columns of which one is 1."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.distributions import full_precision, tfd
from keras_dgm.likelihoods.base import Likelihood, masked
from keras_dgm.likelihoods.bernoulli import LEAST


@keras.saving.register_keras_serializable(package="keras_dgm")
class Categorical(Likelihood):
    """Independent categories in one-hot groups of columns; the decoder puts out their logits.

    A group is missing where its first entry is.

    Args:
        sizes: how many categories each group has, at least 2; their sum is the width of x.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.likelihoods import Categorical
        >>> px_z = Categorical([2, 4])(np.zeros([1, 6], "float32"))
        >>> x = np.array([[1, 0, 0, 0, 1, 0]], "float32")
        >>> round(float(px_z.log_prob(x)[0]), 3)  # -log 2 - log 4
        -2.079
    """

    rule = "be 0 or 1, a single 1 in each one-hot group"

    def __init__(self, sizes: Sequence[int]):
        self.sizes = checks.check_widths(sizes, argument="sizes", at_least=1)
        if min(self.sizes) < 2:
            raise ValueError(f"`sizes` must be integers of at least 2, got {sizes!r}")

    def params_size(self, width):
        if width != sum(self.sizes):
            raise ValueError(f"`sizes` must add up to {width} columns, got {self.sizes}")
        return width

    def mean(self, params):
        groups = tf.split(params, self.sizes, axis=-1)
        return tf.concat([tf.nn.softmax(logits) for logits in groups], axis=-1)

    def __call__(self, params, observed=None):
        groups = tf.split(full_precision(params), self.sizes, axis=-1)
        parts = [tfd.OneHotCategorical(logits=logits, dtype=logits.dtype) for logits in groups]
        if observed is not None:
            seen = tf.split(observed, self.sizes, axis=-1)
            parts = [masked(p, group[..., 0]) for p, group in zip(parts, seen, strict=True)]
        return tfd.Blockwise(parts)

    def constant(self, x):
        return np.log(np.maximum(np.nanmean(x, axis=0), LEAST))

    def accepts(self, x):
        of_entries = (x == 0) | (x == 1)
        if not isinstance(x, tf.Tensor):
            x = tf.constant(x)
        sums = [tf.reduce_sum(group, -1, keepdims=True) for group in tf.split(x, self.sizes, -1)]
        one = [tf.repeat(total == 1, n, -1) for total, n in zip(sums, self.sizes, strict=True)]
        return of_entries & tf.concat(one, -1)

    def get_config(self):
        return {"sizes": self.sizes}
