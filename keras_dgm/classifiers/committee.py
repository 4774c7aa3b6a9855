"""Classifiers of several kinds on the same few labels, and what they say together.

With few labels no kind of classifier is the best everywhere: a line is enough for one table, the
neighbours' labels for another, and a generative model for a third. Each member says what it thinks
of every row; cross-validation on the labels says how far to believe it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from keras_dgm.classifiers import tuning
from keras_dgm.classifiers.tuning import MAX_FOLDS, Choice

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
        logits: whether `fit` returns decision values, not probabilities.
    """

    fit: Fit
    grid: Sequence[dict[str, Any]] = ({},)
    max_folds: int = MAX_FOLDS
    logits: bool = False

    def opinion(self, y: np.ndarray, num_classes: int, seed: int) -> Opinion:
        """What it says after learning from labels y [N], -1 where unknown."""
        choice = self.choice(y, num_classes, seed)
        said = self.fit(y, **choice.setting)
        probs = tuning.probabilities(said, choice.temperature) if self.logits else said
        return Opinion(probs, choice.error)

    def choice(self, y: np.ndarray, num_classes: int, seed: int) -> Choice:
        """Its best setting, and the error of that."""
        return tuning.choose(
            lambda y, setting: self.fit(y, **setting).__getitem__,
            self.grid,
            y,
            num_classes,
            seed,
            self.logits,
            self.max_folds,
        )


def pooled(opinions: Sequence[Opinion], label_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean of opinions, each as sure of itself as it deserves; [N, K], and weights.

    A member's weight falls exponentially with the number of its errors in cross-validation, and is
    0 where it makes as many as who always says the most frequent class, unless all do. Its
    probabilities are sharpened or flattened until their mean confidence is its expected accuracy.

    Args:
        opinions: of the same rows.
        label_counts: how many labels each class has, [K].
    """
    weights = np.array([opinion.prior for opinion in opinions])
    probs = np.stack([opinion.probs for opinion in opinions])
    if all(opinion.error is not None for opinion in opinions):
        num_labels = label_counts.sum()
        errors = np.array([opinion.error for opinion in opinions]) * num_labels
        skills = np.maximum(0, num_labels - label_counts.max() - errors)
        weights = weights * np.exp(-ERROR_COST * (errors - errors.min()))
        weights = weights * skills if skills.any() else weights
        accuracies = 1 - (errors + 1) / (num_labels + 2)
        probs = np.stack([as_sure(*pair) for pair in zip(probs, accuracies, strict=True)])
    weights = weights / weights.sum()
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
