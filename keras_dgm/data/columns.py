"""The columns of a table, and of which type each is."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from keras_dgm.data.cells import Cells, parse
from keras_dgm.data.dates import is_date

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("real", "count", "binary", "categorical")
LEFT_OUT = "ignore"

# All-different whole numbers are an identifier from this many rows on, or where they count up.
IDENTIFIER_ROWS = 20
MAX_CATEGORIES = 1000
# Integers up to here are exact in float32.
LARGEST_COUNT = 2**24


class TableWarning(UserWarning):
    """What is done to a table that its owner may not expect."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: as in the table; its number, from 0, in a table without a header.
        kind: "real", "count" (whole numbers from 0), "binary" or "categorical".
        categories: the K texts or numbers that a binary (K = 2) or categorical column holds. They
            are coded 0, 1, ..., K-1 in this order.

    Raises:
        ValueError: if `kind` is another, or `categories` do not go with it or are not all
            different.

    Examples:
        >>> from keras_dgm.data import Column
        >>> Column("colour", "categorical", ("blue", "green", "red")).categories
        ('blue', 'green', 'red')
    """

    name: str
    kind: str
    categories: tuple[str | int | float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        if self.kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}, got {self.kind!r}")
        count = len(self.categories)
        wanted = {"binary": count == 2, "categorical": count >= 2}.get(self.kind, count == 0)
        if not wanted or len(set(self.categories)) < count:
            raise ValueError(
                "`categories` must be different: 2 of a binary column, at least 2 of a categorical "
                f"one, none of others, got {self.categories} for {self.kind} column {self.name!r}"
            )


@dataclass(frozen=True)
class Types:
    """What `infer_columns` finds.

    Attributes:
        columns: the columns to use, in the order of the table.
        left_out: the reason why a column is left out, by name.
    """

    columns: tuple[Column, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def infer_columns(
    frame: "pd.DataFrame",
    overrides: Mapping[str, str] | None = None,
    missing_token: str | float | None = None,
) -> Types:
    """Types each column by what it holds.

    | what a column holds, missing entries aside | type |
    |---|---|
    | one value, or none | left out: constant |
    | two values | binary |
    | whole numbers, all different, in 20 rows or more, or counting up | left out: identifier |
    | other whole numbers from 0 | count |
    | other numbers | real |
    | mostly dates or times | left out |
    | texts, all different, or more than 20 and more than half of the rows | left out: identifier |
    | texts, more than 1000 different ones | left out |
    | other texts | categorical |

    A `TableWarning` names a column of texts of which a tenth or more are numbers, unless these look
    like codes: whole, and no more different ones than of the other texts.

    Args:
        frame: the table, without its target.
        overrides: a type by name of column, to use instead: "real", "count", "binary",
            "categorical", or "ignore" to leave the column out.
        missing_token: a text or number that stands for a missing entry, beside the usual ones.

    Raises:
        ValueError: if a column mixes numbers and text, holds an infinity, or does not hold what
            `overrides` says; the message names file, column and row.

    Examples:
        >>> import pandas as pd
        >>> from keras_dgm.data import infer_columns
        >>> frame = pd.DataFrame({"size": [1.5, 2.5], "kind": ["a", "b"], "unit": ["cm", "cm"]})
        >>> found = infer_columns(frame)
        >>> [(column.name, column.kind) for column in found.columns], list(found.left_out)
        ([('size', 'binary'), ('kind', 'binary')], ['unit'])
    """
    overrides = dict(overrides or {})
    _check_overrides(overrides, list(frame.columns))
    columns, left_out = [], {}
    for name in frame.columns:
        kind = overrides.get(name)
        if kind == LEFT_OUT:
            left_out[name] = "as asked for"
            continue
        cells = parse(frame, name, missing_token)
        found = _infer(cells) if kind is None else _as_asked(cells, kind)
        if isinstance(found, Column):
            columns.append(found)
        else:
            left_out[name] = found
    return Types(tuple(columns), left_out)


def _check_overrides(overrides: Mapping[str, str], names: list[str]) -> None:
    for name, kind in overrides.items():
        if name not in names:
            raise ValueError(
                f"`column_types` must name columns of the table, got {name!r}: it has "
                f"{', '.join(map(repr, names[:20]))}{', ...' if len(names) > 20 else ''}"
            )
        if kind not in (*KINDS, LEFT_OUT):
            raise ValueError(
                f"`column_types` must be of {', '.join((*KINDS, LEFT_OUT))}, "
                f"got {kind!r} for column {name!r}"
            )


def _infer(cells: Cells) -> Column | str:
    """The column, or why it is left out."""
    if cells.is_date:
        observed = np.flatnonzero(~cells.missing)
        row = next((row for row in observed if is_date(cells.texts[row])), observed[0])
        return f"it holds dates ({cells.shown(row)} in {cells.where(row)}): make numbers of them"
    if cells.is_numeric:
        return _infer_numbers(cells)
    cells.refuse_mixture()
    _warn_of_mixture(cells)
    count = int(np.count_nonzero(~cells.missing))
    categories = cells.categories()
    if len(categories) < 3:
        return _of_few(cells.name, categories)
    if len(categories) == count or len(categories) > max(20, count / 2):
        return f"an identifier: {len(categories)} different texts in {count} rows"
    if len(categories) > MAX_CATEGORIES:
        return f"{len(categories)} different texts; at most {MAX_CATEGORIES} are used"
    return Column(cells.name, "categorical", categories)


def _warn_of_mixture(cells: Cells) -> None:
    """Warns of numbers among the texts of a column, unless they look like codes."""
    observed = ~cells.missing
    is_number = observed & ~np.isnan(cells.numbers)
    is_text = observed & ~is_number
    if 10 * np.count_nonzero(is_number) < np.count_nonzero(observed):
        return
    values = np.unique(cells.numbers[is_number])
    whole = np.all((values >= 0) & (values == np.round(values)))
    if whole and len(values) <= len(set(cells.texts[is_text])):
        return
    number, text = int(np.argmax(is_number)), int(np.argmax(is_text))
    warnings.warn(
        f"{cells.place}: taken for text, though {np.count_nonzero(is_number)} of its "
        f"{np.count_nonzero(observed)} entries are numbers ({cells.shown(number)} in "
        f"{cells.where(number)}) beside others ({cells.shown(text)} in {cells.where(text)}): name "
        "the text that means a missing entry, `missing_token` (--missing-token), or say what the "
        f"column is, `column_types` (--column-types {cells.name}=categorical)",
        TableWarning,
        stacklevel=2,
    )


def _infer_numbers(cells: Cells) -> Column | str:
    cells.refuse_infinite()
    observed = cells.numbers[~cells.missing]
    distinct = np.unique(observed)
    if len(distinct) < 3:
        return _of_few(cells.name, cells.categories())
    if not np.all(observed == np.round(observed)):
        return Column(cells.name, "real")
    if len(distinct) == len(observed):
        counts_up = np.all(np.abs(np.diff(observed)) == 1)
        if counts_up or len(observed) >= IDENTIFIER_ROWS:
            return f"an identifier: all of its {len(observed)} whole numbers differ"
    is_count = distinct[0] >= 0 and distinct[-1] <= LARGEST_COUNT
    return Column(cells.name, "count" if is_count else "real")


def _of_few(name: str, categories: tuple[str | int | float, ...]) -> Column | str:
    if not categories:
        return "no entry is observed"
    if len(categories) == 1:
        return f"constant: every observed entry is {categories[0]!r}"
    return Column(name, "binary", categories)


def _as_asked(cells: Cells, kind: str) -> Column | str:
    if kind in ("real", "count"):
        cells.refuse_text()
    if cells.is_numeric:
        cells.refuse_infinite()
    if kind == "count":
        cells.refuse_fractions()
    categories = cells.categories()
    if len(categories) < 2:
        return _of_few(cells.name, categories)
    if kind == "binary" and len(categories) > 2:
        raise ValueError(
            f"{cells.place} must hold two different entries to be binary, got {len(categories)}"
        )
    return Column(cells.name, kind, categories if kind in ("binary", "categorical") else ())


def columns_of(x: np.ndarray) -> tuple[Column, ...]:
    """The columns of an array [N, D]: binary those that hold 0 and 1 alone, real the others."""
    of_binary = ((x == 0) | (x == 1) | np.isnan(x)).all(axis=0)
    varies = np.nanmin(x, axis=0) < np.nanmax(x, axis=0)
    return tuple(
        Column(str(index), "binary", (0, 1)) if is_binary else Column(str(index), "real")
        for index, is_binary in enumerate(of_binary & varies)
    )
