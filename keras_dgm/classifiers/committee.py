"""Classifiers of several kinds on the same few labels, and what they say together.

With few labels no kind of classifier is the best everywhere: a line is enough for one table, the
neighbours' labels for another, and a generative model for a third. Each member says what it thinks
of every row; cross-validation on the labels says how far to believe it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from keras_dgm.classifiers.tuning import MAX_FOLDS, Choice, choose

# By how much the odds of a member fall with each wrong prediction of a held-out label.
ERROR_COST = 0.3

Fit = Callable[..., np.ndarray]


class Opinion(NamedTuple):
    """What a member says.

    Attributes:
        probs: of the classes of all rows, [N, K].
        error: in cross-validation; None where there were too few labels for it.
        prior: how much its say weighs before cross-validation.
    """

    probs: np.ndarray
    error: float | None
    prior: float = 1.0


class Member(NamedTuple):
    """A kind of classifier.

    Attributes:
        fit: a function of labels [N], -1 where unknown, and of a setting by keywords, that returns
            probabilities [N, K].
        grid: settings, of which cross-validation chooses.
        max_folds: of the cross-validation.
    """

    fit: Fit
    grid: Sequence[dict[str, Any]] = ({},)
    max_folds: int = MAX_FOLDS

    def opinion(self, y: np.ndarray, num_classes: int, seed: int) -> Opinion:
        """What it says after learning from labels y [N], -1 where unknown."""
        choice = self.choice(y, num_classes, seed)
        return Opinion(self.fit(y, **choice.setting), choice.error)

    def choice(self, y: np.ndarray, num_classes: int, seed: int) -> Choice:
        """Its best setting, and the error of that."""
        return choose(
            lambda y, setting: self.fit(y, **setting).__getitem__,
            self.grid,
            y,
            num_classes,
            seed,
            max_folds=self.max_folds,
        )


def pooled(opinions: Sequence[Opinion], num_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean of opinions, each as sure of itself as it deserves; [N, K], and weights.

    A member's weight falls exponentially with the number of its errors in cross-validation; its
    probabilities are sharpened or flattened until their mean confidence is its expected accuracy.
    """
    errors = np.array([opinion.error or 0.0 for opinion in opinions]) * num_labels
    weights = np.array([opinion.prior for opinion in opinions])
    weights = weights * np.exp(-ERROR_COST * (errors - errors.min()))
    weights /= weights.sum()
    known = all(opinion.error is not None for opinion in opinions)
    accuracies = 1 - (errors + 1) / (num_labels + 2)
    probs = [
        as_sure(opinion.probs, accuracy) if known else opinion.probs
        for opinion, accuracy in zip(opinions, accuracies, strict=True)
    ]
    return np.tensordot(weights, probs, axes=1), weights


def as_sure(probs: np.ndarray, confidence: float) -> np.ndarray:
    """A power of probabilities [N, K], normalised, whose mean confidence is the one given."""
    # A class that nobody believes in stays at 0.
    log_probs = np.where(probs.any(axis=0), np.log(probs + 1e-6), -np.inf)

    def powered(log_power):
        return special.softmax(log_probs * np.exp(log_power), axis=1)

    def excess(log_power):
        return powered(log_power).max(axis=1).mean() - confidence

    low, high = -4.0, 4.0
    if excess(low) >= 0:
        return powered(low)
    if excess(high) <= 0:
        return powered(high)
    return powered(optimize.brentq(excess, low, high, xtol=1e-3))
