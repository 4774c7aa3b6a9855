"""The baselines: scikit-learn's classifiers and the transductive SVM, tuned on the labels alone."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC

from keras_dgm.classifiers import features, tuning
from keras_dgm.classifiers.neighbours import MAX_ITERATIONS, NeighbourGraph
from keras_dgm.classifiers.tuning import UNLABELED

# Cross-validation of what also learns from unlabelled rows sees this many of them at most.
TUNING_UNLABELED = 2000


class Answer(NamedTuple):
    """What a method says of the test rows.

    Attributes:
        probs: [T, K].
        setting: what it chose, for the record.
    """

    probs: np.ndarray
    setting: dict


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A scikit-learn classifier as a method of the comparison.

    Attributes:
        title: as people write it.
        make: a function of the features of the training rows, a seed and a setting by keywords;
            it returns the classifier.
        grid: settings; the first one where the labels do not suffice for cross-validation.
        semi_supervised: whether it is fitted to the unlabelled rows as well, their y being -1.
        logits: whether it has decision values, not probabilities.
        max_work: where labels x columns x classes are more, only the first setting is tried.
    """

    title: str
    make: Callable[..., Any]
    grid: Sequence[dict]
    semi_supervised: bool = False
    logits: bool = False
    max_work: float = np.inf

    @property
    def settings(self):
        """What decides its results."""
        classifier = self.make(np.eye(2), 0, **self.grid[0])
        settings = {"classifier": described(classifier), **tuned(self.grid)}
        if self.semi_supervised:
            settings["tuning_unlabeled"] = TUNING_UNLABELED
        if self.max_work < np.inf:
            settings["max_work"] = self.max_work
        return settings

    def __call__(self, x_labeled, y_labeled, x_unlabeled, x_test, seed, num_classes):
        """An `Answer`; arrays as in `problems.Draw`."""
        x_train, x_test = features.prepared(np.concatenate([x_labeled, x_unlabeled]), x_test)
        num_labeled = len(y_labeled)
        unlabeled = len(x_unlabeled) if self.semi_supervised else 0

        def fit(y, setting, unlabeled):
            y = np.concatenate([y, np.full(unlabeled, UNLABELED)])
            x = x_train[: len(y)]
            used = slice(None) if self.semi_supervised else y != UNLABELED
            classifier = self.make(x_train, seed, **setting).fit(x[used], y[used])
            return lambda x: tuning.scores(classifier, x, num_classes, self.logits)

        def fit_fold(y, setting):
            scores = fit(y, setting, min(unlabeled, TUNING_UNLABELED))
            return lambda rows: scores(x_train[rows])

        grid = self.grid
        if num_labeled * x_labeled.shape[1] * num_classes > self.max_work:
            grid = grid[:1]
        untuned = len(grid) == 1 and not self.logits
        setting, temperature, _ = tuning.choose(
            fit_fold,
            grid,
            y_labeled,
            num_classes,
            seed,
            self.logits,
            max_folds=1 if untuned else tuning.MAX_FOLDS,
        )
        scores = fit(y_labeled, setting, unlabeled)(x_test)
        if not self.logits:
            return Answer(scores, setting)
        probs = tuning.probabilities(scores, temperature)
        return Answer(probs, {**setting, "temperature": temperature})


@dataclasses.dataclass(frozen=True)
class Spreading:
    """Label spreading over the graph of nearest neighbours of all training rows.

    The graph is that of scikit-learn's `kernel="knn"`, found once for all settings. A test row that
    is no training row gets the mean of its neighbours'.
    """

    title: str
    grid: Sequence[dict]

    @property
    def settings(self):
        """What decides its results."""
        return {"max_iter": MAX_ITERATIONS, **tuned(self.grid)}

    def __call__(self, x_labeled, y_labeled, x_unlabeled, x_test, seed, num_classes):
        """An `Answer`; arrays as in `problems.Draw`."""
        x_train, x_new = features.prepared(np.concatenate([x_labeled, x_unlabeled]), x_test)
        graph = NeighbourGraph(x_train, max(s["n_neighbors"] for s in self.grid))
        y = np.concatenate([y_labeled, np.full(len(x_unlabeled), UNLABELED)])

        def fit(y, setting):
            return graph.spread(y, num_classes, **setting)

        setting, _, _ = tuning.choose(
            lambda y, setting: fit(y, setting).__getitem__, self.grid, y, num_classes, seed
        )
        probs = fit(y, setting)
        if x_test is x_unlabeled:
            return Answer(probs[len(y_labeled) :], setting)
        return Answer(graph.around(x_new, probs, setting["n_neighbors"]), setting)


def described(classifier):
    """A classifier in one line, without the addresses of functions."""
    return re.sub(r" at 0x\w+", "", " ".join(repr(classifier).split()))


def tuned(grid):
    """What decides which setting is chosen, and from what features."""
    settings = [" ".join(f"{key}={value}" for key, value in one.items()) for one in grid]
    return {"grid": settings, "folds": tuning.MAX_FOLDS, "sparse_from": features.SPARSE}


# The classifiers. gamma is in units of 1 / (mean squared length of a row).


def logistic_regression(x, seed, C):
    return LogisticRegression(C=C, max_iter=1000)


def k_nn(x, seed, n_neighbors, weights):
    return KNeighborsClassifier(n_neighbors, weights=weights)


def rbf_svm(x, seed, C, gamma):
    return SVC(C=C, gamma=gamma / features.squared_length(x))


def extra_trees(x, seed, max_features, min_samples_leaf):
    return ExtraTreesClassifier(
        max_features=max_features, min_samples_leaf=min_samples_leaf, random_state=seed
    )


def gradient_boosting(x, seed, min_samples_leaf):
    # Columns that do not vary are never split at; without them it is the same, and faster.
    return make_pipeline(
        VarianceThreshold(),
        FunctionTransformer(features.dense, accept_sparse=True),
        HistGradientBoostingClassifier(
            min_samples_leaf=min_samples_leaf,
            max_leaf_nodes=8,
            early_stopping=False,
            random_state=seed,
        ),
    )


def self_training(x, seed, C, threshold):
    regression = LogisticRegression(C=C, max_iter=100, tol=1e-3)
    return SelfTrainingClassifier(regression, threshold=threshold)


def grid(**values):
    """All settings of some values, those of the first values first."""
    return tuple(ParameterGrid(values))
