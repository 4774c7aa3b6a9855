"""A bound that is not finite ends training, and says where that came from."""

import keras
import numpy as np
import tensorflow as tf

TERMS = ("the reconstruction, log_likelihood", "kl", "the classification, -log q(y|x)")


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
        terms = (output.bound.log_likelihood, output.bound.kl, output.cross_entropy)
        finite = [t is None or tf.reduce_all(tf.math.is_finite(t)) for t in terms]
        facts = (tf.maximum(step, 1), tf.reduce_min(x), tf.reduce_max(x), *finite)
        facts = tf.stack([tf.cast(fact, tf.float64) for fact in facts])
        failure.assign(tf.where(failure[0] > 0, failure, facts))
        return False

    tf.cond(tf.math.is_finite(loss), lambda: True, record)


class StopNotFinite(keras.callbacks.Callback):
    """Raises after the steps of an execution among which `note` recorded one.

    Callbacks that save at the end of an epoch so keep what they saved before it. The last step's
    update, which no bound sees, is looked at when training ends.

    Raises:
        FloatingPointError: naming the step, the epoch, the terms and the range of the batch; or
            a weight that the last step left.
    """

    def on_train_begin(self, logs=None):
        self.model.failure.assign(tf.zeros_like(self.model.failure))

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        step, low, high, *finite = self.model.failure.numpy()
        if step:
            terms = [name for name, is_finite in zip(TERMS, finite, strict=True) if not is_finite]
            raise FloatingPointError(
                f"the bound is not finite at step {step:.0f}, in epoch {self.epoch + 1}, by "
                f"{' and '.join(terms) or 'the prior over the weights'}; "
                f"the batch's values lie in [{low:.6g}, {high:.6g}]"
            )

    def on_train_end(self, logs=None):
        for weight in self.model.trainable_variables:
            if not np.isfinite(weight.numpy()).all():
                raise FloatingPointError(f"the last step left {weight.path} not finite")
