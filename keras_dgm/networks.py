"""Networks: tensors in, the parameters of distributions out."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.activations import HOW_TO_REGISTER, activation_of, is_loadable

PACKAGE = "keras_dgm"

# Distributions start near the prior.
NEAR_PRIOR = 0.1


def mlp(
    hidden_units: Sequence[int],
    output_dim: int,
    activation: Any = "softplus",
    output_scale: float = 1.0,
    kernel_regularizer: Any = None,
    dtype: Any = None,
    features: keras.Layer | None = None,
    output: keras.Layer | None = None,
) -> keras.Sequential:
    """Hidden layers of `hidden_units`, then a linear layer: [..., D] -> [..., output_dim].

    The kernels start as Glorot's, the linear layer's multiplied by `output_scale`.

    Args:
        features: a layer before the hidden ones, as of `trunks.Convolutional.features`.
        output: a layer in the place of the linear one, as of `trunks.Convolutional.output`.
    """
    activation = activation_of(activation)
    options = {"kernel_regularizer": kernel_regularizer, "dtype": dtype}
    hidden = [keras.layers.Dense(units, activation, **options) for units in hidden_units]
    if output is None:
        scaled = keras.initializers.VarianceScaling(output_scale**2, "fan_avg", "uniform")
        output = keras.layers.Dense(output_dim, kernel_initializer=scaled, **options)
    return keras.Sequential([*([] if features is None else [features]), *hidden, output])


def check_own(network: Any, name: str) -> Any:
    """A network of a user's own, or None, as it is.

    Raises:
        ValueError: naming the argument, if it is no Keras layer or model, puts out probabilities
            instead of logits, has several outputs, does not say what it puts out, or holds a
            function that a saved model cannot be loaded with.
    """
    if network is None:
        return None
    if not isinstance(network, keras.Layer):
        raise ValueError(f"`{name}` must be a Keras model or layer, got {network!r}")
    layers = getattr(network, "layers", None) or [network]
    softmax = getattr(layers[-1], "activation", None) is keras.activations.softmax
    if softmax or isinstance(layers[-1], keras.layers.Softmax):
        raise ValueError(
            f"`{name}` must put out logits and other unbounded numbers, got {network.name!r}, "
            "which ends in a softmax: leave it out"
        )
    if type(network).compute_output_shape is keras.Layer.compute_output_shape:
        raise ValueError(
            f"`{name}` must have a method `compute_output_shape(input_shape)`, "
            f"got a {type(network).__name__}, which has none"
        )
    outputs = getattr(network, "outputs", None) or [None]
    if len(outputs) > 1:
        raise ValueError(_one_output(name, f"{network.name!r} with {len(outputs)}"))
    for layer in network._flatten_layers():
        check_functions(layer, name)
    return network


def check_functions(layer: keras.Layer, name: str) -> None:
    """Refuse a layer of Keras' with a function that a saved model cannot be loaded with.

    Raises:
        ValueError: naming the network, the layer and the function.
    """
    if not type(layer).__module__.startswith("keras."):
        return  # What a layer of a user's own saves is its own.
    for attribute in ("activation", "recurrent_activation", "function"):
        function = getattr(layer, attribute, None)
        if function is not None and not is_loadable(function):
            raise ValueError(
                f"`{name}` must be one that a saved model can be loaded with, got the layer "
                f"{layer.name!r} with {function!r}: {HOW_TO_REGISTER}"
            )


def _one_output(name: str, received: str) -> str:
    return (
        f"`{name}` must have one output, got {received}: keras.layers.Concatenate joins means and "
        "log variances, say"
    )


def build(network, input_shape, output_dim, name):
    """Build `network` and make sure that it puts out `output_dim` numbers.

    Raises:
        ValueError: if it puts out another width, or several tensors.
    """
    if not network.built:
        network.build(input_shape)
    shape = network.compute_output_shape(input_shape)
    if any(isinstance(part, (list, tuple)) for part in shape):
        raise ValueError(_one_output(name, f"{network.name!r} with the shapes {shape}"))
    width = shape[-1]
    if width != output_dim:
        raise ValueError(f"`{name}` must put out {output_dim} numbers an example, got {width}")


def on_rows(network: Any, *inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Apply a network of matrices to tensors [..., D]: one large matrix product, not a batch.

    So a layer that keeps statistics, as BatchNormalization does, sees all rows at once: of a sum
    over K classes, each example K times, once in each class.
    """
    rows = [tf.reshape(x, [-1, x.shape[-1]]) for x in inputs]
    outputs = network(rows if len(rows) > 1 else rows[0], training=training)
    return tf.reshape(outputs, [-1, *inputs[0].shape[1:-1], outputs.shape[-1]])


@keras.saving.register_keras_serializable(package=PACKAGE)
class ConditionalMLP(keras.layers.Layer):
    """An MLP of a vector and a class, for q(z|x,y) and p(x|y,z).

    The first layer is activation(W x + V[y] + b). `x` and `y` broadcast against each other only
    after W x is computed, so that a sum over K classes pays for W x once.

    Args:
        num_classes: K.
        hidden_units: widths of the hidden layers, at least one.
        output_dim: P, the width of the linear output.
        activation: of the hidden layers.
        features: a layer that x goes through once, before y enters; None: there is none.
        output: a layer in the place of the linear one; None: it is linear.

    Call arguments:
        inputs: a pair of `x`, floats [..., D], and `y`, integers in 0..K-1 of shape [...], whose
            leading dimensions broadcast: ([B, 1, D], [1, K]) -> [B, K, P].
    """

    # Whether the class only adds to what the first layer makes of x.
    adds_class = True

    def __init__(
        self,
        num_classes,
        hidden_units,
        output_dim,
        activation="softplus",
        features=None,
        output=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.hidden_units = tuple(hidden_units)
        self.output_dim = output_dim
        self.activation = activation_of(activation)
        first, *rest = self.hidden_units
        # As large as what an x of unit variance brings in; the columns of one kernel over
        # [x, one-hot y] would start far smaller, and leave y without effect at first.
        self.from_y = keras.layers.Embedding(
            num_classes,
            first,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
            dtype=self.dtype_policy,
        )
        self.from_x = keras.layers.Dense(first, dtype=self.dtype_policy)
        self.features = features
        self._output = keras.saving.serialize_keras_object(output)
        self.rest = mlp(
            rest,
            output_dim,
            activation,
            output_scale=NEAR_PRIOR,
            dtype=self.dtype_policy,
            output=output,
        )

    def build(self, input_shape):
        x_shape, y_shape = input_shape
        shape = (None, x_shape[-1])
        if self.features is not None:
            if not self.features.built:  # As it is after loading.
                self.features.build(shape)
            shape = self.features.compute_output_shape(shape)
        self.from_x.build(shape)
        self.from_y.build(y_shape)
        self.rest.build((None, self.hidden_units[0]))

    def compute_output_shape(self, input_shape):
        x_shape, y_shape = input_shape
        leading = np.broadcast_shapes(*([n or 1 for n in s] for s in (x_shape[:-1], y_shape)))
        return (None, *leading[1:], self.output_dim)

    def call(self, inputs, training=False):
        x, y = inputs
        if self.features is not None:
            x = on_rows(self.features, x, training=training)
        hidden = self.activation(on_rows(self.from_x, x) + self.from_y(y))
        return on_rows(self.rest, hidden, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_units": self.hidden_units,
            "output_dim": self.output_dim,
            "activation": keras.activations.serialize(self.activation),
            "features": keras.saving.serialize_keras_object(self.features),
            "output": self._output,
        }

    @classmethod
    def from_config(cls, config):
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("features", "output")
            if config.get(name) is not None
        }
        return cls(**{**config, **parts})


@keras.saving.register_keras_serializable(package=PACKAGE)
class ConditionalNetwork(keras.layers.Layer):
    """Gives a network of the user's own the calling convention of `ConditionalMLP`.

    Args:
        network: any Keras model from [x, one-hot y], of shapes [N, D] and [N, K], to [N, P].
        num_classes: K.
    """

    adds_class = False

    def __init__(self, network, num_classes, **kwargs):
        super().__init__(autocast=False, **kwargs)  # `network` casts as its own dtype says.
        self.network = network
        self.num_classes = num_classes

    def build(self, input_shape):
        x_shape, _ = input_shape
        if not self.network.built:
            self.network.build([(None, x_shape[-1]), (None, self.num_classes)])

    def compute_output_shape(self, input_shape):
        x_shape, _ = input_shape
        flat = [(None, x_shape[-1]), (None, self.num_classes)]
        return (*x_shape[:-1], self.network.compute_output_shape(flat)[-1])

    def call(self, inputs, training=False):
        x, y = inputs
        y = tf.one_hot(y, self.num_classes, dtype=x.dtype)
        x, y = x + tf.zeros_like(y[..., :1]), y + tf.zeros_like(x[..., :1])
        return on_rows(self.network, x, y, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "network": keras.saving.serialize_keras_object(self.network),
            "num_classes": self.num_classes,
        }

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**{**config, "network": network})
