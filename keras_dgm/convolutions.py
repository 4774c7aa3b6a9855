"""Convolutions over rows of numbers: what networks of images begin or end with."""

import math

import keras
import tensorflow as tf

from keras_dgm.activations import activation_of
from keras_dgm.networks import PACKAGE


class ImageLayer(keras.layers.Layer):
    """A layer that sees or makes images, as rows of numbers.

    Args:
        image_shape: (height, width, channels).
        filters: channels of each convolution, from the image on.
        kernel_size: side of the kernels.
        activation: of the hidden layers.
        parts: how many numbers there are for each of an image, one whole image after the other.
    """

    def __init__(
        self, image_shape, filters, kernel_size=3, activation="softplus", parts=1, **kwargs
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.filters = tuple(filters)
        self.kernel_size = kernel_size
        self.activation = activation_of(activation)
        self.parts = parts
        height, width, self.channels = self.image_shape
        halved = 2 ** len(self.filters)
        self.smallest = (height // halved, width // halved, self.filters[-1])
        self.options = {"strides": 2, "padding": "same", "dtype": self.dtype_policy}

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": self.image_shape,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "activation": keras.activations.serialize(self.activation),
            "parts": self.parts,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class Convolutions(ImageLayer):
    """Convolutions of stride 2 over images; what follows an image in its row stays as it is.

    Args:
        image_shape, filters, kernel_size, activation, parts: as of `ImageLayer`.

    Call arguments:
        x: [N, parts * D + E]; the last E numbers stay as they are: [N, F + E].
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.convolutions = [
            keras.layers.Conv2D(n, self.kernel_size, activation=self.activation, **self.options)
            for n in self.filters
        ]

    def build(self, input_shape):
        height, width, _ = self.image_shape
        shape = (None, height, width, self.parts * self.channels)
        for layer in self.convolutions:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def compute_output_shape(self, input_shape):
        others = input_shape[-1] - self.parts * math.prod(self.image_shape)
        return (*input_shape[:-1], math.prod(self.smallest) + others)

    def call(self, x):
        size = self.parts * math.prod(self.image_shape)
        images = stacked(tf.reshape(x[:, :size], [-1, self.parts, *self.image_shape]))
        for layer in self.convolutions:
            images = layer(images)
        features = tf.reshape(images, [-1, math.prod(self.smallest)])
        return features if x.shape[-1] == size else tf.concat([features, x[:, size:]], axis=-1)


@keras.saving.register_keras_serializable(package=PACKAGE)
class TransposedConvolutions(ImageLayer):
    """A fully connected layer, then transposed convolutions up to images, the last one linear.

    Args:
        image_shape, filters, kernel_size, activation, parts: as of `ImageLayer`.
        output_scale: what the kernel of the last layer is multiplied by at the start.

    Call arguments:
        h: [N, H]; returns [N, parts * D].
    """

    def __init__(self, *args, output_scale=1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.output_scale = output_scale
        self.dense = keras.layers.Dense(
            math.prod(self.smallest), self.activation, dtype=self.dtype_policy
        )
        hidden = [
            keras.layers.Conv2DTranspose(
                n, self.kernel_size, activation=self.activation, **self.options
            )
            for n in self.filters[-2::-1]
        ]
        last = keras.layers.Conv2DTranspose(
            self.parts * self.channels,
            self.kernel_size,
            kernel_initializer=keras.initializers.VarianceScaling(
                output_scale**2, "fan_avg", "uniform"
            ),
            **self.options,
        )
        self.convolutions = [*hidden, last]

    def build(self, input_shape):
        self.dense.build(input_shape)
        shape = (None, *self.smallest)
        for layer in self.convolutions:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.parts * math.prod(self.image_shape))

    def call(self, h):
        images = tf.reshape(self.dense(h), [-1, *self.smallest])
        for layer in self.convolutions:
            images = layer(images)
        return tf.reshape(
            unstacked(images, self.parts), [-1, self.parts * math.prod(self.image_shape)]
        )

    def get_config(self):
        return {**super().get_config(), "output_scale": self.output_scale}


def stacked(images: tf.Tensor) -> tf.Tensor:
    """Images [N, P, H, W, C] as channels of one, [N, H, W, P C]."""
    _, parts, height, width, channels = images.shape
    if parts > 1:
        images = tf.transpose(images, [0, 2, 3, 1, 4])
    return tf.reshape(images, [-1, height, width, parts * channels])


def unstacked(image: tf.Tensor, parts: int) -> tf.Tensor:
    """Undo `stacked`."""
    _, height, width, channels = image.shape
    if parts == 1:
        return image[:, None]
    images = tf.reshape(image, [-1, height, width, parts, channels // parts])
    return tf.transpose(images, [0, 3, 1, 2, 4])
