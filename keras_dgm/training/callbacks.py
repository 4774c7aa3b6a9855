"""Callbacks for `fit`: `KLWarmUp`, and those that it adds by itself."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.class_sums import smallest_sum
from keras_dgm.training import finite


class KLWarmUp(keras.callbacks.Callback):
    """Lets KL[q(z|x) || p(z)] of an `M1` count for more and more over its first epochs.

    At full weight from the first step, the divergence switches off dimensions of z before the
    decoder has found a use for them, and few come back. The weight is 1 / (epochs + 1) in the first
    epoch and rises linearly to 1; what `fit` reports as `loss` and `elbo` is of the bound itself
    throughout.

    Args:
        epochs: how many epochs have a weight below 1.

    Raises:
        ValueError: if `epochs` is not a positive integer, or the model has no such weight.

    References:
        Bowman et al. (2016), arXiv 1511.06349, section 3.1; Sønderby et al. (2016),
        arXiv 1602.02282, section 2.3.

    Examples:
        >>> import keras_dgm as dgm
        >>> warm_up = dgm.KLWarmUp(5)  # m1.fit(x, epochs=50, callbacks=[warm_up])
        >>> warm_up.epochs
        5
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs = checks.check_positive_integer(epochs, argument="epochs")

    def set_model(self, model):
        model.weigh_kl(1.0)  # Or it says that it has no such weight.
        super().set_model(model)

    def on_epoch_begin(self, epoch, logs=None):
        self.model.weigh_kl(min(1.0, (epoch + 1) / (self.epochs + 1)))

    def on_train_end(self, logs=None):
        self.model.weigh_kl(1.0)


class AdaptiveClassSum(keras.callbacks.Callback):
    """Sums over fewer classes as q(y|x) becomes sure of them.

    After each epoch, the sum is cut to the smallest number of likeliest classes among K/2, K/4,
    ..., 1 that hold 80 % of q(y|x) on average. It never grows again, so that training is compiled
    anew a few times at most; a loaded model goes on with the number it was saved with.

    Args:
        m2: the `M2` that sums.
        some: what it observes of some training examples.
    """

    MASS = 0.8

    def __init__(self, m2, some):
        super().__init__()
        self.m2 = m2
        self.some = some

    def on_epoch_end(self, epoch, logs=None):
        qy_x = self.m2.qy_x(self.m2.expected_observation(self.some))
        k = smallest_sum(qy_x.probs_parameter(), self.MASS)
        if k < min(self.m2.summed_classes, self.m2.num_classes - 1):
            self.m2.summed_classes = k
            self.model.make_train_function(force=True)


class CountEpochs(keras.callbacks.Callback):
    """Writes the number of each epoch, and of those `seen` before, into a variable."""

    def __init__(self, epoch, seen):
        super().__init__()
        self.epoch = epoch
        self.seen = seen

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch.assign(epoch + self.seen)


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
        step, low, high, *good = self.model.failure.numpy()
        if step:
            terms = [
                name for name, is_finite in zip(finite.TERMS, good, strict=True) if not is_finite
            ]
            raise FloatingPointError(
                f"the bound is not finite at step {step:.0f}, in epoch {self.epoch + 1}, by "
                f"{' and '.join(terms) or 'the prior over the weights'}; "
                f"the batch's values lie in [{low:.6g}, {high:.6g}]"
            )

    def on_train_end(self, logs=None):
        for weight in self.model.trainable_variables:
            if not np.isfinite(weight.numpy()).all():
                raise FloatingPointError(f"the last step left {weight.path} not finite")


def given_callbacks(callbacks: Any) -> list[Any]:
    """What a caller gave as `callbacks`, as a list.

    Raises:
        ValueError: if one is to save a model as an HDF5 file.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    given = keras.tree.flatten(callbacks or [])
    for callback in given:
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_weights_only:
            refuse_hdf5(callback.filepath)
    return given


def refuse_hdf5(filepath: Any) -> None:
    """Refuse to save a model as an HDF5 file.

    Raises:
        ValueError: if that is what is asked for.
    """
    if str(filepath).lower().endswith((".h5", ".hdf5")):
        raise ValueError(
            f"`filepath` must end in .keras, got {str(filepath)!r}: what a model knows of its "
            "data has no place in HDF5; `save_weights` writes a .weights.h5"
        )
