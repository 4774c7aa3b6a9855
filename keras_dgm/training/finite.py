"""A bound that is not finite, noted where it arises; `callbacks.StopNotFinite` says so."""

import tensorflow as tf

TERMS = ("the reconstruction", "kl", "the classification, -log q(y|x)", "the adversarial loss")


def first_failure():
    """The record of a training step: its number, 0 for none; low and high x; what is finite."""
    return tf.Variable(
        tf.zeros([3 + len(TERMS)], tf.float64),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def note(failure, step, x, loss, output):
    """Record the step in `failure` if it is the first whose loss is not finite.

    Args:
        failure: what `first_failure` returned.
        step: an integer; with gradient accumulation, that of the last update.
        x: [B, D], what the bound saw.
        loss: a scalar, to which every term has contributed.
        output: the step's `StepOutput`.
    """

    def record():
        bound = output.bound
        terms = (bound.reconstruction, bound.kl, output.cross_entropy, output.adversarial_loss)
        finite = [t is None or tf.reduce_all(tf.math.is_finite(t)) for t in terms]
        there = tf.boolean_mask(x, x == x)  # NaN is a missing entry.
        facts = (tf.maximum(step, 1), tf.reduce_min(there), tf.reduce_max(there), *finite)
        facts = tf.stack([tf.cast(fact, tf.float64) for fact in facts])
        failure.assign(tf.where(failure[0] > 0, failure, facts))
        return False

    tf.cond(tf.math.is_finite(loss), lambda: True, record)
