"""Cross-validation on the labelled rows alone: what a user with these labels can do."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special
from sklearn.metrics import log_loss

from keras_dgm.classifiers.splitter import LabeledStratifiedKFold

MAX_FOLDS = 5
TEMPERATURES = (0.05, 20.0)
UNLABELED = -1


class Choice(NamedTuple):
    """What cross-validation found.

    Attributes:
        setting: of those that were tried.
        temperature: what decision values are divided by to become logits; 1 of probabilities.
        error: the fraction of wrong predictions of held-out labels; None without any.
    """

    setting: dict[str, Any]
    temperature: float = 1.0
    error: float | None = None


def choose(
    fit: Callable[[np.ndarray, dict[str, Any]], Callable[[np.ndarray], np.ndarray]],
    grid: Sequence[dict[str, Any]],
    y: np.ndarray,
    num_classes: int,
    seed: int,
    logits: bool = False,
    max_folds: int = MAX_FOLDS,
) -> Choice:
    """The setting with the least error in cross-validation; of equal ones that of less log loss.

    Folds are stratified, `max_folds` or as many as the rarest class has labels. Where a class has
    one label, the first setting of the grid is taken.

    Args:
        fit: a function of labels [N], -1 where unknown or hidden, and a setting; it returns a
            function from rows, by their indices, to scores [M, K].
        grid: settings.
        y: [N], from 0 to K-1, -1 where unknown.
        num_classes: K.
        seed: of the folds.
        logits: whether the scores are decision values, not probabilities.
        max_folds: the most folds.
    """
    labeled = y != UNLABELED
    of_labeled = y[labeled]
    counts = np.bincount(of_labeled, minlength=num_classes)
    folds = min(max_folds, counts[counts > 0].min())
    if folds < 2:
        return Choice(grid[0])
    splits = LabeledStratifiedKFold(folds, shuffle=True, random_state=seed)
    parts = [held_out for _, held_out in splits.split(y, y)]
    tried = []
    for position, setting in enumerate(grid):
        of_rows = np.zeros((len(y), num_classes))
        for held_out in parts:
            hidden = y.copy()
            hidden[held_out] = UNLABELED
            of_rows[held_out] = fit(hidden, setting)(held_out)
        scores = of_rows[labeled]
        temperature = best_temperature(scores, of_labeled) if logits else 1.0
        probs = probabilities(scores, temperature) if logits else scores
        error = float(np.mean(probs.argmax(axis=1) != of_labeled))
        probs = probs / probs.sum(axis=1, keepdims=True)  # In float32 they nearly sum to 1.
        loss = log_loss(of_labeled, probs, labels=range(num_classes))
        tried.append((error, loss, position, temperature))
    error, _, position, temperature = min(tried)
    return Choice(grid[position], temperature, error)


def best_temperature(scores: np.ndarray, y: np.ndarray) -> float:
    """T of the least log loss of softmax(scores / T)."""

    def loss(log_temperature):
        log_probs = special.log_softmax(scores / np.exp(log_temperature), axis=1)
        return -np.mean(log_probs[np.arange(len(y)), y])

    found = optimize.minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def probabilities(scores: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(scores / T), [N, K]: the most likely class is that of the largest score."""
    return special.softmax(scores / temperature, axis=1)


def scores(classifier: Any, x: Any, num_classes: int, logits: bool = False) -> np.ndarray:
    """Probabilities or decision values of rows x, [N, K], of a fitted classifier."""
    if not logits:
        of_classes, missing = classifier.predict_proba(x), 0.0
    else:
        of_classes, missing = classifier.decision_function(x), -np.inf
        if of_classes.ndim == 1:
            of_classes = np.stack([np.zeros(len(of_classes)), of_classes], axis=1)
    found = np.full((x.shape[0], num_classes), missing)
    found[:, classifier.classes_] = of_classes
    return found
