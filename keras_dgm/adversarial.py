"""Virtual adversarial training: a classifier that hardly changes near the examples.

It is no part of any bound: a term of its own beside them, like the classification loss.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from keras_dgm import checks
from keras_dgm.distributions import categorical, tfd

# Where the power iteration starts, in units of the length of r.
PROBE = 1 / 3


def perturbation(qy_near: Callable, target: Any, direction: tf.Tensor, length: Any) -> tf.Tensor:
    """r of the given length towards where q(y|x + r) leaves q(y|x) fastest, [B, W].

    KL[q(y|x) || q(y|x + r)] is flat at r = 0, and r^T H r / 2 near it: one power iteration for the
    first eigenvector of H, from a random direction. A q(y|x) that is flat there gets r = 0.

    Args:
        qy_near: a function of r [B, W] that returns q(y|x + r).
        target: q(y|x), a constant.
        direction: standard normal noise [B, W].
        length: of r.
    """
    with tf.GradientTape() as tape:
        r = PROBE * length * unit(direction)
        tape.watch(r)
        change = tf.reduce_sum(tfd.kl_divergence(target, qy_near(r)))
    zero = tf.UnconnectedGradients.ZERO
    return tf.stop_gradient(length * unit(tape.gradient(change, r, unconnected_gradients=zero)))


def adversarial_loss(qy_near: Callable, direction: tf.Tensor, length: Any) -> tf.Tensor:
    """KL[q(y|x) || q(y|x + r)] at the `perturbation` r, [B].

    q(y|x) and r are constants: the gradient flows through q(y|x + r) alone.

    Args:
        qy_near: a function of r [B, W] that returns q(y|x + r), a TFP distribution over classes.
        direction: standard normal noise [B, W].
        length: of r.

    References:
        Miyato, Maeda, Koyama and Ishii (2017), arXiv 1704.03976, section 3.
    """
    logits = qy_near(tf.zeros_like(direction)).logits_parameter()
    target = categorical(tf.stop_gradient(logits))
    r = perturbation(qy_near, target, direction, length)
    return tfd.kl_divergence(target, qy_near(r))


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """Vectors [B, W] of length 1, however small they were; 0 where they are 0."""
    largest = tf.reduce_max(tf.abs(vectors), axis=-1, keepdims=True)
    return tf.math.l2_normalize(tf.math.divide_no_nan(vectors, largest), axis=-1)


class Smoothness:
    """The term as a model has it: its weight, and its radius in units of the data's spread.

    Args:
        weight: of the term in the loss, in nats a nat; 0: there is no term.
        radius: the length of r divided by `spread`.
        dtype: of the spread.

    Attributes:
        spread: the root mean square distance of the training examples, as the classifier sees
            them, from their mean.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, weight: float, radius: float, dtype: Any):
        self.weight = checks.check_number(weight, argument="adversarial_weight")
        self.radius = checks.check_number(radius, argument="adversarial_radius", positive=True)
        self.spread = tf.Variable(1.0, trainable=False, dtype=dtype)

    def measure(self, parts: Iterable[tf.Tensor]) -> None:
        """Take the `spread` of examples, in parts [N, W]; of a term that there is not, nothing."""
        if self.weight:
            moments = StandardScaler()
            for part in parts:
                moments.partial_fit(part)
            self.spread.assign(np.sqrt(np.sum(moments.var_)))

    def loss(self, qy_near: Callable, direction: tf.Tensor) -> tf.Tensor:
        """The `adversarial_loss` at this radius, [B]."""
        return adversarial_loss(qy_near, direction, self.radius * self.spread)
