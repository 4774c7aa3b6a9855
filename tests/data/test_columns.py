import datetime
import warnings

import numpy as np
import pytest

from keras_dgm.data import Column, TableWarning, infer_columns

pd = pytest.importorskip("pandas")

N = 60
RNG = np.random.default_rng(0)


def inferred(values, **options):
    """The column of these values, or why it is left out."""
    frame = pd.DataFrame({"x": values})
    types = infer_columns(frame, **options)
    assert len(types.columns) + len(types.left_out) == 1
    return types.columns[0] if types.columns else types.left_out["x"]


REALS = RNG.normal(size=N).round(3)
COUNTS = RNG.integers(0, 30, N)
TEXTS = [f"t{n}" for n in RNG.integers(5, size=N)]
ALL_TEXTS = ("t0", "t1", "t2", "t3", "t4")
MOSTLY_NO_DATES = ("2024-01-05", "Junior 3", "Mark 10", "unknown")


@pytest.mark.parametrize(
    ("values", "kind", "categories"),
    [
        (REALS, "real", ()),
        (REALS.astype(str), "real", ()),
        (COUNTS, "count", ()),
        (COUNTS.astype(float), "count", ()),
        (COUNTS.astype(str), "count", ()),
        ([f"{n}.0" for n in COUNTS], "count", ()),
        (COUNTS - 5, "real", ()),
        (COUNTS * 2**21, "real", ()),
        (pd.array([*COUNTS[:-1], None], dtype="Int64"), "count", ()),
        ([0, 1] * 30, "binary", (0, 1)),
        (["2", "1"] * 30, "binary", (1, 2)),
        ([0.5, -1] * 30, "binary", (-1, 0.5)),
        ([True, False] * 30, "binary", ("False", "True")),
        (["yes", "no"] * 30, "binary", ("no", "yes")),
        (["yes", "no", None] * 20, "binary", ("no", "yes")),
        (TEXTS, "categorical", ALL_TEXTS),
        (pd.Categorical(TEXTS), "categorical", ALL_TEXTS),
        (pd.Categorical(COUNTS), "count", ()),
        ([*TEXTS[:-3], " t1 ", "?", None], "categorical", ALL_TEXTS),
        (["40-49", "50-59", "15-19"] * 20, "categorical", ("15-19", "40-49", "50-59")),
        (["A1", "B", "7"] * 20, "categorical", ("7", "A1", "B")),
        ([1, 5, 3, 8], "count", ()),
        (["Jan", "Feb", "May"] * 20, "categorical", ("Feb", "Jan", "May")),
        (["Junior 3", "Mark 10", "unknown", "2024-01-05"] * 15, "categorical", MOSTLY_NO_DATES),
        ([*REALS.astype(str), "-", ".", "n/a", "#N/A", "n.d."], "real", ()),
        (["a", "-", "b", "n/a"] * 15, "binary", ("a", "b")),
        (["+", "-", "n.d."] * 20, "binary", ("+", "-")),
        (["A", "B", "+", "-", "-"] * 12, "categorical", ("+", "-", "A", "B")),
        (["x", "-", ""] * 20, "binary", ("-", "x")),
    ],
)
def test_types(values, kind, categories):
    assert inferred(values) == Column("x", kind, categories)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([3] * N, "constant: every observed entry is 3"),
        (["a", "?", None] * 20, "constant: every observed entry is 'a'"),
        ([None] * N, "no entry is observed"),
        (["", "NA", "<NA>"] * 20, "no entry is observed"),
        (RNG.permutation(N) * 7, "an identifier: all of its 60 whole numbers differ"),
        ([1, 2, 3, 4, 5], "an identifier: all of its 5 whole numbers differ"),
        ([f"name {n}" for n in range(N)], "an identifier: 60 different texts in 60 rows"),
        ([f"name {n % 40}" for n in range(N)], "an identifier: 40 different texts in 60 rows"),
        (
            [f"word {n % 1001}" for n in range(3003)],
            "1001 different texts; at most 1000 are used",
        ),
        (
            ["2024-01-05", "2023-11-30", None] * 20,
            "it holds dates ('2024-01-05' in row 0): make numbers of them",
        ),
        (["05.01.2024 12:30", "30.11.2023"] * 30, "it holds dates ('05.01.2024 12:30' in row 0)"),
        (["12:30", "9:05"] * 30, "it holds dates ('12:30' in row 0)"),
        (["1 Jan 2024", "15 March 2023"] * 30, "it holds dates ('1 Jan 2024' in row 0)"),
        (["Mar-24", "Sept. 5, 2023", "Thu Jan  4 10:00:00 2024"] * 20, "it holds dates"),
        (
            ["unknown", *[f"2024-01-{n:02}" for n in range(1, 31)]],
            "it holds dates ('2024-01-01' in row 1)",
        ),
        (["12:30 PM", "9:05:10.5"] * 30, "it holds dates ('12:30 PM' in row 0)"),
        (pd.to_datetime(["2024-01-05"] * N), "it holds dates ('2024-01-05 00:00:00' in row 0)"),
        ([datetime.date(2024, 1, 5)] * N, "it holds dates ('2024-01-05' in row 0)"),
    ],
)
def test_left_out(values, reason):
    assert inferred(values).startswith(reason)


def test_a_missing_token():
    assert inferred(["-999", *REALS.astype(str)], missing_token="-999").kind == "real"
    assert inferred(["unknown", *REALS.astype(str)], missing_token="unknown").kind == "real"
    assert inferred([-999, *COUNTS], missing_token=-999).kind == "count"
    assert inferred([-999, *COUNTS], missing_token="-999").kind == "count"


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (["26.75", "31.5", "7"], r"6 of its 60 entries are numbers \('26.75' in row 54\)"),
        ([*map(str, range(10))], r"20 of its 60 entries are numbers \('0' in row 40\)"),
    ],
)
def test_numbers_among_texts_are_warned_of(numbers, told):
    values = ["below limit"] * (N - 2 * len(numbers)) + numbers * 2
    message = rf"column 'x': taken for text, though {told} beside others \('below limit' in row 0\)"

    with pytest.warns(TableWarning, match=rf"{message}.*--missing-token.*--column-types x=cat"):
        assert inferred(values).kind == "categorical"


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["A1", "B", "7"] * 20, {}),
        ([*["red"] * 95, *["1.5"] * 5], {}),
        (["below limit"] * 40 + ["26.75"] * 20, {"missing_token": "below limit"}),
        (["below limit"] * 40 + ["26.75"] * 20, {"overrides": {"x": "categorical"}}),
    ],
)
def test_codes_and_what_was_said_are_not_warned_of(values, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error", TableWarning)
        inferred(values, **options)


@pytest.mark.parametrize(
    ("values", "kind", "column"),
    [
        (COUNTS, "real", Column("x", "real")),
        ([0, 1] * 30, "count", Column("x", "count")),
        ([3, 1, 2] * 20, "categorical", Column("x", "categorical", (1, 2, 3))),
        (["1", "3+", "2"] * 20, "categorical", Column("x", "categorical", ("1", "2", "3+"))),
        (RNG.permutation(N) * 7, "count", Column("x", "count")),
        (["a", "b"] * 30, "categorical", Column("x", "categorical", ("a", "b"))),
        (["a", "b"] * 30, "ignore", "as asked for"),
        ([3] * N, "real", "constant: every observed entry is 3"),
    ],
)
def test_overrides(values, kind, column):
    assert inferred(values, overrides={"x": kind}) == column


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([*COUNTS, "abc"], {}, "column 'x', row 60: must be a number, as most .*, got 'abc'"),
        (["1", "2", "3+"] * 20, {}, r"row 2: must be a number, as most .*categorical.*, got '3\+'"),
        ([*REALS, np.inf], {}, "column 'x', row 60: must be finite in float32, got inf"),
        ([*REALS.astype(str), "-inf"], {}, "row 60: must be finite in float32, got '-inf'"),
        ([*REALS, 1e300], {}, r"row 60: must be finite in float32, got 1e\+300"),
        ([[1], [2]], {}, "column 'x': must hold numbers or texts"),
        (TEXTS, {"x": "real"}, "column 'x', row 0: must be a number, got 't"),
        (REALS, {"x": "count"}, "row 0: must be a whole number of at least 0, a count, got 0.126"),
        (TEXTS, {"x": "binary"}, "column 'x' must hold two different entries .*, got 5"),
        (TEXTS, {"x": "ordinal"}, "`column_types` must be of real, .*, got 'ordinal' for column"),
        (
            TEXTS,
            {"y": "real"},
            "`column_types` must name columns of the table, got 'y': it has 'x'",
        ),
    ],
)
def test_bad_entries(values, options, message):
    with pytest.raises(ValueError, match=message):
        inferred(values, overrides=options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ordinal",), "`kind` must be one of real, count, binary, categorical, got 'ordinal'"),
        (("binary", ("a",)), "`categories` must be different: 2 of a binary column"),
        (("binary", ("a", "a")), "`categories` must be different"),
        (("categorical", ("a",)), "`categories` must be different"),
        (("real", ("a", "b")), "`categories` must be different"),
    ],
)
def test_bad_columns(arguments, message):
    with pytest.raises(ValueError, match=message):
        Column("x", *arguments)
