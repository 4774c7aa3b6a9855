"""What a trained model computes once it is deployed, as functions of tensors on folded networks."""

from typing import Any

import tensorflow as tf

from keras_dgm.serving import folding


def finite_softplus(x):
    """log(1 + exp(x)) = max(x, 0) - log sigmoid|x|, of operations that LiteRT has.

    The usual log(exp(x) + 1) overflows in float32 at 89 and in float16 at 11; here the logarithm
    sees numbers from 1/2 to 1. `relu` would be computed by a matrix product of its own, since the
    converter merges it into a copy of the one before.
    """
    return 0.5 * (x + tf.abs(x)) - tf.math.log(tf.sigmoid(tf.abs(x)))


class Inference:
    """The functions of a trained M1, M2 or M1+M2: deterministic, on folded copies of its networks.

    M1 has `embed` and `generate` of z; M2 and M1+M2 have all of them. Their folded copies of the
    networks (`layers`) are frozen. Everything takes and returns tensors with a dynamic batch.

    Args:
        model: a built `M1`, `M2` or `StackedM1M2`.
        softplus: replaces softplus where the target lacks a good one.

    Raises:
        ValueError: if the model is not built.
    """

    def __init__(self, model, softplus=None):
        if not model.built:
            raise ValueError(
                f"`model` must be built or fitted before it is exported, got {model!r}"
            )
        self.input_dim = model.input_dim
        self.latent_dim = model.latent_dim
        self.num_classes = getattr(model, "num_classes", None)
        m1 = model if self.num_classes is None else getattr(model, "m1", None)
        self.has_z1 = m1 is not None
        bottom = m1 or model
        self.unit_interval = bottom.likelihood.unit_interval and bottom.preprocessor is None
        width = model.input_dim
        if bottom.preprocessor is not None:
            width = bottom.preprocessor.compute_output_shape((None, width))[-1]

        features = folding.stages_of_preprocessor(bottom.preprocessor)
        images = folding.stages_of_inverse(bottom.preprocessor)
        if bottom.likelihood.unit_interval:
            images = [tf.sigmoid, *images]
        if m1 is not None:
            # Of z1, only the means of the dimensions that M2 models.
            used = model.active_dims if m1 is not model else range(m1.latent_dim)
            encode = folding.take_outputs(folding.stages_of(m1.encoder), used)
            decode = folding.take_outputs(folding.stages_of(m1.decoder), range(width))
            features = [*features, *encode]
            images = [*folding.take_inputs(decode, used, m1.latent_dim), *images]
            width = len(used)

        self._features = folding.Chain(features, softplus)
        self._decoder: Any
        parts: list[Any]
        if self.num_classes is None:
            self._decoder = folding.Chain(images, softplus)
            parts = [self._features, self._decoder]
        else:
            self._classifier = folding.Chain(folding.stages_of(model.classifier), softplus)
            means = range(self.latent_dim)
            self._encoder = folding.ConditionalChain(model.encoder, means, softplus=softplus)
            self._decoder = folding.ConditionalChain(model.decoder, range(width), images, softplus)
            parts = [self._features, self._classifier, self._encoder, self._decoder]
        self.layers = [layer for part in parts for layer in part.layers]

    # Classification.

    def features(self, x):
        """What the classifier sees, [B, W], of x [B, D]: the active E[z1|x], PCA of x, or x."""
        return self._features(x)

    def probabilities(self, x):
        """q(y|x), [B, K], of x [B, D]."""
        return tf.nn.softmax(self._classifier(self.features(x)))

    @property
    def classifier_stages(self):
        """The stages from `features` to the logits of q(y|x)."""
        return list(self._classifier.stages)

    # Latent variables.

    def embed(self, x):
        """A dict of latent means of x [B, D]: `embedding` and, beside a classifier, `style`.

        `embedding` is the posterior mean of z for M1, of the active dimensions of z1 for M1+M2,
        and the mean of z under q(y|x) q(z|x,y) for M2.
        """
        features = self.features(x)
        if self.num_classes is None:
            return {"embedding": features}
        logits = self._classifier(features)
        if self.has_z1:
            return {"embedding": features, "style": self._style(features, logits)}
        means = self._encoder(features[:, None], tf.range(self.num_classes)[None])  # [B, K, Z]
        embedding = tf.reduce_sum(tf.nn.softmax(logits)[..., None] * means, 1)
        return {"embedding": embedding, "style": self._style(features, logits)}

    def style(self, x):
        """The mean of q(z|x,y), [B, Z], at the most likely class y of x [B, D]."""
        features = self.features(x)
        return self._style(features, self._classifier(features))

    def _style(self, features, logits):
        y = tf.argmax(logits, -1, output_type=tf.int32)  # [B]
        return self._encoder(features, y)

    # Generation.

    def generate(self, y, z):
        """The mean of p(x|y,z), [B, D], of integers y [B] and z [B, Z]; M1 takes z alone."""
        return self._decoder(z, y) if self.num_classes else self._decoder(z)

    def in_all_classes(self, z):
        """The mean of p(x|y,z) for every y, [B, K, D], of z [B, Z]."""
        return self._decoder(z[:, None], tf.range(self.num_classes)[None])

    def analogies(self, x):
        """The style of x [B, D] in all classes, [B, K, D]."""
        return self.in_all_classes(self.style(x))
