"""Checks of examples, labels and weights.

Pure NumPy, and one or two passes over the data, so that whole data sets can be checked.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_dgm import containers, labels

# Of a data set that is checked value by value: no large temporary.
ROWS_AT_A_TIME = 10_000


def check_features(
    x: npt.ArrayLike,
    *,
    argument: str = "x",
    width: int | None = None,
    likelihood: Any = None,
    missing: bool = False,
) -> np.ndarray:
    """Checks examples and returns them as a float32 matrix; a view of `x` where that is possible.

    Args:
        x: [N, ...], numbers, in whatever `containers.as_array` reads; the trailing axes are
            flattened.
        argument: the name of `x` in error messages.
        width: D, the number of features that an example must have; None allows any.
        likelihood: the `Likelihood` that says which values it is over; None: any that is finite.
        missing: whether NaN is a missing entry, not a mistake.

    Returns:
        float32 [N, D].

    Raises:
        ValueError: if `x` is empty, not numeric, has fewer than two axes or another width than
            `width`, or holds an infinity, NaN that is no missing entry, or a value that
            `likelihood` is not over.
    """
    x = check_numbers(x, argument=argument, missing=missing)
    if x.ndim < 2:
        raise ValueError(
            f"`{argument}` must have shape [N, D] or [N, ...]: one row an example, "
            f"got shape {x.shape}"
        )
    if x.size == 0:
        raise ValueError(f"`{argument}` must not be empty, got shape {x.shape}")
    features = math.prod(x.shape[1:])
    if width is not None and features != width:
        raise ValueError(
            f"`{argument}` must have {width} features an example, got {features} (shape {x.shape})"
        )
    with np.errstate(over="ignore"):
        rows = x.reshape(len(x), features).astype(np.float32, copy=False)
    _check_values(rows, x, argument, likelihood, missing)
    return rows


def check_numbers(x: Any, *, argument: str, missing: bool = False) -> np.ndarray:
    """Checks that something holds real numbers and returns them as an array of any shape.

    Raises:
        ValueError: if it is no array, or holds something else.
    """
    array = containers.as_array(x, argument, missing=missing)
    if array.dtype.kind not in "buif":
        hint = "; `astype(float)` reads numbers in texts" if array.dtype.kind in "US" else ""
        raise ValueError(f"`{argument}` must hold real numbers, got dtype {array.dtype}{hint}")
    return array


def check_labels(
    y: npt.ArrayLike,
    *,
    num_classes: int | None,
    argument: str = "y",
    length: int | None = None,
    lowest: int = -1,
) -> np.ndarray:
    """Checks class labels and returns them as a vector; a view of `y` where that is possible.

    Args:
        y: [N] or [N, 1], integers, whole floats or booleans from 0 to K-1; -1, None, NaN or NA
            where the label is unknown.
        num_classes: K; None allows any label of at least -1.
        argument: the name of `y` in error messages.
        length: N, the number of examples that `y` belongs to; None allows any.
        lowest: 0 where every label must be known.

    Returns:
        int32 [N].

    Raises:
        ValueError: if `y` is empty, one-hot or otherwise of another shape, of another length than
            `length`, or holds a text, a fraction or an integer outside `lowest`..K-1.
    """
    if y is None:
        raise ValueError(
            f"`{argument}` must be integers, -1 where the label is unknown; it is missing"
        )
    y = _label_array(y, argument)
    if y.ndim != 1:
        hint = (
            "; take `argmax` of one-hot labels over the last axis, and in place of "
            "keras.wrappers.SKLearnClassifier, which makes them, take "
            "keras_dgm.classifiers.SemiSupervisedClassifier"
        )
        hint = hint if y.ndim == 2 else ""
        raise ValueError(
            f"`{argument}` must have shape [N] or [N, 1]: one class an example, "
            f"got shape {y.shape}{hint}"
        )
    if y.size == 0:
        raise ValueError(f"`{argument}` must not be empty, got shape {y.shape}")
    y = _as_integers(y, argument)
    if length is not None and len(y) != length:
        raise ValueError(
            f"`{argument}` must have one label for each of the {length} examples, got {len(y)}"
        )
    highest = np.iinfo(np.int32).max if num_classes is None else num_classes - 1
    if y.min() < lowest or y.max() > highest:
        index = int(np.argmax((y < lowest) | (y > highest)))
        meaning = " (unlabelled)" if lowest == -1 else ""
        from_one = y.max() == num_classes and not (y == 0).any()
        hint = "; the classes are numbered from 0: subtract 1" if from_one else ""
        raise ValueError(
            f"`{argument}` must hold integers from {lowest}{meaning} to {highest}, "
            f"got {y[index]} at index {index}{hint}"
        )
    return y.astype(np.int32, copy=False)


def check_weights(weights: npt.ArrayLike, *, argument: str, length: int) -> np.ndarray:
    """Checks one weight an example and returns them as a vector.

    Args:
        weights: [N], finite and not negative.
        argument: the name of `weights` in error messages.
        length: N.

    Returns:
        float32 [N].

    Raises:
        ValueError: if the shape is another, or a weight is negative or not finite.
    """
    array = check_numbers(weights, argument=argument)
    if array.shape != (length,):
        raise ValueError(f"`{argument}` must have shape [{length}], got shape {array.shape}")
    array = array.astype(np.float32)
    if not (np.isfinite(array).all() and array.min() >= 0):
        raise ValueError(f"`{argument}` must be finite and not negative, got {array.min()}")
    return array


def _label_array(y: Any, argument: str) -> np.ndarray:
    containers.refuse_others(y, argument)
    return labels.as_array(y)


def _as_integers(y: np.ndarray, argument: str) -> np.ndarray:
    """Labels as integers, -1 where they are unknown."""
    if y.dtype.kind in "iu":
        return y
    if y.dtype.kind not in "bfOSU":
        raise ValueError(f"`{argument}` must hold integers, got dtype {y.dtype}")
    known = labels.known(y)
    found = np.full(y.shape, -1, np.int64)
    for index in np.flatnonzero(known):
        found[index] = _whole(y[index], argument, int(index))
    return found


def _whole(label: Any, argument: str, index: int) -> int:
    if isinstance(label, (str, bytes)):
        raise ValueError(
            f"`{argument}` must hold integers, -1 where the label is unknown, got the text "
            f"{labels.as_text(label)!r} at index {index}: `np.unique(labels, return_inverse=True)` "
            "numbers texts; keras_dgm.classifiers.SemiSupervisedClassifier takes them as they are"
        )
    try:
        number = int(label)
        if label == number and abs(number) < 2**63:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(
        f"`{argument}` must hold integers, -1 where the label is unknown, got {label!s} at index "
        f"{index}"
    )


def _check_values(
    rows: np.ndarray, received: np.ndarray, argument: str, likelihood: Any, missing: bool
) -> None:
    # min and max propagate NaN, in half the time of isfinite(rows).all() and with no temporary.
    low, high = (np.nanmin, np.nanmax) if missing else (np.min, np.max)
    if not (np.isfinite(low(rows)) and np.isfinite(high(rows))):
        wrong = np.isinf(rows) if missing else ~np.isfinite(rows)
        where = _first(wrong, received.shape)
        raise ValueError(
            f"`{argument}` must be finite in float32{', or NaN where missing' if missing else ''}, "
            f"got {received[where]} at index {where}"
        )
    if likelihood is None:
        return
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        part = rows[start : start + ROWS_AT_A_TIME]
        wrong = ~np.asarray(likelihood.accepts(part))
        if missing:
            wrong &= ~np.isnan(part)
        if wrong.any():
            row, *rest = _first(wrong, (len(part), *received.shape[1:]))
            where = (start + row, *rest)
            raise ValueError(
                f"`{argument}` must {likelihood.rule} for {likelihood!r} (scale it, or use another "
                f"likelihood), got {received[where]} at index {where}"
            )


def _first(mask: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), shape))
