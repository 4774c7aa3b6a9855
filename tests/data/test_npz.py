import numpy as np
import pytest

from keras_dgm.data import load

X = np.random.default_rng(0).normal(size=[100, 6]).astype(np.float32)
Y = np.arange(100) % 5


def sizes(data):
    return [len(x) for x in (data.x_train, data.x_valid, data.x_test)]


def test_a_labelled_table_is_split(save):
    data = load(save(x=X, y=Y), num_labeled=10)

    assert sizes(data) == [70, 10, 20]
    assert (data.name, data.num_classes, data.image_shape) == ("own", 5, None)
    assert data.class_names == ("0", "1", "2", "3", "4")
    assert data.num_labeled == 10
    np.testing.assert_array_equal(np.bincount(data.y_valid), [2] * 5)
    np.testing.assert_array_equal(np.bincount(data.y_test), [4] * 5)
    rows = {row.tobytes(): label for row, label in zip(X, Y, strict=True)}
    for row, label in zip(data.x_test, data.y_test, strict=True):
        assert rows[row.tobytes()] == label


def test_unlabelled_rows_stay_in_training(save):
    y = np.where(np.arange(100) < 50, Y, -1)

    data = load(save(x=X, y=y))

    assert sizes(data) == [85, 5, 10]
    assert np.all(data.y_valid >= 0)
    assert np.all(data.y_test >= 0)
    assert data.num_labeled == 35
    assert np.count_nonzero(data.y_train == -1) == 50


def test_given_splits_are_kept(save):
    path = save(
        x=X[:60], y=Y[:60], x_valid=X[60:70], y_valid=Y[60:70], x_test=X[70:], y_test=Y[70:]
    )

    data = load(path)

    np.testing.assert_array_equal(data.x_train, X[:60])
    np.testing.assert_array_equal(data.y_train, Y[:60])
    np.testing.assert_array_equal(data.x_valid, X[60:70])
    np.testing.assert_array_equal(data.y_valid, Y[60:70])
    np.testing.assert_array_equal(data.x_test, X[70:])
    np.testing.assert_array_equal(data.y_test, Y[70:])


@pytest.mark.parametrize("numbers", [False, True])
def test_split_says_which_part_an_example_is_of(save, numbers):
    is_test = np.arange(100) % 4 == 3
    split = is_test.astype(np.int8) if numbers else np.where(is_test, "test", "train")

    data = load(save(x=X, y=Y, split=split))

    np.testing.assert_array_equal(data.x_test, X[is_test])
    np.testing.assert_array_equal(data.y_test, Y[is_test])
    assert sizes(data) == [67, 8, 25]


def test_split_can_hold_a_validation_set(save):
    split = np.array(["valid", "train", "train", "test", "train"] * 20)

    data = load(save(x=X, y=np.arange(100) // 20, split=split))

    assert sizes(data) == [60, 20, 20]
    np.testing.assert_array_equal(data.x_valid, X[split == "valid"])


@pytest.mark.parametrize(
    "split, message",
    [
        (
            np.full(100, 2),
            r"`split` must be train, valid or test, or 0 .* got int64 of shape \(100",
        ),
        (np.full(99, "train"), r"`split` must be train, .* got <U5 of shape \(99,\)"),
        (np.full(100, "training"), "`split` must be train, "),
        (np.full(100, "test"), "`split` must leave an example to train on, got none"),
    ],
)
def test_a_split_that_says_something_else(save, split, message):
    with pytest.raises(ValueError, match=message):
        load(save(x=X, y=Y, split=split))


def test_a_split_stands_alone(save):
    with pytest.raises(ValueError, match="`split` must stand alone, got `x_test` beside it"):
        load(save(x=X, y=Y, x_test=X, split=np.full(100, "train")))


@pytest.mark.parametrize("size, shape", [((2, 3), (2, 3)), ((1, 2), (1, 2, 3))])
def test_flat_rows_are_images_where_their_size_is_given(save, size, shape):
    data = load(save(x=X, y=Y, x_test=X[:7], y_test=Y[:7]), image_size=size)

    assert data.image_shape == shape
    np.testing.assert_array_equal(data.x_test, X[:7])


@pytest.mark.parametrize("size", [3, (2, 4), (6,)])
def test_a_size_that_is_not_that_of_the_rows(save, size):
    with pytest.raises(ValueError, match="`image_size` must be"):
        load(save(x=X, y=Y), image_size=size)


def test_a_given_test_set_leaves_validation_to_be_split_off(save):
    data = load(save(x=X[:60], y=Y[:60], x_test=X[60:], y_test=Y[60:]))

    assert sizes(data) == [54, 6, 40]


def test_no_labels(save):
    data = load(save(x=X))

    assert sizes(data) == [70, 10, 20]
    assert (data.num_classes, data.num_labeled) == (0, 0)
    assert np.all(data.y_test == -1)


def test_labels_of_the_test_set_count_as_classes(save):
    data = load(save(x=X, y=np.where(Y < 3, Y, -1), x_test=X, y_test=Y))

    assert data.num_classes == 5


def test_labels_as_a_column(save):
    assert load(save(x=X, y=Y[:, None])).num_classes == 5


def test_class_names(save):
    names = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])

    data = load(save(x=X, y=Y, class_names=names))

    assert (data.class_names, data.num_classes) == (tuple(names), 6)


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (Y + 1, ("1", "2", "3", "4", "5")),
        (np.where(Y < 3, Y, -1) * 1000, ("0", "1000", "2000")),
        (np.where(Y == 2, -1, Y), ("0", "1", "3", "4")),
    ],
)
def test_labels_with_gaps_are_renumbered_and_keep_their_names(save, y, names):
    y = np.where(y < 0, -1, y)
    with pytest.warns(UserWarning, match="`y` has no label .* become the classes 0 to"):
        data = load(save(x=X, y=y, x_test=X, y_test=y, x_valid=X[:5], y_valid=y[:5]))

    assert data.class_names == names
    numbers = np.array([*map(int, names), -1])
    np.testing.assert_array_equal(numbers[data.y_train], y)
    np.testing.assert_array_equal(numbers[data.y_test], y)
    np.testing.assert_array_equal(numbers[data.y_valid], y[:5])


def test_whole_floats_and_missing_labels_of_a_file(save):
    y = np.where(np.arange(100) < 50, Y, np.nan)

    data = load(save(x=X, y=y, x_test=X, y_test=Y.astype(np.float32)))

    assert data.num_classes == 5
    np.testing.assert_array_equal(data.y_test, Y)
    assert np.count_nonzero(data.y_train < 0) == 50


def test_one_label_a_class_leaves_nothing_to_hold_out(save):
    y = np.full(100, -1)
    y[:3] = [0, 1, 2]

    data = load(save(x=X, y=y))

    assert sizes(data) == [100, 0, 0]
    assert data.x_test.shape == (0, 6)
    assert data.num_labeled == 3


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [
        ((100, 8, 6), (8, 6)),
        ((100, 8, 6, 1), (8, 6)),
        ((100, 8, 6, 3), (8, 6, 3)),
        ((100, 8, 6, 5), None),
        ((100, 2, 2, 2, 2), None),
    ],
)
def test_trailing_axes_are_flattened(save, shape, image_shape):
    x = np.random.default_rng(0).random(shape)

    data = load(save(x=x, x_valid=x, x_test=x))

    assert data.image_shape == image_shape
    np.testing.assert_array_equal(data.x_train, x.reshape(100, -1).astype(np.float32))


def test_pixels_are_scaled(save):
    x = np.random.default_rng(0).integers(256, size=[100, 4, 4], dtype=np.uint8)

    data = load(save(x=x, y=Y, x_test=x, y_test=Y))

    np.testing.assert_allclose(data.x_test, x.reshape(100, 16) / 255, rtol=1e-6)
    assert data.x_train.max() <= 1


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.bool_])
def test_other_numbers_are_kept(save, dtype):
    x = np.random.default_rng(0).integers(5, size=[100, 4]).astype(dtype)

    np.testing.assert_array_equal(load(save(x=x, x_test=x)).x_test, x)


def test_binary_bytes_are_kept(save):
    x = np.random.default_rng(0).integers(2, size=[100, 4], dtype=np.uint8)

    np.testing.assert_array_equal(load(save(x=x, x_test=x)).x_test, x)


INFINITE = np.where(np.arange(600).reshape(100, 6) == 13, np.inf, X)


def test_missing_entries_are_kept(save):
    x = np.where(INFINITE == np.inf, np.nan, X)

    np.testing.assert_array_equal(load(save(x=x, x_test=x)).x_test, x.astype("f4"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": Y, "z": X}, "own.npz must hold an array `x`, got y, z"),
        ({}, "own.npz must hold an array `x`, got nothing"),
        ({"x": INFINITE}, r"`x` must be finite in float32.*, got inf at index \(2, 1\)"),
        ({"x": X[:0]}, "`x` must not be empty"),
        ({"x": X[0]}, r"`x` must have shape \[N, D\]"),
        ({"x": X.astype(str)}, "`x` must hold real numbers"),
        ({"x": X, "y": Y + 0.5}, "`y` must hold integers, -1 .*, got 0.5 at index 0"),
        ({"x": X, "y": Y - 2}, r"`y` must hold integers from -1 \(unlabelled\).*got -2 at index 0"),
        ({"x": X, "y": Y[:50]}, "`y` must have one label for each of the 100 examples, got 50"),
        ({"x": X, "y": np.eye(5, dtype=int)[Y]}, "`y` must have shape.*argmax"),
        (
            {"x": X, "y": np.arange(100) + 7},
            "`y` must hold fewer classes than labels, got 100 diff",
        ),
        (
            {"x": X, "y": Y + 1, "class_names": np.array(list("abcde"))},
            "`y` must hold integers from -1 .* to 4, got 5 at index 4; .* from 0: subtract 1",
        ),
        ({"x": X, "x_test": X[:, :5]}, "`x_test` must have 6 features an example, got 5"),
        ({"x": X, "x_valid": X[:0]}, "`x_valid` must not be empty"),
        ({"x": X, "x_valid": X, "y_valid": Y[:9]}, "`y_valid` must have one label for each"),
        ({"x": X, "y": Y, "y_test": Y}, "must hold `x_test` beside `y_test`"),
        (
            {"x": X, "x_test": X.astype(np.uint8)},
            "either all of the features must be uint8 or none",
        ),
        ({"x": X, "y": Y, "class_names": np.array(["a", "b"])}, "`y` must hold.*to 1, got 2 at"),
        (
            {"x": X, "y": Y, "class_names": np.arange(5)},
            "`class_names` must be a vector of strings",
        ),
    ],
)
def test_bad_contents(save, arrays, message):
    with pytest.raises(ValueError, match=message):
        load(save(**arrays))
