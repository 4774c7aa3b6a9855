"""Callbacks of a training run."""

import signal
import statistics
import sys
import time
from pathlib import Path

import keras

from keras_dgm.runs import files
from train import workers


def linear_decay(learning_rate, epochs, constant_fraction):
    """A schedule that is constant for a part of the epochs, then falls linearly towards 0."""

    def schedule(epoch):
        remaining = (epochs - epoch) / (epochs * (1 - constant_fraction))
        return learning_rate * min(1.0, remaining)

    return keras.callbacks.LearningRateScheduler(schedule)


class EpochTimer(keras.callbacks.Callback):
    """The seconds of each epoch's training steps, without validation.

    Attributes:
        seconds_per_epoch: their median; None where a resumed run had no epoch left.
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
        return statistics.median(self.seconds) if self.seconds else None


def reported_epochs(epochs):
    """Which epochs to validate and report: ten of them at most, the last among them."""
    every = -(-epochs // 10)
    return sorted({*range(every, epochs + 1, every), epochs})


class Summary(keras.callbacks.Callback):
    """A line for each of `reported_epochs`.

    Args:
        name: what is being trained, to stand at the start of each line.
    """

    SHOWN = ("elbo", "reconstruction", "kl", "classification_loss", "val_elbo", "val_accuracy")

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


class History(keras.callbacks.CSVLogger):
    """One row an epoch in a CSV file, which a resumed run continues.

    Args:
        path: of the file.
        initial_epoch: how many rows of an interrupted run count; 0 starts the file anew.
    """

    def __init__(self, path, initial_epoch):
        super().__init__(path, append=True)
        self.path = Path(path)
        self.initial_epoch = initial_epoch

    def on_train_begin(self, logs=None):
        written = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        lines = written[: self.initial_epoch + 1] if self.initial_epoch else []
        with files.atomic(self.path) as temporary:
            temporary.write_bytes(b"".join(lines))
        super().on_train_begin(logs)
        if lines:
            self.keys = lines[0].decode().strip().split(",")[1:]


class StopOnSignal(keras.callbacks.Callback):
    """A context in which SIGTERM and SIGINT (Ctrl-C) end `fit` after the epoch that they arrive in.

    One that arrives at one of several workers ends them all. A second signal acts at once.

    Attributes:
        received: the number of the signal; None: there was none.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)
    received = None

    def __enter__(self):
        self.previous = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        self.received = number
        self.__exit__()
        print("stopping after this epoch; again to stop at once", file=sys.stderr, flush=True)

    def on_epoch_end(self, epoch, logs=None):
        if received := max(workers.gather(self.received or 0)):
            self.received = received
            self.model.stop_training = True
