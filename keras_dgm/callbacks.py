"""Callbacks for `fit`."""

import keras

from keras_dgm import checks


class KLWarmUp(keras.callbacks.Callback):
    """Lets KL[q(z|x) || p(z)] of an `M1` count for more and more over its first epochs.

    At full weight from the first step, the divergence switches off dimensions of z before the
    decoder has found a use for them, and few come back. The weight is 1 / (epochs + 1) in the first
    epoch and rises linearly to 1; what `fit` reports as `elbo` is the bound itself throughout.

    Args:
        epochs: how many epochs have a weight below 1.

    Raises:
        ValueError: if `epochs` is not a positive integer, or the model has no such weight.

    References:
        Bowman et al. (2016), arXiv 1511.06349, section 3.1; Sønderby et al. (2016),
        arXiv 1602.02282, section 2.3.
    """

    def __init__(self, epochs):
        super().__init__()
        self.epochs = checks.check_positive_integer(epochs, argument="epochs")

    def set_model(self, model):
        if not hasattr(model, "kl_weight"):
            raise ValueError(f"`KLWarmUp` must be given to an M1, got a {type(model).__name__}")
        super().set_model(model)

    def on_epoch_begin(self, epoch, logs=None):
        self.model.kl_weight.assign(min(1.0, (epoch + 1) / (self.epochs + 1)))

    def on_train_end(self, logs=None):
        self.model.kl_weight.assign(1.0)
