"""Labels as people have them: numbers or texts, some of them unknown."""

from typing import Any

import numpy as np
import numpy.typing as npt

from keras_dgm import containers

UNKNOWN = "-1, None, NaN or ''"
# What NumPy makes of numbers in a list with texts.
NUMBERS_AS_TEXT = ("-1", "-1.0", "nan")
EMPTY_TEXTS = ("", "<NA>")


def as_array(y: npt.ArrayLike) -> np.ndarray:
    """Labels as an array, [N] where they are [N, 1]; those of a list keep their types."""
    if isinstance(y, np.ma.MaskedArray):
        mask, y = np.ma.getmaskarray(y), np.ma.getdata(y).astype(object)
        y[mask] = None
    array = np.asarray(y, object) if isinstance(y, (list, tuple)) else np.asarray(y)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def known(y: npt.ArrayLike) -> np.ndarray:
    """Which labels are known, booleans [N]: not -1, None, NaN, NA or ""."""
    array = as_array(y)
    if array.dtype.kind in "iu":
        return array != -1
    if array.dtype.kind == "f":
        return ~np.isnan(array) & (array != -1)
    return np.array([not _is_unknown(label) for label in array.ravel()], bool).reshape(array.shape)


def _is_unknown(label: Any) -> bool:
    if isinstance(label, (str, bytes)):
        return as_text(label) in EMPTY_TEXTS
    return containers.is_missing(label) or label == -1


def as_text(label: str | bytes) -> str:
    """A label as TensorFlow or NumPy may hold it, as a text."""
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)


def plain(labels: np.ndarray) -> np.ndarray:
    """Known labels as integers, booleans or texts.

    Raises:
        ValueError: if there are numbers and texts, fractions, or texts that stand for a number.
    """
    if labels.dtype.kind == "O" and len(labels):
        if len({isinstance(label, str) for label in labels}) > 1:
            raise ValueError("`y` must hold numbers or texts, not both")
        labels = np.array(labels.tolist())
    if labels.dtype.kind == "U":
        _refuse_numbers_as_text(labels)
    if labels.dtype.kind == "f":
        if not (labels == np.round(labels)).all():
            fraction = labels[labels != np.round(labels)][0]
            raise ValueError(
                f"`y` must hold classes: whole numbers or texts, got {fraction}; for regression "
                "targets (continuous) there is no classifier"
            )
        if np.isinf(labels).any():
            raise ValueError("`y` must hold classes: whole numbers or texts, got an infinite one")
        return labels.astype(int)
    return labels


def _refuse_numbers_as_text(labels: np.ndarray) -> None:
    wrong = np.isin(labels, NUMBERS_AS_TEXT)
    if wrong.any():
        raise ValueError(
            f"`y` must hold names of classes, got the text {str(labels[wrong][0])!r}, which NumPy "
            "makes of a number among texts; say that a label is unknown by '' or None"
        )
