import numpy as np
import pandas as pd
import pytest

from keras_dgm import checks, likelihoods


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.float16, np.float64])
def test_features_become_a_float32_matrix(dtype):
    x = np.arange(12).reshape(2, 3, 2).astype(dtype)

    rows = checks.check_features(x)

    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, x.reshape(2, 6).astype(np.float32))


def test_float32_features_are_not_copied():
    x = np.ones([4, 2, 2], np.float32)

    assert np.shares_memory(checks.check_features(x), x)


def test_lists_are_features():
    np.testing.assert_array_equal(checks.check_features([[1, 2], [3, 4]]), [[1, 2], [3, 4]])


NAN = np.array([[0.0, 1.0], [2.0, np.nan]])
WIDE = np.zeros([3, 2, 4])


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.zeros([0, 3]), {}, r"`x` must not be empty, got shape \(0, 3\)"),
        (np.zeros([3, 0]), {}, r"`x` must not be empty, got shape \(3, 0\)"),
        (np.zeros(3), {}, r"`x` must have shape \[N, D\].* got shape \(3,\)"),
        (np.array([["a"]]), {}, "`x` must hold real numbers, got dtype <U1"),
        (np.array([[None]]), {}, "`x` must be finite in float32, got nan"),
        ([["a", 1.0, None]], {}, r"`x` must hold real numbers, got dtype <U|got 'a' at index"),
        (None, {}, "`x` must be an array with one row an example; it is missing"),
        (np.array([[1j]]), {}, "`x` must hold real numbers, got dtype complex128"),
        ([[1, 2], [3]], {}, "`x` must be an array with rows of one length"),
        (NAN, {}, r"`x` must be finite in float32, got nan at index \(1, 1\)"),
        (np.array([[1.0, -np.inf]]), {}, r"got -inf at index \(0, 1\)"),
        (np.array([[1e300]]), {}, r"`x` must be finite in float32, got 1e\+300 at index \(0, 0\)"),
        (WIDE, {"width": 7}, r"`x` must have 7 features an example, got 8 \(shape \(3, 2, 4\)\)"),
        (
            WIDE - 1,
            {"likelihood": likelihoods.Bernoulli()},
            r"`x` must lie in \[0, 1\].*got -1.0 at index \(0, 0",
        ),
        (
            [[0, 255]],
            {"likelihood": likelihoods.Bernoulli()},
            r"`x` must lie in \[0, 1\].*got 255 at index \(0, 1",
        ),
        (NAN, {"argument": "x_valid"}, "^`x_valid` must be finite"),
    ],
)
def test_bad_features(x, options, message):
    with pytest.raises(ValueError, match=message):
        checks.check_features(x, **options)


def test_unit_interval_includes_its_ends():
    checks.check_features([[0.0, 1.0]], likelihood=likelihoods.Bernoulli())


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_labels_become_an_int32_vector(dtype, shape):
    y = checks.check_labels(np.array([0, 2, 1], dtype).reshape(shape), num_classes=3, length=3)

    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, [0, 2, 1])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (
            [0, -1, 9, 12],
            {},
            r"`y` must hold integers from -1 \(unlabelled\) to 9, got 12 at index",
        ),
        ([0, -2], {}, r"from -1 \(unlabelled\) to 9, got -2 at index 1"),
        ([-2], {"num_classes": None}, "got -2 at index 0"),
        (np.array([2**40]), {"num_classes": None}, "got 1099511627776 at index 0"),
        (np.array([2**63], np.uint64), {}, "got 9223372036854775808 at index 0"),
        ([0.0, 1.5], {}, r"`y` must hold integers, -1 .*unknown, got 1\.5 at index 1"),
        ([np.inf], {}, "`y` must hold integers, .*got inf at index 0"),
        ([2 + 0j], {}, "`y` must hold integers, .*got "),
        (["a"], {}, "`y` must hold integers, .* the text 'a' at index 0: `np.unique"),
        (np.array([b"a"]), {}, "`y` must hold integers, .* the text 'a' at index 0"),
        (["1"], {}, "`y` must hold integers, .* the text '1' at index 0"),
        (None, {}, "`y` must be integers, -1 where the label is unknown; it is missing"),
        (iter([1]), {}, "`y` must be an array, got a list_iterator: it can be read once"),
        ([1, 2, 10], {}, "got 10 at index 2; the classes are numbered from 0: subtract 1"),
        (np.eye(3, dtype=int), {}, r"`y` must have shape \[N\].*got shape \(3, 3\).*argmax"),
        (np.zeros([2, 2, 2], int), {}, r"`y` must have shape \[N\].*got shape \(2, 2, 2\)$"),
        (3, {}, r"`y` must have shape \[N\].*got shape \(\)"),
        (np.zeros(0, int), {}, "`y` must not be empty"),
        ([1, 2], {"length": 3}, "`y` must have one label for each of the 3 examples, got 2"),
        ([10], {"argument": "y_valid"}, "^`y_valid` must hold integers"),
    ],
)
def test_bad_labels(y, options, message):
    with pytest.raises(ValueError, match=message):
        checks.check_labels(y, **{"num_classes": 10, **options})


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([0.0, 2.0, -1.0, np.nan], [0, 2, -1, -1]),
        (np.array([1, 0], np.float16), [1, 0]),
        ([True, False, None], [1, 0, -1]),
        (np.array([True, False]), [1, 0]),
        ([2, None, "", np.nan, -1], [2, -1, -1, -1, -1]),
        (pd.Series([1, None], dtype="Int64"), [1, -1]),
        (pd.Series([1, np.nan]), [1, -1]),
        (np.ma.masked_array([1, 0, 2], mask=[0, 1, 0]), [1, -1, 2]),
    ],
)
def test_labels_as_people_have_them(y, expected):
    np.testing.assert_array_equal(checks.check_labels(y, num_classes=3), expected)


@pytest.mark.parametrize("value", [1, np.int64(3)])
def test_positive_integers(value):
    assert checks.check_positive_integer(value, argument="units") == value


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, True])
def test_not_positive_integers(value):
    with pytest.raises(
        ValueError,
        match=f"`units` must be an integer .*, got {'no value' if value is None else repr(value)}",
    ):
        checks.check_positive_integer(value, argument="units")


def test_seeds():
    assert checks.check_seed(0) == 0
    with pytest.raises(ValueError, match="`seed` must be an integer of at least 0, got -1"):
        checks.check_seed(-1)
