"""The entries of one column: what is missing, what is a number, and where something stands."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_dgm.data.dates import are_dates

if TYPE_CHECKING:
    import pandas as pd

# A category where a column has + as well, or only one other entry.
DASHES = ("-", ".")
MISSING = (
    *("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "None", "null", "NULL", "n.d."),
    *DASHES,
)


def require_pandas() -> Any:
    """Imports pandas, or says what to install.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"tables need pandas: pip install 'keras_dgm[tables]' ({error})"
        ) from error
    return pandas


@dataclass(frozen=True, eq=False)
class Cells:
    """The entries of one column.

    Attributes:
        name: of the column.
        place: file and column, to begin a message with.
        rows: what a person calls each row, [N]: "line 17".
        missing: booleans [N].
        numbers: float64 [N]; NaN where an entry is missing or no number.
        texts: [N], the entries as they stand.
        is_date: whether most of the different entries are dates or times.
    """

    name: str
    place: str
    rows: "pd.Index"
    missing: np.ndarray
    numbers: np.ndarray
    texts: np.ndarray
    is_date: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether each entry is a number."""
        return not np.any(np.isnan(self.numbers) & ~self.missing)

    def without(self, rows: np.ndarray) -> "Cells":
        """The same with the entries of `rows`, booleans [N], missing as well."""
        missing = self.missing | rows
        return dataclasses.replace(
            self, missing=missing, numbers=np.where(missing, np.nan, self.numbers)
        )

    def where(self, row: int | np.integer) -> str:
        """What a person calls a row."""
        return f"{self.rows.name or 'row'} {self.rows[row]}"

    def shown(self, row: int | np.integer) -> str:
        """The entry of a row, as in a message."""
        entry = self.texts[row]
        return repr(entry) if isinstance(entry, str) else str(entry)

    def categories(self) -> tuple[str | int | float, ...]:
        """The different entries, sorted; whole numbers as integers."""
        if not self.is_numeric:
            return tuple(sorted(set(self.texts[~self.missing])))
        values = np.unique(self.numbers[~self.missing]).tolist()
        return tuple(int(v) if v.is_integer() else v for v in values)

    def codes(self, categories: tuple[str | int | float, ...]) -> np.ndarray:
        """The position of each entry in `categories`, and -1 where it is missing or none of them.

        Raises:
            ValueError: if the entries are texts and the categories numbers, or the other way.
        """
        pandas = require_pandas()
        of_numbers = all(isinstance(category, (int, float)) for category in categories)
        if of_numbers:
            self.refuse_text()
            entries, index = self.numbers, pandas.Index(np.asarray(categories, np.float64))
        else:
            entries, index = self.texts, pandas.Index(list(categories), dtype=object)
        codes = np.where(self.missing, -1, index.get_indexer(entries))
        observed = ~self.missing
        if not of_numbers and self.is_numeric and observed.any() and np.all(codes < 0):
            shown = ", ".join(map(repr, categories[:5]))
            self.refuse(observed, f"must hold texts such as {shown}")
        return codes

    def refuse_text(self) -> None:
        """Raises a ValueError where an entry is no number."""
        self.refuse(np.isnan(self.numbers) & ~self.missing, "must be a number")

    def refuse_mixture(self) -> None:
        """Raises a ValueError if some entries are texts where at least half are numbers."""
        texts = np.isnan(self.numbers) & ~self.missing
        if 2 * np.count_nonzero(texts) <= np.count_nonzero(~self.missing):
            self.refuse(
                texts,
                "must be a number, as most entries of the column are (or name the text as the "
                "missing token, or make the column categorical)",
            )

    def refuse_infinite(self) -> None:
        """Raises a ValueError where a number has none in float32."""
        too_large = np.abs(self.numbers) > np.finfo(np.float32).max
        self.refuse(too_large, "must be finite in float32")

    def refuse_fractions(self) -> None:
        """Raises a ValueError where a number is no count."""
        is_count = (self.numbers >= 0) & (self.numbers == np.round(self.numbers))
        self.refuse(~is_count & ~self.missing, "must be a whole number of at least 0, a count")

    def refuse(self, wrong: np.ndarray, rule: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(f"{self.place}, {self.where(row)}: {rule}, got {self.shown(row)}")


def parse(
    frame: "pd.DataFrame",
    name: str,
    missing_token: str | float | None = None,
    categories: Sequence[str | int | float] | None = None,
) -> Cells:
    """The entries of column `name`.

    Missing are None, NaN, blanks, and the texts of `MISSING`; and `missing_token`.

    Args:
        frame: the table.
        name: of the column.
        missing_token: a text or number that stands for a missing entry, beside the usual ones.
        categories: what the column holds, of which nothing is missing; None: it is to be found out.
    """
    pandas = require_pandas()
    series = frame[name]
    types = pandas.api.types
    place = ", ".join([*filter(None, [source_of(frame)]), f"column {name!r}"])
    if isinstance(series.dtype, pandas.CategoricalDtype):
        series = series.astype(object)
    if types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype):
        numbers = series.to_numpy(np.float64, na_value=np.nan)
        is_token = numbers == (np.nan if missing_token is None else _number(missing_token))
        return _cells(frame, name, place, np.isnan(numbers) | is_token, numbers, numbers)
    own = set() if missing_token is None else {str(missing_token)}
    tokens = {*MISSING, *own} - {str(category) for category in categories or ()}
    if isinstance(series.dtype, pandas.StringDtype):
        missing = (series.isna() | series.isin(tokens)).to_numpy(bool)
        numbers = _all_numbers(series, missing)
        if numbers is not None:
            return _cells(frame, name, place, missing, numbers, series.to_numpy(object))
    try:
        codes, distinct = pandas.factorize(series)
    except TypeError as error:
        raise ValueError(f"{place}: must hold numbers or texts, got {error}") from None
    texts = np.array([*(str(entry).strip() for entry in distinct), ""], dtype=object)
    if categories is None:
        others = set(texts) - tokens
        tokens -= set(DASHES) - own if "+" in others or len(others) < 2 else set()
    missing = np.array([text in tokens for text in texts])
    numbers = np.full(len(texts), np.nan)
    numbers[~missing] = pandas.to_numeric(texts[~missing], errors="coerce")
    is_date = series.dtype.kind in "mM" or are_dates(texts[~missing])
    # The code of a missing entry is -1, the blank at the end.
    return _cells(frame, name, place, missing[codes], numbers[codes], texts[codes], is_date)


def _cells(
    frame: "pd.DataFrame",
    name: str,
    place: str,
    missing: np.ndarray,
    numbers: np.ndarray,
    texts: np.ndarray,
    is_date: bool = False,
) -> Cells:
    numbers = np.where(missing, np.nan, numbers)
    return Cells(name, place, frame.index, missing, numbers, texts, is_date)


def source_of(frame: "pd.DataFrame") -> str:
    """The file that a frame was read from; empty for one of another origin."""
    return frame.attrs.get("source", "")


def _all_numbers(series: "pd.Series", missing: np.ndarray) -> np.ndarray | None:
    """The numbers that texts stand for, at once; None if one of them is no number."""
    if missing.all() or np.isnan(_number(series.iloc[int(np.argmin(missing))])):
        return None
    if series.str.contains("_", regex=False).any():  # 12_3 is a code, though float() reads it
        return None
    try:
        return series.mask(missing).astype("float64").to_numpy()
    except ValueError:
        return None


def _number(token: str | float) -> float:
    try:
        return float(token)
    except ValueError:
        return np.nan
