"""Tables out of files: CSV, TSV and Parquet."""

import codecs
import csv
import itertools
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_dgm.data.cells import require_pandas
from keras_dgm.data.columns import TableWarning
from keras_dgm.data.dataset import DataNotFoundError
from keras_dgm.data.layout import Layout, is_doubtful, layout_of, objection, with_decimal_points

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet")

MAX_BYTES = 500 * 2**20
MAX_CELLS = 2**27

_BLOCK = 2**20


def read_table(path: str | os.PathLike[str], header: bool | None = None) -> "pd.DataFrame":
    """Reads a table.

    A CSV or TSV file is UTF-8 text, its fields separated by commas (by semicolons, tabs or | where
    the first row has more of these outside of quotes, or by what a line `sep=;` before it says) or
    tabs, and quoted by " or, where the first row is, by '. Blanks around fields and blank lines do
    not count. Entries stay text; the index of the frame is the line in the file.
    `keras_dgm.data.infer_columns` says what they are.

    Where commas do not separate, they are decimal commas in a column that holds numbers: its 1,5
    becomes 1.5, with a `TableWarning`.

    Where the file has no header, columns are named by their numbers, from "0". The first row counts
    as a header if its texts are all different, none of them a missing entry or a number (other than
    that of its own column), and none comes again in its column. Where it does not count as one and
    yet looks like one, as of years or with a name that is blank, a `TableWarning` says so.

    Args:
        path: a file that ends in .csv, .tsv or .parquet, of up to 500 MB.
        header: whether the first row of a CSV or TSV file is a header; None decides by the rows.

    Raises:
        DataNotFoundError: if there is no such file.
        ValueError: if the file is of another kind, too large, not UTF-8, empty or damaged, its rows
            are of several lengths, or two columns have one name; the message names file and line.
        ImportError: if pandas, or pyarrow for Parquet, is not installed.

    Examples:
        >>> from pathlib import Path
        >>> from keras_dgm.data import read_table
        >>> _ = Path("table.csv").write_text("size;kind" + chr(10) + "1.5;a" + chr(10) + "2.5;b")
        >>> list(read_table("table.csv").columns)
        ['size', 'kind']
    """
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"a table must end in {', '.join(SUFFIXES)}, got {path}")
    if not path.exists():
        raise DataNotFoundError(f"{path} does not exist: it must be a {suffix} file")
    if not path.is_file():
        raise ValueError(f"{path} must be a {suffix} file, got a folder or a device")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(
            f"{path} must have at most {MAX_BYTES >> 20} MB, got {size >> 20} MB: take a part of "
            "its rows, or train from .npy files with `keras_dgm.data.npy_batches`"
        )
    try:
        frame = _read_parquet(path) if suffix == ".parquet" else _read_text(path, header)
    except OSError as error:
        raise ValueError(f"{path} must be readable, got: {error}") from error
    if not len(frame):
        raise ValueError(f"{path} must have at least one row beside its header, got none")
    frame.attrs["source"] = str(path)
    return check_names(frame)


def check_names(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with texts for names.

    Raises:
        ValueError: if two columns have one name.
    """
    names = [str(name) for name in frame.columns]
    _refuse_repeated(names, frame.attrs.get("source", "the table"))
    return frame.set_axis(names, axis=1)


def _refuse_repeated(names: list[str], place: str) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        places = " and ".join(str(n) for n, name in enumerate(names) if name == twice)
        raise ValueError(
            f"{place} must have columns of different names, got {twice!r} twice, as columns "
            f"{places}: rename them"
        )


def _read_parquet(path: Path) -> "pd.DataFrame":
    pandas = require_pandas()
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            f"Parquet files need pyarrow: pip install 'keras_dgm[tables]' ({error})"
        ) from error
    try:
        metadata = parquet.read_metadata(path)
        cells = metadata.num_rows * metadata.num_columns
        frame = pandas.read_parquet(path) if cells <= MAX_CELLS else None
    except Exception as error:  # pyarrow fails in many ways on bytes that are not its own
        raise ValueError(f"{path} must be a sound Parquet file, got: {error}") from error
    if frame is None:
        raise ValueError(f"{path} must have at most {MAX_CELLS} entries, got {cells}")
    if not isinstance(frame.index, pandas.RangeIndex):
        frame = frame.reset_index()
    return frame.set_axis(pandas.RangeIndex(1, len(frame) + 1, name="row"), axis=0)


def _read_text(path: Path, header: bool | None) -> "pd.DataFrame":
    pandas = require_pandas()
    num_lines = _check_encoding(path)
    layout = layout_of(path)
    if layout.is_empty:
        raise ValueError(f"{path} must have at least one row, got none")
    try:
        frame = pandas.read_csv(
            path,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            skiprows=layout.skipped,
            encoding="utf-8-sig",
            **_dialect(layout),
        )
    except pandas.errors.ParserError as error:
        _check_lengths(path, layout)
        raise ValueError(f"{path} must be a sound {path.suffix} file, got: {error}") from error
    for number in frame.columns:
        frame[number] = frame[number].str.strip()
    frame.index = pandas.Index(_line_numbers(frame, layout.skipped, num_lines), name="line")
    is_blank = (frame == "").to_numpy()
    frame = frame[~is_blank.all(axis=1)]
    if (frame.iloc[:, -1] == "").any():  # pandas fills short rows up.
        _check_lengths(path, layout)
    header = _decided(frame, path) if header is None else header
    names = [str(number) for number in frame.columns]
    if header:
        names = [name or number for number, name in zip(names, frame.iloc[0], strict=True)]
        first, frame = frame.index[0], frame.iloc[1:]
        _refuse_repeated(names, f"{path}, line {first}:")
    frame = frame.set_axis(names, axis=1)
    frame.attrs["header"] = header
    return frame if layout.separator == "," else with_decimal_points(frame, path)


def _decided(frame: "pd.DataFrame", path: Path) -> bool:
    """Whether the first of rows of text is a header; a warning where that may well be wrong."""
    reason = objection(frame)
    if reason and is_doubtful(frame):
        warnings.warn(
            f"{path}, line {frame.index[0]}: taken for a row of data, for {reason}; if it names "
            "the columns, say `header` (--header True), if not, --header False",
            TableWarning,
            stacklevel=2,
        )
    return not reason


def _dialect(layout: Layout) -> dict[str, Any]:
    """A layout as pandas' and Python's readers take it."""
    return {
        "delimiter": layout.separator,
        "quotechar": layout.quote,
        "skipinitialspace": True,
    }


def _check_encoding(path: Path) -> int:
    """The number of lines of a file in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    start, newlines, ends = 0, 0, b""
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                offset = start - (len(error.object) - len(block)) + error.start
                raise ValueError(
                    f"{path}, line {newlines + before.count(10) + 1}: must be in UTF-8, got byte "
                    f"0x{error.object[error.start]:02x} at offset {offset}"
                ) from None
            if 0 in block:
                offset = start + block.index(0)
                raise ValueError(f"{path} must be text, got byte 0x00 at offset {offset}")
            if not block:
                return newlines + (ends not in (b"\n", b""))
            start, newlines, ends = start + len(block), newlines + block.count(10), block[-1:]


def _check_lengths(path: Path, layout: Layout) -> None:
    """Raises a ValueError at the first row that has not as many fields as the first one."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(itertools.islice(file, layout.skipped, None), **_dialect(layout))
        expected, line = None, layout.skipped + 1
        for row in reader:
            blank = not any(field.strip() for field in row)
            expected = len(row) if expected is None and not blank else expected
            if not blank and len(row) != expected:
                raise ValueError(
                    f"{path}, line {line}: must have {expected} fields, as the first row has, "
                    f"got {len(row)}"
                )
            line = layout.skipped + reader.line_num + 1


def _line_numbers(frame: "pd.DataFrame", skipped: int, num_lines: int) -> np.ndarray:
    """The line of the file that each row begins in."""
    numbers = np.arange(len(frame)) + 1 + skipped
    if len(frame) + skipped >= num_lines:
        return numbers
    breaks = sum(frame[column].str.count("\n").to_numpy(int) for column in frame)
    return numbers + np.cumsum(breaks) - breaks
