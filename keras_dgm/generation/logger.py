"""Images for TensorBoard while a model trains."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.generation.samples import samples
from keras_dgm.generation.tiles import tile


class ImageLogger(keras.callbacks.Callback):
    """Writes what the model generates to TensorBoard: how samples and analogies come about.

    `samples` are draws from the prior, the same z each time, a row for each class where there are
    classes. Given examples, M1 also writes `reconstructions`, each below its example, and M2 and
    M1+M2 `analogies`: an example in each row, then its style in all classes. Training goes on
    exactly as without it.

    Args:
        log_dir: the folder to write; `tensorboard --logdir` shows it.
        image_shape: (height, width) or (height, width, channels) of an example.
        x: array [N, D] or [N, ...], some examples to go by; None: there are none.
        epochs: the numbers of epochs, from 1, after which to write; None: all.
        num_samples: how many, for each class where there are classes.

    Raises:
        ValueError: if an argument is out of range, or `x` or the model's data has not the pixels of
            `image_shape`, or the model is none of these.

    References:
        https://www.tensorflow.org/tensorboard/image_summaries
    """

    def __init__(self, log_dir, image_shape, x=None, epochs=None, num_samples=10):
        super().__init__()
        self.log_dir = log_dir
        self.image_shape = tuple(image_shape)
        if x is not None:
            x = checks.check_features(x, width=math.prod(self.image_shape))
        self.x = x
        self.epochs = epochs
        self.num_samples = checks.check_positive_integer(num_samples, argument="num_samples")

    def on_train_begin(self, logs=None):
        samples(self.model, 1)  # Or it says that it has none.
        if math.prod(self.image_shape) != self.model.input_dim:
            raise ValueError(
                f"`image_shape` must have the {self.model.input_dim} pixels of the model's data, "
                f"got {self.image_shape}"
            )
        self.writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch, logs=None):
        if self.epochs is not None and epoch + 1 not in self.epochs:
            return
        with self.writer.as_default(step=epoch):
            for name, images in self.sheets().items():
                sheet = np.clip(tile(images, self.image_shape), 0, 1)
                height, width, *channels = sheet.shape
                tf.summary.image(name, sheet.reshape(1, height, width, *(channels or [1])))

    def on_train_end(self, logs=None):
        self.writer.close()

    def sheets(self):
        """What is written, by name: images [R, C, D]."""
        sheets = {"samples": samples(self.model, self.num_samples)}
        return sheets if self.x is None else sheets | self.model.illustration(self.x)
