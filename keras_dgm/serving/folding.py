"""Networks made small for inference: unused outputs cut off, consecutive linear maps merged.

A network becomes a list of stages, each a function of a tensor. Keras' Dense layers are taken
apart into their weights, which can be cut and merged; our convolutions are copied, with another
softplus where there is one; any other network stays as it is.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import activations, networks
from keras_dgm.convolutions import ImageLayer
from keras_dgm.preprocessing import PCA, inverse_of

# Of networks that a user made, and of ours.
SOFTPLUS = (keras.activations.softplus, activations.softplus)


def deployed(activation, softplus):
    """`activation`, or `softplus` in place of one of `SOFTPLUS`; None replaces nothing."""
    return softplus if activation in SOFTPLUS and softplus is not None else activation


@dataclasses.dataclass(frozen=True)
class Affine:
    """activation(x W + b): [..., I] -> [..., O].

    Args:
        kernel: W, float32 [I, O].
        bias: b, float32 [O].
        activation: None where the map is linear.
    """

    kernel: np.ndarray
    bias: np.ndarray
    activation: Callable | None = None

    @classmethod
    def of(cls, layer):
        """The weights and the activation of a Keras Dense layer."""
        kernel = np.asarray(layer.kernel, np.float32)
        bias = np.zeros(kernel.shape[1], np.float32)
        if layer.use_bias:
            bias = np.asarray(layer.bias, np.float32)
        linear = layer.activation in (None, keras.activations.linear)
        return cls(kernel, bias, None if linear else layer.activation)

    @property
    def size(self):
        return self.kernel.size + self.bias.size

    def then(self, other):
        """The composition of this linear map and another affine one, computed in float64."""
        kernel = np.float64(self.kernel) @ other.kernel
        bias = np.float64(self.bias) @ other.kernel + other.bias
        return Affine(kernel.astype(np.float32), bias.astype(np.float32), other.activation)

    def outputs(self, columns):
        """Only these outputs."""
        return dataclasses.replace(self, kernel=self.kernel[:, columns], bias=self.bias[columns])

    def layer(self, softplus=None):
        """A Keras layer that computes it, with `deployed(self.activation, softplus)`."""
        activation = deployed(self.activation, softplus)
        layer = keras.layers.Dense(len(self.bias), activation, dtype="float32", trainable=False)
        layer.build((None, len(self.kernel)))
        layer.set_weights([self.kernel, self.bias])
        return layer


@dataclasses.dataclass(frozen=True)
class Images:
    """Convolutions, which are neither cut nor merged.

    Args:
        network: a `Convolutions` or `TransposedConvolutions` that is built.
    """

    network: ImageLayer

    def layer(self, softplus=None):
        """A copy of it in float32, with `deployed(activation, softplus)`."""
        activation = deployed(self.network.activation, softplus)
        config = {**self.network.get_config(), "activation": activation, "dtype": "float32"}
        layer = type(self.network)(**{**config, "trainable": False})
        layer.build_from_config(self.network.get_build_config())
        layer.set_weights(self.network.get_weights())
        return layer


@dataclasses.dataclass(frozen=True)
class Columns:
    """x[..., columns], of the output of a network that cannot be cut."""

    columns: tuple[int, ...]

    def __call__(self, x):
        start, stop = self.columns[0], self.columns[-1] + 1
        if self.columns == tuple(range(start, stop)):
            return x[..., start:stop]
        return tf.gather(x, self.columns, axis=-1)


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Puts the inputs at `columns` of a vector of `width` zeros, for a network not to be cut."""

    columns: tuple[int, ...]
    width: int

    def __call__(self, x):
        return x @ tf.one_hot(self.columns, self.width, dtype=x.dtype)


def scatter(columns: Sequence[int], width: int) -> list[Any]:
    """`Scatter` as stages: none where the columns are all there are."""
    return [] if tuple(columns) == tuple(range(width)) else [Scatter(tuple(columns), width)]


def stages_of(network) -> list[Any]:
    """The stages of a Keras network; of one of other layers than ours, itself."""
    if type(network) is keras.Sequential and network.layers:
        stages = [stage_of(layer) for layer in network.layers]
        if None not in stages:
            return stages
    return [network]


def stage_of(layer) -> Any:
    """The stage that a layer is, or None."""
    if isinstance(layer, ImageLayer):
        return Images(layer)
    return Affine.of(layer) if type(layer) is keras.layers.Dense else None


def stages_of_preprocessor(preprocessor) -> list[Any]:
    """x -> what is modelled."""
    if preprocessor is None:
        return []
    if type(preprocessor) is not PCA:
        return [preprocessor]
    mean, components, scale = (
        np.asarray(weight, np.float64)
        for weight in (preprocessor.mean, preprocessor.components, preprocessor.scale)
    )
    kernel = components.T / scale
    return [Affine(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32))]


def stages_of_inverse(preprocessor) -> list[Any]:
    """What is modelled -> x."""
    if preprocessor is None:
        return []
    if type(preprocessor) is not PCA:
        return [inverse_of(preprocessor)]
    mean, components, scale = map(
        np.asarray, (preprocessor.mean, preprocessor.components, preprocessor.scale)
    )
    return [Affine(scale[:, None] * components, mean)]


def function(apply: Callable, width: int) -> list[Any]:
    """A function of [..., width] as stages: none where it returns what it is given."""
    probe = tf.zeros([1, width])
    return [] if apply(probe) is probe else [apply]


def merge(stages: Sequence[Any]) -> list[Any]:
    """Cuts off what no stage needs, and merges linear maps where that leaves fewer weights."""
    merged: list[Any] = []
    for stage in stages:
        while merged and (both := pair(merged[-1], stage)) is not None:
            merged.pop()
            stage = both
        merged.append(stage)
    return merged


def pair(first, second):
    """One stage that does what two in a row do, or None."""
    if isinstance(first, Affine) and isinstance(second, Columns):
        return first.outputs(list(second.columns))
    if isinstance(first, Scatter) and isinstance(second, Affine):
        return dataclasses.replace(second, kernel=second.kernel[list(first.columns)])
    if isinstance(first, Affine) and isinstance(second, Affine) and first.activation is None:
        both = first.then(second)
        return both if both.size <= first.size + second.size else None
    return None


class Chain:
    """Stages as a function of a tensor; `layers` are the Keras layers in it."""

    def __init__(self, stages: Sequence[Any], softplus: Callable | None = None):
        self.stages = [
            stage.layer(softplus) if isinstance(stage, (Affine, Images)) else stage
            for stage in merge(stages)
        ]
        owners = [getattr(stage, "__self__", stage) for stage in self.stages]
        self.layers = [owner for owner in owners if isinstance(owner, keras.layers.Layer)]

    def __call__(self, x):
        for stage in self.stages:
            if not isinstance(stage, keras.layers.Layer):
                x = stage(x)
            elif len(x.shape) > 2:
                x = networks.on_rows(stage, x, training=False)
            else:
                x = stage(x, training=False)
        return x


class ConditionalChain:
    """A conditional network (`ConditionalMLP` or one of the user's) as a function of x and y.

    Args:
        network: the layer, from ([..., D], integers [...]) to [..., P].
        after: stages that follow.
        softplus: replaces Keras' softplus.
    """

    def __init__(self, network, after=(), softplus=None):
        if network.adds_class:
            first = Affine.of(network.from_x)
            of_x = [] if network.features is None else [Images(network.features)]
            kernel = Affine(first.kernel, np.zeros_like(first.bias))
            self.kernel = Chain([*of_x, kernel], softplus)
            # The bias joins the table of classes.
            self.table = keras.layers.Embedding(network.num_classes, len(first.bias))
            self.table.build((None,))
            self.table.set_weights([np.asarray(network.from_y.embeddings) + first.bias])
            self.activation = deployed(network.activation, softplus)
            self.network = None
            after = [*stages_of(network.rest), *after]
        else:
            self.network = network
        self.after = Chain(after, softplus)
        own = [*self.kernel.layers, self.table] if self.network is None else [self.network]
        self.layers = [*own, *self.after.layers]

    def __call__(self, x, y):
        """Of x [..., D] and integers y whose shape broadcasts with x's leading one."""
        if self.network is not None:
            return self.after(self.network([x, y], training=False))
        return self.after(self.activation(self.kernel(x) + self.table(y)))
