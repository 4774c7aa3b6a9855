"""The members of a committee, and what they teach a model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from keras_dgm.classifiers import committee, features, tuning
from keras_dgm.classifiers.committee import Fit, Member, Opinion
from keras_dgm.classifiers.neighbours import NeighbourGraph
from keras_dgm.classifiers.tuning import UNLABELED
from keras_dgm.training.step import steps_at_once

# Steps of an execution: as many as divide them all.
MOST_AT_ONCE = 50
# Rows that a committee looks at, among them all labelled ones.
MOST_ROWS = 5000
# Beyond this many features, a generative model of their first components is a member as well.
WIDE = 60
COMPONENTS = 30
# Of the generative members, at most: of their cross-validation, and of the components' model.
STEPS, LABELS_FIRST = 500, 200
RATE = 3e-3
PENALTIES = tuple({"C": C} for C in (1.0, 0.001, 0.01, 0.1))
NEIGHBOURS = (6, 11)
GRAPHS = tuple({"n_neighbors": k, "alpha": a} for k in NEIGHBOURS for a in (0.9, 0.99))
GENERATIVE_FOLDS = 3
# A model of the columns as they are has twice the say of another member.
PRIOR = 2.0
DISTIL_STEPS = 1000
# Of their cross-entropy, beside the penalty of the network's weights.
DISTIL_WEIGHT = 100.0


def teach(
    model: Any,
    make: Callable[..., Any],
    x: np.ndarray,
    y: np.ndarray,
    seed: int,
    batch_size: int,
    labels_per_batch: int | None,
    own: Opinion | None = None,
) -> dict[str, dict[str, float | None]]:
    """Let a committee, of which a fitted model is a member, teach its q(y|x).

    What all members together say of at most 5,000 rows becomes what q(y|x) is fitted to; the other
    networks stay as they are.

    Args:
        model: an `M2` or M1+M2 fitted to x and y.
        make: a function of the arguments that say how a model sees x, and of `seed`, that returns
            another `M2` with the same settings.
        x: [N, D].
        y: integers [N], -1 where unknown.
        seed: of what is drawn, beside the start of the networks, which is `keras.utils`'.
        batch_size: rows of a step.
        labels_per_batch: at least so many of them have a label; None: their share.
        own: what the model says of x, with its error in cross-validation; None: the error is that
            of a twin, an M2 of the same settings, trained as `Generative` says. That of M1+M2 sees
            the means of q(z1|x).

    Returns:
        By the name of a member its `error` in cross-validation, None where a class has one label,
        and its `weight`.
    """
    m2, x = model.as_m2(x)
    batches = batch_size, labels_per_batch
    if own is None:
        how = {"likelihood": m2.likelihood, "missing": m2.missing, "preprocessor": m2.preprocessor}
        twin = Generative(make(**how, seed=seed), x, *batches)
        own = Opinion(m2.predict(x, batch_size=1000, verbose=0), twin.error(y, seed))
    rows = some_rows(y, MOST_ROWS, seed)
    x, y, own = x[rows], y[rows], own._replace(probs=own.probs[rows], prior=PRIOR)
    K = m2.num_classes
    observed = m2.observe(x).location
    (simple,) = features.prepared(x if features.is_sparse(x) else observed.numpy())
    members = {
        "logistic regression": Member(logistic_regression(simple, K), PENALTIES),
        "extra trees": Member(extra_trees(simple, K, seed)),
        "label spreading": Member(label_spreading(simple, K), GRAPHS),
    }
    opinions = {name: member.opinion(y, K, seed) for name, member in members.items()}
    if simple.shape[1] > WIDE:
        of_components = Generative(
            make(likelihood="gaussian", seed=seed), components(simple, COMPONENTS), *batches
        )
        opinions["M2 of components"] = of_components.opinion(y, seed)
    opinions[model.title] = own
    probs, weights = committee.pooled(list(opinions.values()), int(np.sum(y >= 0)))
    distil(m2, observed, probs, batch_size, seed)
    return {
        name: {"error": opinion.error, "weight": float(weight)}
        for (name, opinion), weight in zip(opinions.items(), weights, strict=True)
    }


def few_labels(y: np.ndarray) -> bool:
    """Whether labels are so few that a committee is worth its time."""
    return int(np.sum(y >= 0)) <= MOST_ROWS


def some_rows(y: np.ndarray, most: int, seed: int) -> np.ndarray:
    """All rows with a label, at most `most`, and others at random up to it; sorted indices."""
    labeled, others = np.flatnonzero(y >= 0), np.flatnonzero(y < 0)
    others = np.random.default_rng(seed).permutation(others)[: most - len(labeled)]
    return np.sort(np.concatenate([labeled, others]))


def logistic_regression(x: Any, num_classes: int) -> Fit:
    """A line between classes."""
    return lambda y, C: supervised(LogisticRegression(C=C, max_iter=200), x, y, num_classes)


def extra_trees(x: Any, num_classes: int, seed: int) -> Fit:
    """A vote of trees with random thresholds."""
    trees = ExtraTreesClassifier(100, random_state=seed)
    return lambda y: supervised(trees, x, y, num_classes)


def supervised(classifier: Any, x: Any, y: np.ndarray, num_classes: int) -> np.ndarray:
    """Probabilities [N, K] of a classifier of scikit-learn that sees the labelled rows alone."""
    seen = y != UNLABELED
    return tuning.scores(classifier.fit(x[seen], y[seen]), x, num_classes)


def label_spreading(x: Any, num_classes: int) -> Fit:
    """The labels of the neighbours, and of theirs."""
    graph = NeighbourGraph(x, max(NEIGHBOURS))
    return lambda y, **setting: graph.spread(y, num_classes, weighted=True, **setting)


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
        member = Member(self.train_shortly, max_folds=GENERATIVE_FOLDS)
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


def components(x: Any, count: int) -> np.ndarray:
    """The projections on the first right singular vectors, of unit variance, [N, count]."""
    found = TruncatedSVD(count, random_state=0).fit_transform(x)
    return StandardScaler().fit_transform(found).astype(np.float32)


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
