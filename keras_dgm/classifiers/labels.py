"""The labels that an estimator is fitted to and scored on."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import _safe_indexing

from keras_dgm import checks
from keras_dgm.labels import UNKNOWN, as_array, known, plain


def encode(y: npt.ArrayLike, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes, in order, and each label's place among them, -1 where it is unknown.

    Args:
        y: [N], integers, whole floats, booleans or texts.
        length: N.

    Returns:
        An array [K], and int32 [N].

    Raises:
        ValueError: if y is of another shape or length, mixes numbers and texts, holds fractions or
            the text "-1", or has fewer than two classes.
    """
    check_given(y)
    if np.asarray(y, object).shape[1:] == (1,):
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected: `y.ravel()` makes one",
            DataConversionWarning,
            stacklevel=3,
        )
    array = as_array(y)
    if array.shape != (length,):
        raise ValueError(
            f"`y` must have one label for each of the {length} rows, got shape {array.shape}"
        )
    rows = known(array)
    classes, codes = np.unique(plain(array[rows]), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"`y` must hold at least two classes besides the unknown ({UNKNOWN}), "
            f"got 1 class, {classes[0]!s}"
            if len(classes)
            else f"`y` must hold labels of at least two classes, got {UNKNOWN} throughout"
        )
    labels = np.full(length, -1, np.int32)
    labels[rows] = codes
    return classes, labels


def check_given(y: Any) -> None:
    """Refuse labels that are not there."""
    if y is None:
        raise ValueError(
            "`y` must hold labels: this requires y to be passed, but the target y is None"
        )


def accuracy(predict: Callable, X: Any, y: npt.ArrayLike, sample_weight: Any = None) -> float:
    """The fraction of right answers on the rows that have a label.

    Args:
        predict: of some rows, their labels.
        X: [N, D].
        y: [N].
        sample_weight: [N], or None.

    Raises:
        ValueError: if no row has a label, or a weight; weights are of another length; or labels are
            texts where those of `predict` are not.
    """
    check_given(y)
    labels = as_array(y)
    rows = known(labels)
    if not rows.any():
        raise ValueError(f"`y` must hold a label, got {UNKNOWN} throughout")
    weights = None
    if sample_weight is not None:
        weights = checks.check_weights(sample_weight, argument="sample_weight", length=len(rows))
        weights = weights[rows]
        if not weights.any():
            raise ValueError(
                "`sample_weight` must be positive for a row with a label, got 0 throughout"
            )
    labels, predicted = plain(labels[rows]), predict(_safe_indexing(X, np.flatnonzero(rows)))
    if (labels.dtype.kind == "U") != (predicted.dtype.kind == "U"):
        raise ValueError(f"`y` must hold labels as `fit` has seen them, got {labels.tolist()[0]!r}")
    return float(np.average(predicted == labels, weights=weights))
