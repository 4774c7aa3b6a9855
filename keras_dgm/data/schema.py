"""How the rows of a table become examples: kept from training for the rows to come."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_dgm.data.cells import Cells, parse, source_of
from keras_dgm.data.columns import Column, TableWarning

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TableSchema:
    """What a table held in training.

    Attributes:
        columns: the D columns that became features.
        target: the name of the column of the classes.
        left_out: the reason why a column is not used, by name.
        header: whether the file had a header; None for a frame.
        missing_token: a text or number that stands for a missing entry, beside the usual ones.
    """

    columns: tuple[Column, ...]
    target: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    header: bool | None = None
    missing_token: str | float | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each column that is left out."""
        return tuple(
            f"column {name!r} is left out: {reason}" for name, reason in self.left_out.items()
        )

    def encode(self, frame: "pd.DataFrame") -> np.ndarray:
        """The features of new rows, with or without the target: float32 [N, D].

        Raises:
            ValueError: as `encode_rows`.
        """
        return encode_rows(
            self._with_names(frame),
            self.columns,
            ignored=(self.target, *self.left_out),
            missing_token=self.missing_token,
        )

    def refuse_missing(self, frame: "pd.DataFrame", x: np.ndarray) -> None:
        """For a model that knows no missing entries.

        Args:
            frame: N new rows.
            x: [N, D], what `encode` made of them.

        Raises:
            ValueError: at the first entry that is missing or a category that is new.
        """
        for row, index in np.argwhere(np.isnan(x))[:1]:
            column = self.columns[index]
            kind = "a number" if not column.categories else "one of the entries of training"
            cells = parse(self._with_names(frame), column.name, self.missing_token)
            cells.refuse(
                np.arange(len(x)) == row,
                f"must be {kind}, for no entry was missing in training (leave the row out, fill it "
                "in, or train on a table in which entries of that column are missing)",
            )

    def _with_names(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Where columns are numbered, those of a table without the target count around it."""
        names = [column.name for column in self.columns]
        known = sorted([*names, self.target, *self.left_out], key=lambda name: (len(name), name))
        numbered = known == [str(number) for number in range(len(known))]
        if self.header is False and numbered and len(frame.columns) == len(known) - 1:
            known.remove(self.target)
            return frame.set_axis(known, axis=1)
        return frame

    def get_config(self) -> dict[str, Any]:
        """The schema as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "TableSchema":
        """The schema of `get_config`."""
        return cls(**{**config, "columns": tuple(Column(**c) for c in config["columns"])})


def encode_rows(
    frame: "pd.DataFrame",
    columns: Sequence[Column],
    *,
    ignored: Sequence[str] = (),
    missing_token: str | float | None = None,
) -> np.ndarray:
    """The rows of a table as numbers: categories as codes, NaN where an entry is missing.

    A category that `columns` does not have counts as missing, with a `TableWarning`.

    Args:
        frame: N rows.
        columns: the D columns to encode, found by name.
        ignored: names of columns that may be there and are not used.
        missing_token: a text or number that stands for a missing entry, beside the usual ones.

    Returns:
        float32 [N, D].

    Raises:
        ValueError: if a column is missing, is new, or holds what its type does not allow; the
            message names it.

    Examples:
        >>> import pandas as pd
        >>> from keras_dgm.data import Column, encode_rows
        >>> columns = [Column("size", "real"), Column("kind", "binary", ("a", "b"))]
        >>> encode_rows(pd.DataFrame({"size": [1.5, None], "kind": ["b", "a"]}), columns).tolist()
        [[1.5, 1.0], [nan, 0.0]]
    """
    place = source_of(frame) or "the table"
    known = {column.name for column in columns}
    absent = [column.name for column in columns if column.name not in frame.columns]
    if absent:
        raise ValueError(
            f"{place} must have the columns of the training table, got none of the name "
            f"{_listed(absent)}"
        )
    new = [name for name in frame.columns if name not in known and name not in set(ignored)]
    if new:
        raise ValueError(
            f"{place} must have no columns but those of the training table, got {_listed(new)}"
        )
    if not len(frame):
        raise ValueError(f"{place} must have at least one row, got none")
    encoded = [
        _encode(parse(frame, column.name, missing_token, column.categories), column)
        for column in columns
    ]
    return np.stack(encoded, axis=1).astype(np.float32)


def _encode(cells: Cells, column: Column) -> np.ndarray:
    if column.kind in ("real", "count"):
        cells.refuse_text()
        cells.refuse_infinite()
        if column.kind == "count":
            cells.refuse_fractions()
        return cells.numbers
    codes = cells.codes(column.categories)
    unknown = (codes < 0) & ~cells.missing
    if unknown.any():
        kinds = sorted({cells.shown(row) for row in np.flatnonzero(unknown)})
        warnings.warn(
            f"{cells.place}: {np.count_nonzero(unknown)} entries are taken for missing, for "
            f"training has not seen {_joined(kinds)}",
            TableWarning,
            stacklevel=2,
        )
    return np.where(codes < 0, np.nan, codes)


def _listed(names: Sequence[str]) -> str:
    return _joined([repr(name) for name in names])


def _joined(texts: Sequence[str], most: int = 10) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
