"""Labels as people have them: numbers or texts, some of them unknown."""

from typing import Any

import numpy as np
import numpy.typing as npt

UNKNOWN = "-1, None, NaN or ''"


def as_array(y: npt.ArrayLike) -> np.ndarray:
    """Labels as an array, [N] where they are [N, 1]; those of a list keep their types."""
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
    if type(label).__name__ == "NAType":  # Of pandas, which need not be there.
        return True
    # NaN alone is not equal to itself.
    return label is None or label != label or label == "" or label == -1


def encode(y: npt.ArrayLike, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes, in order, and each label's place among them, -1 where it is unknown.

    Args:
        y: [N], integers, whole floats, booleans or texts.
        length: N.

    Returns:
        An array [K], and int32 [N].

    Raises:
        ValueError: if y is of another shape or length, mixes numbers and texts, holds fractions,
            or has fewer than two classes.
    """
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
            f"got {classes.tolist()}: 1 class"
            if len(classes)
            else f"`y` must hold labels of at least two classes, got {UNKNOWN} throughout"
        )
    labels = np.full(length, -1, np.int32)
    labels[rows] = codes
    return classes, labels


def plain(labels: np.ndarray) -> np.ndarray:
    """Known labels as integers, booleans or texts."""
    if labels.dtype.kind == "O" and len(labels):
        if len({isinstance(label, str) for label in labels}) > 1:
            raise ValueError("`y` must hold numbers or texts, not both")
        labels = np.array(labels.tolist())
    if labels.dtype.kind == "f":
        if not (labels == np.round(labels)).all():
            fraction = labels[labels != np.round(labels)][0]
            raise ValueError(
                f"`y` must hold classes: whole numbers or texts, got {fraction}; for regression "
                "targets (continuous) there is no classifier"
            )
        return labels.astype(int)
    return labels
