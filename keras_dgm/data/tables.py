"""A user's own table, in a file or a frame, as a data set."""

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_dgm import checks
from keras_dgm.data.columns import Column, infer_columns
from keras_dgm.data.dataset import Dataset, Examples, assemble, own_splits
from keras_dgm.data.labels import draw_labels
from keras_dgm.data.readers import check_names, read_table
from keras_dgm.data.schema import TableSchema
from keras_dgm.data.targets import encode_target, target_classes

if TYPE_CHECKING:
    import pandas as pd


def load_table(
    path: str | os.PathLike[str],
    target: str | int,
    test: str | os.PathLike[str] | None = None,
    *,
    num_labeled: int | None = None,
    seed: int = 0,
    column_types: Mapping[str, str] | None = None,
    missing_token: str | float | None = None,
    header: bool | None = None,
) -> Dataset:
    """Loads a table out of a CSV, TSV or Parquet file.

    Args:
        path: the file; `read_table` says what it may be.
        target: the column of the classes, as in `from_frame`.
        test: a second file of the same columns, whose rows are the test set.
        num_labeled: as in `from_frame`.
        seed: as in `from_frame`.
        column_types: as in `from_frame`.
        missing_token: as in `from_frame`.
        header: whether the first row of a CSV or TSV file is a header; None decides by the rows,
            those of `path` for both files.

    Raises:
        DataNotFoundError: if there is no such file.
        ValueError: as `read_table` and `from_frame`.
        ImportError: if pandas, or pyarrow for Parquet, is not installed.

    Examples:
        >>> from pathlib import Path
        >>> import keras_dgm as dgm
        >>> rows = [f"{i % 7}.5,{'ab'[i % 2]},{'xy'[i % 2] if i < 40 else ''}" for i in range(100)]
        >>> _ = Path("table.csv").write_text("size,kind,label" + chr(10) + chr(10).join(rows))
        >>> data = dgm.data.load_table("table.csv", target="label")
        >>> data
        Dataset(table: 88 train (28 labelled), 4 validation, 8 test, 2 features, 2 classes)
    """
    frame = read_table(path, header)
    if test is not None:
        test = read_table(test, frame.attrs.get("header"))
    data = from_frame(
        frame,
        target,
        test,
        num_labeled=num_labeled,
        seed=seed,
        column_types=column_types,
        missing_token=missing_token,
    )
    return dataclasses.replace(data, name=Path(path).stem)


def from_frame(
    frame: "pd.DataFrame",
    target: str | int,
    test: "pd.DataFrame | None" = None,
    *,
    num_labeled: int | None = None,
    seed: int = 0,
    column_types: Mapping[str, str] | None = None,
    missing_token: str | float | None = None,
) -> Dataset:
    """Makes a data set of a table.

    The features are the columns that `infer_columns` finds, numbers as they are and categories as
    codes; a missing entry (None, NaN, blank, `?`, `NA`, ...) is NaN.
    `keras_dgm.preprocessing.TableEncoder(data.columns)` brings them to one scale. A column that is
    constant in the training rows is left out. `data.schema.notes` has a line for each column that
    is left out.

    Classes are texts or whole numbers, in sorted order; a row without one, or with the number -1
    where no other number is negative, is unlabelled. An absent test set is 20 % of the labelled
    rows, the validation set 10 % of them, drawn in proportion to the classes; unlabelled rows all
    stay in the training set, and so does the last labelled row of each class.

    Args:
        frame: one row an example.
        target: the column of the classes: a name, or a number from 0, or from -1 for the last.
        test: rows of the same columns, as test set.
        num_labeled: the number of training labels to keep, the same for each class; None keeps all,
            0 none.
        seed: fixes what is held out and which labels are kept.
        column_types: a type by name of column in place of the one found: "real", "count", "binary",
            "categorical", or "ignore" to leave the column out.
        missing_token: a text or number that stands for a missing entry, beside the usual ones.

    Raises:
        ValueError: if the target is not there or has no classes, a column holds what it must not,
            or `test` has other columns; the message names column and row.
        ImportError: if pandas is not installed.

    Examples:
        >>> import pandas as pd
        >>> import keras_dgm as dgm
        >>> rows = 10 * [(1.5, "red", "a"), (2.5, "blue", "b"), (3.5, "green", None)]
        >>> frame = pd.DataFrame(rows, columns=["size", "colour", "label"])
        >>> data = dgm.data.from_frame(frame, target="label")
        >>> data.class_names, [column.kind for column in data.columns]
        (('a', 'b'), ['real', 'categorical'])
        >>> data.num_labeled, len(data.x_train)
        (14, 24)
    """
    seed = checks.check_seed(seed)
    frame = check_names(frame)
    target = find_column(frame, target, "target")
    class_names = target_classes(frame, target, missing_token)
    features = frame.drop(columns=target)
    overrides = {str(name): kind for name, kind in (column_types or {}).items()}
    types = infer_columns(features, overrides, missing_token)
    check_any(types.columns, types.left_out)
    schema = TableSchema(
        types.columns,
        target,
        types.left_out,
        header=frame.attrs.get("header"),
        missing_token=missing_token,
    )

    def examples(rows: "pd.DataFrame") -> Examples:
        y = encode_target(rows, target, class_names, missing_token)
        return Examples(schema.encode(rows), y)

    train = examples(frame)
    num_valid, num_test = own_splits(train.y)
    data = assemble(
        "table",
        train,
        valid=num_valid,
        test=num_test if test is None else examples(_with_target(test, target)),
        seed=seed,
        scale=1,
        class_names=class_names,
    )
    data = _without_constants(dataclasses.replace(data, schema=schema))
    y_train = draw_labels(data.y_train, num_labeled, data.num_classes, seed)
    return dataclasses.replace(data, y_train=y_train)


def find_column(frame: "pd.DataFrame", column: str | int, argument: str) -> str:
    """The name of a column that is given by name, or by its number, from 0 or, at the end, -1.

    Raises:
        ValueError: if there is none.
    """
    names = list(frame.columns)
    if str(column) in names:
        return str(column)
    try:
        return names[int(column)]
    except (ValueError, IndexError):
        close = difflib.get_close_matches(str(column), names, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        if frame.attrs.get("header") is False and not str(column).lstrip("-").isdigit():
            hint = "; its first row is taken for data, not for a header"
        shown = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
        place = frame.attrs.get("source", "the table")
        raise ValueError(
            f"`{argument}` must be a column of {place}: {shown}, or its number from 0 to "
            f"{len(names) - 1}, -1 being the last; got {str(column)!r}{hint}"
        ) from None


def check_any(columns: Sequence[Column], left_out: Mapping[str, str]) -> None:
    """Refuse a table of which every column is left out."""
    if not columns:
        raise ValueError(
            "a table must have a column of features beside the target, got none that is of use: "
            + "; ".join(f"{name!r}: {reason}" for name, reason in left_out.items())
        )


def _with_target(test: "pd.DataFrame", target: str) -> "pd.DataFrame":
    test = check_names(test)
    if target not in test.columns:
        place = test.attrs.get("source", "the test table")
        raise ValueError(f"{place} must have the target, got no column {target!r}")
    return test


def _without_constants(data: Dataset) -> Dataset:
    """Leaves out the columns that have fewer than two different entries in the training rows."""
    varies = np.nanmax(data.x_train, axis=0, initial=-np.inf) > np.nanmin(
        data.x_train, axis=0, initial=np.inf
    )
    if varies.all():
        return data
    schema = data.schema
    assert schema is not None
    constant = {
        column.name: "constant in the training rows"
        for column, keep in zip(schema.columns, varies, strict=True)
        if not keep
    }
    columns = tuple(column for column in schema.columns if column.name not in constant)
    left_out = {**schema.left_out, **constant}
    check_any(columns, left_out)
    return dataclasses.replace(
        data,
        x_train=data.x_train[:, varies],
        x_valid=data.x_valid[:, varies],
        x_test=data.x_test[:, varies],
        schema=dataclasses.replace(schema, columns=columns, left_out=left_out),
    )
