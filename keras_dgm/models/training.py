"""One step of training or evaluation, and what it reports."""

import warnings
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_dgm import activations
from keras_dgm.bounds import Elbo
from keras_dgm.distributions import tfd
from keras_dgm.models import finite
from keras_dgm.models.replicas import over_workers, replica_share


class StepOutput(NamedTuple):
    """Per-example results of one batch, reduced once, in `TrainingMixin`.

    Attributes:
        loss: [B], to be minimised.
        bound: the terms of the bound, tensors [B].
        cross_entropy: [B], -log q(y|x) where the label is known; None without a classifier.
        probs: [B, K], q(y|x); None without a classifier.
    """

    loss: tf.Tensor
    bound: Elbo
    cross_entropy: tf.Tensor | None = None
    probs: tf.Tensor | None = None


class TrainingMixin:
    """`compile`, `train_step` and `test_step` of a model with an `objective`.

    Noise is drawn outside the compiled core of a step: XLA draws it many times slower than
    `tf.random.stateless_*` does.
    """

    def compile(
        self,
        optimizer="adam",
        loss=None,
        metrics=None,
        weighted_metrics=None,
        jit_compile="auto",
        **kwargs,
    ):
        """Configure training, as `keras.Model.compile`, with the model's own loss.

        Args:
            optimizer: any Keras optimizer.
            loss: None.
            metrics: Keras metrics of (y, q(y|x)), of M2 and M1+M2; they see the labelled examples
                only, with their sample weights.
            weighted_metrics: the same as `metrics`.
            jit_compile: `"auto"` on a CPU compiles the arithmetic of a step with XLA and leaves
                the drawing of noise outside; True compiles whole steps; False compiles nothing.
            **kwargs: `run_eagerly`, `steps_per_execution`, `auto_scale_loss`.
        """
        if loss is not None:
            raise ValueError(f"`loss` must be None: the bound is the loss, got {loss!r}")
        steps = kwargs.get("steps_per_execution", 1)
        if steps != 1 and over_workers(self.distribute_strategy):
            raise ValueError(f"`steps_per_execution` must be 1 with several workers, got {steps}")
        metrics = [*(metrics or []), *(weighted_metrics or [])]
        if metrics and not self.has_classifier:
            raise ValueError(
                f"`metrics` must be None: {type(self).__name__} predicts no class, got {metrics!r}"
            )
        super().compile(
            optimizer=optimizer,
            weighted_metrics=metrics or None,
            jit_compile=jit_compile,
            **kwargs,
        )
        self._asked_jit_compile = jit_compile
        # On a CPU, XLA has no fast half-precision matrix product; under a strategy, the
        # optimizer's sum over replicas cannot be part of a compiled core.
        self._compile_core = (
            jit_compile == "auto"
            and not self.run_eagerly
            and not tf.distribute.has_strategy()
            and keras.backend.standardize_dtype(self.compute_dtype) in ("float32", "float64")
        )

    def get_compile_config(self):
        config = super().get_compile_config()
        # Keras keeps what "auto" came to on this machine.
        return {**config, "jit_compile": self._asked_jit_compile} if config else config

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def train_step(self, data):
        """Minimise the batch's mean of the objective."""
        if not self.trainable_variables:
            warnings.warn(
                f"{type(self).__name__} has no trainable weights, as an M1 that an M1+M2 holds",
                stacklevel=2,
            )
        _, y, sample_weight, output = self._step(data, self._minimize, training=True)
        self.update_metrics(y, output, sample_weight)
        return self.get_metrics_result()

    def test_step(self, data):
        """The same terms on held-out data; predictions are made as `predict` makes them."""
        observed, y, sample_weight, output = self._step(data, self._evaluate, training=False)
        if output.probs is not None:
            output = output._replace(probs=self(observed))
        self.update_metrics(y, output, sample_weight)
        return self.get_metrics_result()

    def _step(self, data, core, training):
        observed, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if not isinstance(observed, dict):
            observed = self.observe(observed)
        if y is not None:
            y = tf.cast(tf.reshape(y, [-1]), tf.int32)
        x = self.sample_observation(observed)
        noise = self.sample_noise(tf.shape(x)[0], training)
        if self._compile_core or self.jit_compile:
            core = activations.fused()(core)
        if self._compile_core:
            core = tf.function(core, autograph=False, jit_compile=True)
        loss, output = core(x, y, noise, sample_weight)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(x)[0])
        if training:
            finite.note(self.failure, steps_taken(self.optimizer), x, loss, output)
        return observed, y, sample_weight, output

    def _loss(self, x, y, noise, sample_weight, training):
        output = self.objective(x, y, noise, training)
        weight = 1.0 if sample_weight is None else tf.cast(sample_weight, output.loss.dtype)
        # A replica can have no example of a last, smaller batch.
        count = tf.cast(tf.maximum(tf.shape(x)[0], 1), output.loss.dtype)
        loss = tf.reduce_sum(weight * output.loss) / count
        if self.weight_prior and training:
            log_prior = self.log_weight_prior(loss.dtype)
            loss -= log_prior / tf.cast(self.num_examples, loss.dtype)
        return loss, output

    def _minimize(self, x, y, noise, sample_weight):
        share = replica_share(tf.shape(x)[0])
        with tf.GradientTape() as tape:
            loss, output = self._loss(x, y, noise, sample_weight, training=True)
            # The optimizer sums gradients over replicas.
            scaled_loss = self.optimizer.scale_loss(loss * tf.cast(share, loss.dtype))
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return loss, output

    def _evaluate(self, x, y, noise, sample_weight):
        return self._loss(x, y, noise, sample_weight, training=False)

    def log_weight_prior(self, dtype):
        """log p(theta), N(0, 1) for each weight (the paper's code), a scalar."""
        prior = tfd.Normal(tf.zeros([], dtype), 1.0)
        weights = [tf.cast(w, dtype) for w in self.trainable_variables]
        return tf.add_n([tf.reduce_sum(prior.log_prob(w)) for w in weights])


def steps_taken(optimizer):
    """How many batches an optimizer has seen, up to its last update."""
    return optimizer.iterations * (optimizer.gradient_accumulation_steps or 1)
