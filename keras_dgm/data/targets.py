"""The column of the classes."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from keras_dgm.data.cells import Cells, parse
from keras_dgm.data.columns import IDENTIFIER_ROWS, TableWarning

if TYPE_CHECKING:
    import pandas as pd


def target_classes(
    frame: "pd.DataFrame", target: str, missing_token: str | float | None = None
) -> tuple[str, ...]:
    """The names of the K classes of a target, in sorted order.

    Raises:
        ValueError: if the entries are dates, fractions or a mixture of numbers and texts, there are
            fewer than two classes, as many as labelled rows, or, where most rows are labelled, more
            than half as many.
    """
    cells = _parse(frame, target, missing_token)
    classes = cells.categories()
    if len(classes) < 2:
        received = f"only {classes[0]!r}" if classes else "none"
        hint = "; -1 means unlabelled: name the class otherwise" if _minus_one(cells).any() else ""
        raise ValueError(
            f"{cells.place}, the target, must hold at least two classes, got {received}{hint}"
        )
    labeled = int(np.count_nonzero(~cells.missing))
    # Few labels of many classes are no fault where most rows have none.
    most = labeled / 2 if 2 * labeled > len(frame) else labeled - 1
    if len(classes) == len(frame) or (len(classes) > most and labeled >= IDENTIFIER_ROWS):
        raise ValueError(
            f"{cells.place}, the target, must hold classes of several rows each, got "
            f"{len(classes)} different entries in {labeled} labelled rows: an identifier, or a "
            "measurement"
        )
    return tuple(map(str, classes))


def encode_target(
    frame: "pd.DataFrame",
    target: str,
    class_names: tuple[str, ...],
    missing_token: str | float | None = None,
) -> np.ndarray:
    """The classes of rows as integers, -1 where a row has none: int32 [N].

    A full stop at the end of every text does not count where the training table has none, as in
    the test file of UCI's Adult; a `TableWarning` says so.

    Raises:
        ValueError: as `target_classes` for each entry, or if an entry is none of `class_names`.
    """
    cells = _parse(frame, target, missing_token, class_names)
    texts = np.asarray([str(text) for text in cells.texts], dtype=object)
    if cells.is_numeric:
        whole = np.where(cells.missing, 0, cells.numbers).astype(np.int64)
        texts = whole.astype(str).astype(object)
    observed = texts[~cells.missing]
    if len(observed) and all(t.endswith(".") and t[:-1] in class_names for t in observed):
        warnings.warn(
            f"{cells.place}: the full stop at the end of each class does not count",
            TableWarning,
            stacklevel=2,
        )
        texts = np.asarray([text.removesuffix(".") for text in texts], dtype=object)
    number = {name: index for index, name in enumerate(class_names)}
    y = np.array([number.get(text, -1) for text in texts], np.int32)
    cells.refuse(
        (y < 0) & ~cells.missing,
        f"must be one of the classes of the training table, {', '.join(class_names[:20])}",
    )
    return np.where(cells.missing, -1, y).astype(np.int32)


def _parse(
    frame: "pd.DataFrame",
    target: str,
    missing_token: str | float | None,
    class_names: tuple[str, ...] | None = None,
) -> Cells:
    """The entries of a target; -1 among numbers is missing where it is not a class."""
    cells = parse(frame, target, missing_token, class_names)
    observed = ~cells.missing
    if cells.is_date:
        cells.refuse(observed, "must be a text or a whole number, the name of a class")
    if not cells.is_numeric:
        cells.refuse_mixture()
        cells.refuse(
            _minus_one(cells) & observed,
            "must be the name of a class (leave unlabelled rows blank, or name this the missing "
            "token)",
        )
        return cells
    cells.refuse(
        observed & (cells.numbers != np.round(cells.numbers)),
        "must be a text or a whole number, the name of a class",
    )
    cells.refuse(np.abs(cells.numbers) > 2**53, "must be of at most 16 digits")
    if class_names is not None:
        return cells if "-1" in class_names else cells.without(_minus_one(cells))
    if not np.any(cells.numbers < -1):
        return cells.without(_minus_one(cells))
    if _minus_one(cells).any():
        warnings.warn(
            f"{cells.place}: -1 is a class, for other numbers are negative too; leave unlabelled "
            "rows blank",
            TableWarning,
            stacklevel=2,
        )
    return cells


def _minus_one(cells: Cells) -> np.ndarray:
    return np.asarray([str(text) in ("-1", "-1.0") for text in cells.texts], bool)
