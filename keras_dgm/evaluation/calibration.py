"""How a classifier errs, and whether its probabilities are those of being right."""

from typing import NamedTuple

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve

from keras_dgm import checks


class Calibration(NamedTuple):
    """How often answers of about one confidence are right.

    Attributes:
        confidence: the mean of max_y q(y|x) in each bin that holds an example, [M], ascending.
        accuracy: the fraction of right answers in each, [M].
        error: the expected calibration error: |accuracy - confidence|, averaged over examples.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def calibration(y, probs, num_bins=10):
    """The reliability of the most likely class, in bins of equal width.

    Args:
        y: integers [N]; examples without a label (-1) are left out.
        probs: q(y|x), [N, K]: what `predict` returns.
        num_bins: of [0, 1].

    Raises:
        ValueError: if the shapes disagree, no example has a label, or an argument is out of range.

    References:
        Guo, Pleiss, Sun and Weinberger (2017), arXiv 1706.04599.

    Examples:
        >>> from keras_dgm.evaluation import calibration
        >>> probs = [[0.95, 0.05], [0.95, 0.05], [0.25, 0.75], [0.25, 0.75]]
        >>> found = calibration([0, 0, 1, 0], probs)
        >>> found.accuracy.tolist()  # Of those of confidence 0.75, and of 0.95.
        [0.5, 1.0]
        >>> round(found.error, 3)
        0.15
    """
    y, probs = _labeled(y, probs)
    num_bins = checks.check_positive_integer(num_bins, argument="num_bins")
    right = probs.argmax(axis=-1) == y
    confidence = np.clip(probs.max(axis=-1), 0, 1)
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=num_bins)
    bins = np.minimum(confidence * num_bins, num_bins - 1).astype(int)
    errors = np.bincount(bins, right - confidence, num_bins)
    return Calibration(mean_confidence, accuracy, float(np.abs(errors).sum() / len(right)))


def confusion(y, probs):
    """How many examples of each class were taken for which, [K, K]: true classes in the rows.

    Args:
        y: integers [N]; examples without a label (-1) are left out.
        probs: q(y|x), [N, K]: what `predict` returns.

    Raises:
        ValueError: if the shapes disagree or no example has a label.

    Examples:
        >>> from keras_dgm.evaluation import confusion
        >>> confusion([0, 1, 1, -1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.5, 0.5]]).tolist()
        [[1, 0], [1, 1]]
    """
    y, probs = _labeled(y, probs)
    return metrics.confusion_matrix(y, probs.argmax(axis=-1), labels=range(probs.shape[1]))


def _labeled(y, probs):
    probs = checks.check_features(probs, argument="probs")
    sums = probs.sum(axis=-1)
    if probs.min() < 0 or not np.allclose(sums, 1, atol=1e-3):
        raise ValueError(
            "`probs` must hold rows that sum to 1, none of them negative, got a least value of "
            f"{probs.min()} and sums from {sums.min()} to {sums.max()}"
        )
    y = checks.check_labels(y, num_classes=probs.shape[1], length=len(probs))
    if not (y >= 0).any():
        raise ValueError("`y` must hold at least one label from 0 up, got -1 throughout")
    return y[y >= 0], probs[y >= 0]
