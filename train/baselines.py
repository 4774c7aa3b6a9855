"""Honest baselines on the same labels: scikit-learn's classifiers, tuned by cross-validation."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from keras_dgm.classifiers import tuning
from keras_dgm.classifiers.neighbours import NeighbourGraph
from keras_dgm.data.splits import hold_out
from train import errors

# Cross-validation is over this many labelled examples at most; the classifier then sees all.
TUNING_LABELS = 1000


class Kind(NamedTuple):
    """A classifier of scikit-learn.

    Attributes:
        make: it, of a setting by keywords.
        grid: lists of values, those first that it gets where the labels cannot choose.
        logits: whether it has decision values, not probabilities.
    """

    make: Any
    grid: dict
    logits: bool = False


CLASSIFIERS = {
    "k-NN": Kind(KNeighborsClassifier, {"n_neighbors": [1, 3, 5]}),
    "logistic regression": Kind(
        LogisticRegression, {"C": [1.0, 0.01, 0.1, 10.0, 100.0], "max_iter": [2000]}
    ),
    "RBF SVM": Kind(
        SVC, {"C": [10.0, 1.0, 100.0], "gamma": ["scale", 0.001, 0.01, 0.1]}, logits=True
    ),
    "extra trees": Kind(ExtraTreesClassifier, {"min_samples_leaf": [1, 3], "random_state": [0]}),
}
SPREADING = "label spreading"
SPREADING_GRID = {"alpha": [0.2, 0.01, 0.8], "n_neighbors": [7, 3, 15]}


def test_errors(data, features=None):
    """What each baseline errs, by its name: see `tuned`."""
    with warnings.catch_warnings():
        # A setting that does not converge is judged by what it errs, as any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {name: tuned(name, data, features) for name in (*CLASSIFIERS, SPREADING)}


def tuned(name, data, features=None):
    """A classifier's errors at the setting that does best in cross-validation on the labels.

    Args:
        name: a key of `CLASSIFIERS`, or `SPREADING`.
        data: a `Dataset` with labelled, validation and test examples.
        features: what to classify instead of its x: of the training, validation and test sets,
            [N, Z] each.

    Returns:
        A dict of what `errors.of_test` says, `valid_error` and `setting`.
    """
    x_train, *others = features or (data.x_train, data.x_valid, data.x_test)
    fit = _spreading if name == SPREADING else _supervised
    setting, predict = fit(name, x_train, data.y_train, data.num_classes)
    valid, test = (predict(x).argmax(axis=1) for x in others)
    return {
        **errors.of_test(test, data.y_test, data.num_classes),
        "valid_error": errors.error(valid, data.y_valid),
        "setting": setting,
    }


def _supervised(name, x, y, num_classes):
    """The setting, and the scores [N, K] of other rows."""
    make, grid, logits = CLASSIFIERS[name]
    x, y = x[y >= 0].astype(np.float64), y[y >= 0]

    def fit(y, setting, x):
        return make(**setting).fit(x[y >= 0], y[y >= 0])

    rows = _tuning_rows(y)

    def fit_fold(hidden, setting):
        classifier = fit(hidden, setting, x[rows])
        return lambda fold: tuning.scores(classifier, x[rows[fold]], num_classes, logits)

    # A fold leaves half of the labels at least.
    settings = _possible(grid, max(1, len(rows) // 2))
    setting, *_ = tuning.choose(fit_fold, settings, y[rows], num_classes, 0, logits)
    classifier = fit(y, setting, x)
    return setting, lambda x: tuning.scores(classifier, x.astype(float), num_classes, logits)


def _spreading(name, x, y, num_classes):
    settings = _possible(SPREADING_GRID, len(x))
    graph = NeighbourGraph(x, max(setting["n_neighbors"] for setting in settings))
    labeled = np.flatnonzero(y >= 0)
    rows = labeled[_tuning_rows(y[labeled])]

    def fit_fold(hidden, setting):
        known = np.full(len(y), -1)
        known[rows] = hidden
        probs = graph.spread(known, num_classes, **setting)
        return lambda fold: probs[rows[fold]]

    setting, *_ = tuning.choose(fit_fold, settings, y[rows], num_classes, 0)
    probs = graph.spread(y, num_classes, **setting)
    return setting, lambda x: graph.around(x, probs, setting["n_neighbors"])


def _tuning_rows(y):
    """Which labelled examples y [L] the setting is chosen on, the classes in proportion."""
    return hold_out(y, [TUNING_LABELS], 0)[1] if len(y) > TUNING_LABELS else np.arange(len(y))


def _possible(grid, most_neighbors):
    """The settings of a grid that do not ask for more neighbours than there are."""
    settings = list(ParameterGrid(grid))
    return [s for s in settings if s.get("n_neighbors", 0) <= most_neighbors] or [
        {**settings[0], "n_neighbors": most_neighbors}
    ]
