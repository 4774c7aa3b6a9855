"""One step of training or evaluation, and what it reports."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import keras
import tensorflow as tf

from keras_dgm.bounds import Elbo
from keras_dgm.distributions import tfd
from keras_dgm.training import finite
from keras_dgm.training.observation import Observation
from keras_dgm.training.replicas import replica_share


class StepOutput(NamedTuple):
    """Per-example results of one batch, reduced once, in `TrainingStep`.

    Attributes:
        loss: [B], to be minimised; in evaluation without what is in `labeled_loss`.
        bound: the terms of the bound, tensors [B].
        labeled_loss: [B], what a label adds to the loss in the mean over the labelled examples;
            None of a model without classes, like the others below.
        cross_entropy: [B], -log q(y|x) where the label is known.
        probs: [B, K], q(y|x).
        adversarial_loss: [B], KL[q(y|x) || q(y|x + r)]; None of a model without this term.
        left_out: [B], what an annealed loss leaves out, and the loss that is reported does not;
            None of a model that does not anneal.
    """

    loss: tf.Tensor
    bound: Elbo
    labeled_loss: tf.Tensor | None = None
    cross_entropy: tf.Tensor | None = None
    probs: tf.Tensor | None = None
    adversarial_loss: tf.Tensor | None = None
    left_out: tf.Tensor | None = None


class Trainable(Protocol):
    """What a `TrainingStep` needs of its model, beside what it is as a `keras.Model`."""

    weight_prior: bool
    suits_xla: bool
    num_examples: tf.Variable
    failure: tf.Variable

    def observe(self, x: Any) -> Observation:
        """What of raw data stays the same from step to step."""

    def sample_observation(self, observation: Observation) -> tf.Tensor:
        """What the bound sees at this step, [B, W]."""

    def sample_noise(self, batch_size: Any, training: bool) -> Any:
        """The noise of one step."""

    def objective(self, x: tf.Tensor, y: Any, noise: Any, training: bool) -> StepOutput:
        """The loss and the bound of each example; draws nothing."""

    def with_predictions(self, output: StepOutput, observation: Observation, y: Any) -> StepOutput:
        """An evaluated output, its q(y|x) as `predict` gives it."""

    def update_metrics(self, y: Any, output: StepOutput, sample_weight: Any) -> None:
        """Add one batch to what is reported."""


class TrainingStep:
    """How a model takes one step: its arithmetic compiled, its noise drawn outside of that.

    XLA draws noise many times slower than `tf.random.stateless_*` does.

    Args:
        model: a `keras.Model` that is `Trainable`.
    """

    def __init__(self, model: Any):
        self.model = model
        self.compile_core = False

    def configure(self, jit_compile: bool | str) -> None:
        """Take what the model's `compile` was told."""
        # On a CPU, XLA has no fast half-precision matrix product; under a strategy, the
        # optimizer's sum over replicas cannot be part of a compiled core.
        self.compile_core = (
            jit_compile == "auto"
            and self.model.suits_xla
            and not self.model.run_eagerly
            and not tf.distribute.has_strategy()
            and keras.backend.standardize_dtype(self.model.compute_dtype) in ("float32", "float64")
        )

    def train(self, data: Any) -> None:
        """Minimise the batch's mean of the objective, and record what is reported."""
        model = self.model
        if not model.trainable_variables:
            warnings.warn(
                f"{type(model).__name__} has no trainable weights, as an M1 that an M1+M2 holds",
                stacklevel=2,
            )
        observation, y, sample_weight = self._unpack(data)
        x = model.sample_observation(observation)
        noise = model.sample_noise(tf.shape(x)[0], True)
        loss, output = self._core(self._minimize)(x, y, noise, sample_weight)
        reported = loss + left_out(output, sample_weight)
        model.loss_tracker.update_state(reported, sample_weight=tf.shape(x)[0])
        finite.note(model.failure, steps_taken(model.optimizer), x, loss, output)
        model.update_metrics(y, output, sample_weight)

    def test(self, data: Any) -> None:
        """Record the same terms on held-out data, predictions as `predict` makes them."""
        model = self.model
        observation, y, sample_weight = self._unpack(data)
        x = model.sample_observation(observation)
        noise = model.sample_noise(tf.shape(x)[0], False)
        loss, output = self._core(self._evaluate)(x, y, noise, sample_weight)
        model.loss_tracker.update_state(loss, sample_weight=tf.shape(x)[0])
        output = model.with_predictions(output, observation, y)
        model.update_metrics(y, output, sample_weight)

    def _unpack(self, data: Any) -> tuple[Observation, Any, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if y is not None:
            y = tf.reshape(y, [-1])
            if y.dtype.is_floating:  # NaN is no integer, and XLA would make it 0.
                y = tf.where(y == y, y, -tf.ones_like(y))
            y = tf.cast(y, tf.int32)
        return self.model.observe(x), y, sample_weight

    def _core(self, function: Callable) -> Callable:
        if not self.compile_core:
            return function
        return tf.function(function, autograph=False, jit_compile=True)

    def _minimize(self, x, y, noise, sample_weight):
        model = self.model
        share = replica_share(tf.shape(x)[0])
        with tf.GradientTape() as tape:
            loss, output = self._loss(x, y, noise, sample_weight, training=True)
            # The optimizer sums gradients over replicas.
            scaled_loss = model.optimizer.scale_loss(loss * tf.cast(share, loss.dtype))
        gradients = tape.gradient(scaled_loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return loss, output

    def _evaluate(self, x, y, noise, sample_weight):
        return self._loss(x, y, noise, sample_weight, training=False)

    def _loss(self, x, y, noise, sample_weight, training):
        """The batch's mean of the objective, and what the networks and their prior add to it."""
        model = self.model
        output = model.objective(x, y, noise, training)
        weight = 1.0 if sample_weight is None else tf.cast(sample_weight, output.loss.dtype)
        # A replica can have no example of a last, smaller batch.
        count = tf.cast(tf.maximum(tf.shape(x)[0], 1), output.loss.dtype)
        loss = tf.reduce_sum(weight * output.loss) / count
        for term in model.losses:  # Regularizers, and `add_loss` of the networks' layers.
            loss += tf.cast(term, loss.dtype)
        if model.weight_prior:
            log_prior = log_weight_prior(model.trainable_variables, loss.dtype)
            loss -= log_prior / tf.cast(model.num_examples, loss.dtype)
        return loss, output


def left_out(output: StepOutput, sample_weight: Any) -> Any:
    """The batch's mean of what annealing leaves out of the loss."""
    if output.left_out is None:
        return 0.0
    values, dtype = output.left_out, output.left_out.dtype
    weight = 1.0 if sample_weight is None else tf.cast(sample_weight, dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(weight * values), tf.cast(tf.size(values), dtype))


def log_weight_prior(weights: Any, dtype: Any) -> tf.Tensor:
    """log p(theta), N(0, 1) for each weight (the paper's code), a scalar."""
    prior = tfd.Normal(tf.zeros([], dtype), 1.0)
    return tf.add_n([tf.reduce_sum(prior.log_prob(tf.cast(w, dtype))) for w in weights])


def steps_taken(optimizer: Any) -> Any:
    """How many batches an optimizer has seen, up to its last update."""
    return optimizer.iterations * (optimizer.gradient_accumulation_steps or 1)


def steps_at_once(steps: int, most: int) -> int:
    """The most steps of an execution, up to `most`, of which whole executions make `steps`."""
    return max(count for count in range(1, most + 1) if steps % count == 0)
