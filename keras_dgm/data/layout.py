"""How a text file of rows is laid out: its separator and quotes, its header, its decimal commas."""

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keras_dgm.data.cells import MISSING, require_pandas
from keras_dgm.data.columns import TableWarning

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = ",;\t|"

# What Excel takes the separator from.
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
# A field in quotes, from its separator on; one in " may go on in the next line.
_QUOTED = re.compile(
    r"""(?<![^,;\t|])\ *(?:(")(?:""|[^"])*(?:"|$)|(')(?:''|[^'])*'(?=\ *(?:[,;\t|]|$)))"""
)
_COMMA_NUMBER = r"[+-]?(?:\d+|\d*,\d+)(?:[eE][+-]?\d+)?"
# Rows that say whether a column holds numbers.
_SAMPLE = 1000


@dataclass(frozen=True)
class Layout:
    """How a file is to be read.

    Attributes:
        separator: between fields.
        quote: around fields.
        skipped: how many lines are before the first row.
        is_empty: whether there is no row.
    """

    separator: str
    quote: str
    skipped: int
    is_empty: bool = False


def layout_of(path: Path) -> Layout:
    """The layout that the first row of a file in UTF-8 shows, or a line `sep=;` before it."""
    given = None
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file):
            told = _SEPARATOR_LINE.fullmatch(line) if given is None else None
            if told:
                given = told[1]
            elif line.strip():
                found = _separator(line) if path.suffix.lower() != ".tsv" else "\t"
                return Layout(given or found, _quote(line), number)
    return Layout(given or ",", '"', 0, is_empty=True)


def _separator(line: str) -> str:
    return max(SEPARATORS, key=_QUOTED.sub("", line.strip()).count)


def _quote(line: str) -> str:
    return "'" if any(field[2] for field in _QUOTED.finditer(line.strip())) else '"'


def objection(frame: "pd.DataFrame") -> str:
    """Why the first of rows of text does not name the columns, by the rule of `read_table`.

    Returns:
        Words to follow "for"; empty if the row is a header.
    """
    first = list(frame.iloc[0])
    twice = next((name for name, count in Counter(first).items() if name and count > 1), None)
    if twice is not None:
        return f"{twice!r} stands there twice"
    for number, name in enumerate(first[1:], 1):
        if name in MISSING:
            return f"column {number} has {name!r} there, no name"
    # A numbered header has at least one number that a row of data would rarely have there.
    numbers = [number for number, name in enumerate(first) if _is_number(name)]
    others = [number for number in numbers if first[number] != str(number)]
    if others or numbers == [0]:
        return f"{first[(others or numbers)[0]]!r} is a number"
    again = next((name for number, name in enumerate(first) if _comes_again(frame, number)), None)
    return "" if again is None else f"{again!r} comes again in its column"


def is_doubtful(frame: "pd.DataFrame") -> bool:
    """Whether the first of rows of text may well name the columns though there is an `objection`.

    So it is where a text stands above numbers alone, or where there is text in the row, none of it
    comes again in its column, and its numbers are whole, as years are.
    """
    first = list(frame.iloc[0])
    texts = [n for n, name in enumerate(first) if name not in MISSING and not _is_number(name)]
    if not texts or len(frame) < 2:
        return False
    if any(_are_numbers(frame[number].iloc[1 : 1 + _SAMPLE]) for number in texts):
        return True
    if any(_is_number(name) and not name.isdigit() for name in first):
        return False
    return not any(_comes_again(frame, number) for number in texts)


def with_decimal_points(frame: "pd.DataFrame", path: Path) -> "pd.DataFrame":
    """Texts such as 1,5 as 1.5 in the columns that hold mostly these and whole numbers.

    A `TableWarning` names the columns.
    """
    names, example = [], ""
    for name in frame.columns:
        distinct = frame[name].drop_duplicates()
        distinct = distinct[~distinct.isin(MISSING)]
        numbers = distinct[distinct.str.fullmatch(_COMMA_NUMBER)]
        commas = numbers[numbers.str.contains(",", regex=False)]
        if not len(commas) or 2 * len(numbers) < len(distinct):
            continue
        example = example or f"{commas.iloc[0]} in line {commas.index[0]}"
        points = dict(zip(commas, commas.str.replace(",", "."), strict=True))
        frame[name] = frame[name].map(lambda text, points=points: points.get(text, text))
        names.append(repr(name))
    if names:
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        warnings.warn(
            f"{path}: numbers of column {shown} have a decimal comma ({example})",
            TableWarning,
            stacklevel=2,
        )
    return frame


def _comes_again(frame: "pd.DataFrame", number: int) -> bool:
    return bool((frame[number].iloc[1:] == frame[number].iloc[0]).any())


def _are_numbers(series: "pd.Series") -> bool:
    observed = series[~series.isin(MISSING)].str.replace(",", ".")
    numbers = require_pandas().to_numeric(observed, errors="coerce")
    return bool(len(observed) and numbers.notna().all())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return re.fullmatch(_COMMA_NUMBER, text) is not None
    return True
