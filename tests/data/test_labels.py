import numpy as np
import pytest

from keras_dgm.data import draw_labels

Y = np.repeat(np.arange(4), [30, 10, 20, 25])


@pytest.mark.parametrize("num_labeled", [0, 4, 20, 40])
def test_draws_are_balanced_and_true(num_labeled):
    kept = draw_labels(Y, num_labeled, 4, seed=3)

    assert kept.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(kept[kept >= 0], minlength=4), [num_labeled / 4] * 4)
    np.testing.assert_array_equal(kept[kept >= 0], Y[kept >= 0])


def test_seed_fixes_the_draw():
    np.testing.assert_array_equal(draw_labels(Y, 8, 4, seed=1), draw_labels(Y, 8, 4, seed=1))
    assert np.any(draw_labels(Y, 8, 4, seed=1) != draw_labels(Y, 8, 4, seed=2))


def test_a_smaller_draw_is_part_of_a_larger_one():
    few, many = draw_labels(Y, 8, 4, seed=1), draw_labels(Y, 20, 4, seed=1)

    np.testing.assert_array_equal(many[few >= 0], few[few >= 0])


def test_every_member_of_a_class_is_as_likely():
    draws = np.mean([draw_labels(Y, 20, 4, seed) >= 0 for seed in range(2000)], axis=0)

    # 6 standard deviations of the mean of 2000 draws of a Bernoulli variable.
    expected = (5 / np.bincount(Y))[Y]
    np.testing.assert_allclose(draws, expected, atol=6 * 0.5 / np.sqrt(2000))


def test_hidden_labels_are_not_drawn():
    y = np.where(np.arange(len(Y)) % 2, Y, -1)

    kept = draw_labels(y, 12, 4)

    assert np.all(y[kept >= 0] >= 0)
    assert np.count_nonzero(kept >= 0) == 12


def test_none_keeps_all_in_a_copy():
    kept = draw_labels(Y, None, 4)

    np.testing.assert_array_equal(kept, Y)
    assert not np.shares_memory(kept, Y)


def test_data_without_labels():
    y = np.full(5, -1)

    np.testing.assert_array_equal(draw_labels(y, None, 0), y)
    np.testing.assert_array_equal(draw_labels(y, 0, 0), y)


@pytest.mark.parametrize(
    ("num_labeled", "num_classes", "message"),
    [
        (10, 4, "`num_labeled` must be divisible by the 4 classes, got 10"),
        (44, 4, "`num_labeled` must be at most 40, 4 times the 10 labels of class 1, got 44"),
        (5, 5, "`num_labeled` must be at most 0, 5 times the 0 labels of class 4, got 5"),
        (-4, 4, "`num_labeled` must be None or at least 0, got -4"),
        (4.0, 4, "`num_labeled` must be None or an integer, got 4.0"),
        (True, 4, "`num_labeled` must be None or an integer, got True"),
        (3, 3, r"`y` must hold integers from -1 \(unlabelled\) to 2, got 3"),
    ],
)
def test_bad_draws(num_labeled, num_classes, message):
    with pytest.raises(ValueError, match=message):
        draw_labels(Y, num_labeled, num_classes)


def test_labels_asked_of_data_without_labels():
    with pytest.raises(ValueError, match="must be None or 0 for data without labels, got 10"):
        draw_labels(np.full(5, -1), 10, 0)


def test_bad_seed():
    with pytest.raises(ValueError, match="`seed` must be an integer of at least 0, got -1"):
        draw_labels(Y, 4, 4, seed=-1)
