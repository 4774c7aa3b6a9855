"""Honest baselines on the same labels: scikit-learn's classifiers, tuned on validation data."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC

SUPERVISED = {
    "k-NN": (KNeighborsClassifier, {"n_neighbors": [1, 3, 5]}),
    "logistic regression": (
        LogisticRegression,
        {"C": [0.01, 0.1, 1.0, 10.0, 100.0], "max_iter": [2000]},
    ),
    "RBF SVM": (SVC, {"C": [1.0, 10.0, 100.0], "gamma": ["scale", 0.001, 0.01, 0.1]}),
}
SEMI_SUPERVISED = {
    "label spreading": (
        LabelSpreading,
        {"kernel": ["knn"], "n_neighbors": [3, 7, 15], "alpha": [0.01, 0.2], "max_iter": [100]},
    ),
}
# Beyond this many examples, the graph of nearest neighbours takes minutes: one setting, the
# default of scikit-learn.
LARGE = 10_000
LARGE_GRID = {"label spreading": {"kernel": ["knn"], "n_neighbors": [7], "max_iter": [100]}}


def test_errors(data):
    """Test errors as fractions, of each baseline at the setting of least validation error.

    Args:
        data: a `Dataset` with labelled, validation and test examples.

    Returns:
        A dict from the name of a baseline to its test error and setting.
    """
    labeled = data.y_train >= 0
    few = data.x_train[labeled], data.y_train[labeled]
    results = {name: _tuned(*choice, few, data) for name, choice in SUPERVISED.items()}
    for name, (kind, grid) in SEMI_SUPERVISED.items():
        if len(data.x_train) > LARGE:
            grid = LARGE_GRID[name]
        results[name] = _tuned(kind, grid, (data.x_train, data.y_train), data)
    return results


def svm(features, data):
    """The same for an RBF SVM on features [N, Z] of the training, validation and test sets."""
    train, valid, test = features
    labeled = data.y_train >= 0
    return _tuned(
        *SUPERVISED["RBF SVM"],
        (train[labeled], data.y_train[labeled]),
        data,
        held_out=(valid, test),
    )


@np.errstate(invalid="ignore")  # Label spreading divides 0 by 0 far from labels.
def _tuned(kind, grid, training, data, held_out=None):
    x_valid, x_test = (data.x_valid, data.x_test) if held_out is None else held_out
    tried = []
    for setting in ParameterGrid(grid):
        if setting.get("n_neighbors", 0) <= len(training[0]):
            classifier = kind(**setting).fit(*training)
            valid_error = error(classifier.predict(x_valid), data.y_valid)
            tried.append((valid_error, setting, classifier))
    valid_error, setting, classifier = min(tried, key=lambda attempt: attempt[0])
    test_error = error(classifier.predict(x_test), data.y_test)
    return {"test_error": test_error, "valid_error": valid_error, "setting": setting}


def error(predicted, y):
    """The fraction of wrong predictions among the examples with a label."""
    return float(np.mean(predicted[y >= 0] != y[y >= 0]))
