"""What a trained model computes once it is deployed, on folded copies of its networks.

Everything takes and returns tensors with a dynamic batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_dgm.serving import folding


class DeployedM1:
    """An encoder and a decoder.

    Args:
        features: stages from x [..., D] to the mean of q(z|x).
        data: stages from z [..., Z] to the mean of p(x|z).
        softplus: replaces softplus where the target has a better one.
    """

    def __init__(
        self, features: Sequence[Any], data: Sequence[Any], softplus: Callable | None = None
    ):
        self.embed = folding.Chain(features, softplus)
        self.generate = folding.Chain(data, softplus)


class DeployedM2:
    """A classifier with its generative model, on features of x.

    Args:
        m2: an `M2` of the features.
        features: stages from x [..., D] to what `m2` models, its expected observation.
        data: stages from the first outputs of its decoder to x.
        softplus: replaces softplus where the target has a better one.
    """

    def __init__(
        self,
        m2: Any,
        features: Sequence[Any],
        data: Sequence[Any],
        softplus: Callable | None = None,
    ):
        self.num_classes = m2.num_classes
        means = folding.Columns(tuple(range(m2.latent_dim)))
        self.features = folding.Chain(features, softplus)
        self._to_inputs = folding.Chain(m2.view.input_stages(), softplus)
        never = m2.never.numpy()
        logits = folding.stages_of(m2.classifier)
        if never.any():
            logits = [*logits, lambda logits: logits + never]
        self.classifier = folding.Chain(logits, softplus)
        self._encoder = folding.ConditionalChain(m2.encoder, [means], softplus)
        self._decoder = folding.ConditionalChain(m2.decoder, data, softplus)

    def probabilities(self, x: tf.Tensor) -> tf.Tensor:
        """q(y|x), [B, K], of x [B, D]."""
        return tf.nn.softmax(self.classifier(self.inputs(x)))

    @property
    def learns_on(self) -> bool:
        """Whether the last layer of the classifier is a linear Dense one, which can be taught."""
        last = self.classifier.stages[-1]
        return isinstance(last, keras.layers.Dense) and last.activation is keras.activations.linear

    def seen_by_last(self, inputs: tf.Tensor) -> tf.Tensor:
        """What the last layer of the classifier sees, [B, H], of what the networks see of x."""
        hidden = inputs
        for stage in self.classifier.stages[:-1]:
            hidden = stage(hidden)
        return hidden

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """What the networks see of x [B, D]."""
        return self.inputs_of(self.features(x))

    def inputs_of(self, features: tf.Tensor) -> tf.Tensor:
        """What they see of the features [B, W]."""
        return self._to_inputs(features)

    def embed(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """The mean of z under q(y|x) q(z|x,y), and at the most likely class: the `style`."""
        inputs = self.inputs(x)
        logits = self.classifier(inputs)
        embedding = tf.reduce_sum(tf.nn.softmax(logits)[..., None] * self.styles(inputs), 1)
        return {"embedding": embedding, "style": self._style(inputs, logits)}

    def styles(self, inputs: tf.Tensor) -> tf.Tensor:
        """The means of q(z|x,y) at every y, [B, K, Z], of what the networks see of x."""
        return self._encoder(inputs[:, None], tf.range(self.num_classes)[None])

    def style(self, x: tf.Tensor) -> tf.Tensor:
        """The mean of q(z|x,y), [B, Z], at the most likely class y of x [B, D]."""
        inputs = self.inputs(x)
        return self._style(inputs, self.classifier(inputs))

    def features_and_style(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """The features themselves as `embedding`, and the `style`."""
        features = self.features(x)
        inputs = self.inputs_of(features)
        return {"embedding": features, "style": self._style(inputs, self.classifier(inputs))}

    def _style(self, inputs, logits):
        y = tf.argmax(logits, -1, output_type=tf.int32)  # [B]
        return self._encoder(inputs, y)

    def generate(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The mean of p(x|y,z), [B, D], of integers y [B] and z [B, Z]."""
        return self._decode(z, y)

    def in_all_classes(self, z: tf.Tensor) -> tf.Tensor:
        """The mean of p(x|y,z) for every y, [B, K, D], of z [B, Z]."""
        return self._decode(z[:, None], tf.range(self.num_classes)[None])

    def _decode(self, z, y):
        return self._decoder(z, y)


class DeployedADGM(DeployedM2):
    """The same of an `ADGM`, whose classifier and encoder see the mean of q(a|x) as well.

    Args:
        model: an `ADGM` of the features.
        features, data, softplus: as of `DeployedM2`.
    """

    def __init__(
        self,
        model: Any,
        features: Sequence[Any],
        data: Sequence[Any],
        softplus: Callable | None = None,
    ):
        super().__init__(model, features, data, softplus)
        self.mean = folding.Columns(tuple(range(model.auxiliary_dim)))
        of_inputs = [*folding.stages_of(model.auxiliary_encoder), self.mean]
        self._auxiliary = folding.Chain(of_inputs, softplus)

    def inputs_of(self, features: tf.Tensor) -> tf.Tensor:
        inputs = super().inputs_of(features)
        return tf.concat([inputs, self._auxiliary(inputs)], axis=-1)


class DeployedSDGM(DeployedADGM):
    """The same of an `SDGM`, whose decoder sees the mean of p(a|y,z) as well."""

    def __init__(
        self,
        model: Any,
        features: Sequence[Any],
        data: Sequence[Any],
        softplus: Callable | None = None,
    ):
        super().__init__(model, features, data, softplus)
        network = model.auxiliary_decoder
        self._auxiliary_decoder = folding.ConditionalChain(network, [self.mean], softplus)

    def _decode(self, z, y):
        a = self._auxiliary_decoder(z, y)
        z += tf.zeros_like(a[..., :1])
        return self._decoder(tf.concat([a, z], axis=-1), y)
