"""Callbacks of a training run."""

import statistics
import time

import keras


def linear_decay(learning_rate, epochs, constant_fraction):
    """A schedule that is constant for a part of the epochs, then falls linearly towards 0."""

    def schedule(epoch):
        remaining = (epochs - epoch) / (epochs * (1 - constant_fraction))
        return learning_rate * min(1.0, remaining)

    return keras.callbacks.LearningRateScheduler(schedule)


class EpochTimer(keras.callbacks.Callback):
    """The seconds of each epoch's training steps, without validation.

    Attributes:
        seconds_per_epoch: their median.
    """

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.latest = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(self.latest - self.started)

    @property
    def seconds_per_epoch(self):
        return statistics.median(self.seconds)


def reported_epochs(epochs):
    """Which epochs to validate and report: ten of them at most, the last among them."""
    every = -(-epochs // 10)
    return sorted({*range(every, epochs + 1, every), epochs})


class Summary(keras.callbacks.Callback):
    """A line for each of `reported_epochs`.

    Args:
        name: what is being trained, to stand at the start of each line.
    """

    SHOWN = ("elbo", "log_likelihood", "kl", "classification_loss", "val_elbo", "val_accuracy")

    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_train_begin(self, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        epochs = self.params["epochs"]
        if epoch + 1 not in reported_epochs(epochs):
            return
        shown = "  ".join(f"{key} {logs[key]:.4g}" for key in self.SHOWN if key in logs)
        seconds = time.perf_counter() - self.started
        print(f"{self.name} epoch {epoch + 1}/{epochs}  {seconds:.0f} s  {shown}", flush=True)
