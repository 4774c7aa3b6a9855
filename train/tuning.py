"""Cross-validation on the labelled rows alone: what a user with these labels can do."""

from typing import NamedTuple

import numpy as np
from scipy import optimize, special
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

MAX_FOLDS = 5
TEMPERATURES = (0.05, 20.0)


class Choice(NamedTuple):
    """A setting, and what decision values are divided by to become logits."""

    setting: dict
    temperature: float


def choose(fit, grid, y_labeled, num_classes, seed, logits=False):
    """The setting with the least error in cross-validation; of equal ones that of less log loss.

    Folds are stratified, five or as many as the rarest class has labels. Where a class has one
    label, the first setting of the grid is taken.

    Args:
        fit: a function of labels [L], -1 where hidden, and a setting; it returns a function from
            labelled rows, by their indices, to scores [N, K].
        grid: settings.
        y_labeled: [L], from 0 to K-1.
        num_classes: K.
        seed: of the folds.
        logits: whether the scores are decision values, not probabilities.
    """
    counts = np.bincount(y_labeled, minlength=num_classes)
    folds = min(MAX_FOLDS, counts[counts > 0].min())
    if folds < 2 or (len(grid) == 1 and not logits):
        return Choice(grid[0], 1.0)
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    parts = list(splits.split(y_labeled[:, None], y_labeled))
    tried = []
    for position, setting in enumerate(grid):
        scores = np.zeros((len(y_labeled), num_classes))
        for _, valid in parts:
            hidden = y_labeled.copy()
            hidden[valid] = -1
            scores[valid] = fit(hidden, setting)(valid)
        temperature = best_temperature(scores, y_labeled) if logits else 1.0
        probs = probabilities(scores, temperature) if logits else scores
        error = np.mean(probs.argmax(axis=1) != y_labeled)
        loss = log_loss(y_labeled, probs, labels=range(num_classes))
        tried.append((error, loss, position, temperature))
    _, _, position, temperature = min(tried)
    return Choice(grid[position], temperature)


def best_temperature(scores, y):
    """T of the least log loss of softmax(scores / T)."""

    def loss(log_temperature):
        log_probs = special.log_softmax(scores / np.exp(log_temperature), axis=1)
        return -np.mean(log_probs[np.arange(len(y)), y])

    found = optimize.minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def probabilities(scores, temperature):
    """softmax(scores / T), [N, K]: the most likely class is that of the largest score."""
    return special.softmax(scores / temperature, axis=1)


def scores(classifier, x, num_classes, logits=False):
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
