"""A generative model as a member of a committee, and as its pupil."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.classifiers.committee import Member, Opinion
from keras_dgm.training.step import steps_at_once

# Steps of an execution: as many as divide them all.
MOST_AT_ONCE = 50
# At most, of a cross-validation; of the components' model, in all.
STEPS, LABELS_FIRST = 500, 200
RATE = 3e-3
FOLDS = 3
DISTIL_STEPS = 1000
# Of their cross-entropy, beside the penalty of the network's weights.
DISTIL_WEIGHT = 100.0


class Generative:
    """A model with classes, trained anew from one start for each set of labels.

    Adam's rate decays to 0 along half a cosine over the steps on all rows; the weights are a
    running mean of the steps'.

    Args:
        model: that has not been fitted.
        x: its data, [N, D].
        batch_size: rows of a step.
        labels_per_batch: at least so many of them have a label; None: their share.
        steps: on all rows.
        labels_first: steps before them on the labelled rows alone.
        learning_rate: of Adam.
    """

    def __init__(
        self,
        model: Any,
        x: np.ndarray,
        batch_size: int,
        labels_per_batch: int | None,
        steps: int = STEPS,
        labels_first: int = LABELS_FIRST,
        learning_rate: float = RATE,
    ):
        self.model, self.x, self.learning_rate = model, x, learning_rate
        self.steps, self.labels_first = steps, labels_first
        self.options = {"batch_size": batch_size, "labels_per_batch": labels_per_batch}
        model.build((None, x.shape[1]))
        self.at_once = steps_at_once(steps, MOST_AT_ONCE)
        model.compile(keras.optimizers.Adam(use_ema=True), steps_per_execution=self.at_once)
        model.optimizer.build(model.trainable_variables)
        self.start = model.get_weights()

    def opinion(self, y: np.ndarray, seed: int) -> Opinion:
        """What the model says after training on all labels, with its error in cross-validation."""
        error = self.error(y, seed)
        return Opinion(self.train(y), error)

    def error(self, y: np.ndarray, seed: int) -> float | None:
        """The fraction of wrong predictions of held-out labels, after shorter trainings."""
        member = Member(self.train_shortly, max_folds=FOLDS)
        return member.choice(y, self.model.num_classes, seed).error

    def train_shortly(self, y: np.ndarray) -> np.ndarray:
        """q(y|x) after training on these labels, in fewer steps, [N, K]."""
        most = max(1, STEPS // self.at_once) * self.at_once
        return self._train(y, min(self.steps, most), min(self.labels_first, LABELS_FIRST))

    def train(self, y: np.ndarray) -> np.ndarray:
        """q(y|x) after training on these labels, [N, K]."""
        return self._train(y, self.steps, self.labels_first)

    def _train(self, y: np.ndarray, steps: int, labels_first: int) -> np.ndarray:
        self.model.set_weights(self.start)
        for variable in self.model.optimizer.variables:
            variable.assign(np.zeros_like(variable))
        self.model.optimizer.learning_rate = self.learning_rate
        self.model.fit(
            self.x,
            y,
            steps_per_epoch=steps,
            labels_first=labels_first,
            callbacks=[HalfCosine(self.learning_rate, steps)],
            verbose=0,
            **self.options,
        )
        return self.model.predict(self.x, batch_size=1000, verbose=0)


class HalfCosine(keras.callbacks.Callback):
    """Lets the rate of an optimizer decay to 0 over so many steps of an epoch."""

    def __init__(self, learning_rate: float, steps: int):
        super().__init__()
        self.learning_rate, self.steps = learning_rate, steps

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        part = 0.5 * (1 + np.cos(np.pi * batch / self.steps))
        self.model.optimizer.learning_rate = self.learning_rate * part


def distil(model: Any, observed: tf.Tensor, probs: np.ndarray, batch_size: int, seed: int) -> None:
    """Refit q(y|x) of a fitted model to probabilities of its classes; the rest stays as it is.

    Args:
        model: an `M2`.
        observed: what it observes of some rows, [N, W].
        probs: [N, K].
        batch_size: rows of a step.
        seed: of the order of the rows.
    """
    inputs = model.view.inputs(observed)
    rows = tf.data.Dataset.from_tensor_slices((inputs, probs.astype(np.float32)))
    student = keras.Sequential([model.classifier])  # Which so keeps no optimizer.
    student.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, DISTIL_STEPS)),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        loss_weights=DISTIL_WEIGHT,
        steps_per_execution=MOST_AT_ONCE,
    )
    student.fit(
        rows.shuffle(len(probs), seed=seed).repeat().batch(batch_size).prefetch(2),
        steps_per_epoch=DISTIL_STEPS,
        shuffle=False,
        verbose=0,
    )
