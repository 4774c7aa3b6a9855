"""Checkpoints of a run: what a process leaves for the one that resumes it."""

import time
import warnings
import zipfile

import keras
import numpy as np

from keras_dgm.runs import files


class Checkpoints(keras.callbacks.Callback):
    """Saves the model after an epoch, and takes `fit` up again where the newest save left it.

    A save is an ordinary `.keras` file with the optimizer, the state of the noise and the current
    sum over classes. Orders of examples and learning rates depend on the epoch alone: with
    `fit(..., initial_epoch=checkpoints.epoch)` a run goes on bit for bit. A damaged save is passed
    over with a warning.

    Args:
        folder: of the saves, NAME-EPOCHS.keras.
        name: of the model.
        seconds: the least time from one save to the next; the last epoch is always saved.
        keep: how many saves remain.

    Attributes:
        epoch: how many epochs are done in the newest sound save; 0: there is none.
    """

    def __init__(self, folder, name, seconds, keep=3):
        super().__init__()
        self.folder = folder
        self.name = name
        self.seconds = seconds
        self.keep = keep
        self.newest = next((save for save in reversed(self.saves()) if is_sound(save)), None)
        self.epoch = 0 if self.newest is None else epochs_of(self.newest)

    def saves(self):
        """The files, the oldest first."""
        return sorted(self.folder.glob(f"{self.name}-*.keras"), key=epochs_of)

    def on_train_begin(self, logs=None):
        self.saved_at = time.monotonic()
        if self.newest is not None:
            self.model.load_weights(self.newest)

    def on_epoch_end(self, epoch, logs=None):
        last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        if last or time.monotonic() - self.saved_at >= self.seconds:
            self.save(epoch + 1)

    def save(self, epochs):
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise FloatingPointError(f"{self.name} has weights that are not finite, epoch {epochs}")
        self.folder.mkdir(exist_ok=True)
        with files.atomic(self.folder / f"{self.name}-{epochs}.keras") as temporary:
            self.model.save(temporary)
        for old in self.saves()[: -self.keep]:
            old.unlink()
        self.saved_at = time.monotonic()


def epochs_of(save):
    """The number of epochs in the name of a save."""
    return int(save.stem.rpartition("-")[2])


def is_sound(save):
    """Whether every byte of a save is as it was written; warns where it is not."""
    try:
        with zipfile.ZipFile(save) as archive:
            if archive.testzip() is None:
                return True
    except Exception:  # zipfile and zlib raise whatever the damage leads to.
        pass
    warnings.warn(f"{save} is damaged, the save before it is used", stacklevel=2)
    return False
