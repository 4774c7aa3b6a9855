import numpy as np
import pytest

from keras_dgm.data.dataset import labels_needed, own_splits
from keras_dgm.data.splits import hold_out


@pytest.mark.parametrize("seed", range(5))
def test_sets_are_disjoint_complete_and_stratified(seed):
    y = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], [500, 300, 200]))

    rest, first, second = hold_out(y, [100, 50], seed)

    np.testing.assert_array_equal(np.sort(np.concatenate([rest, first, second])), np.arange(len(y)))
    np.testing.assert_allclose(np.bincount(y[first]), [50, 30, 20], atol=1)
    np.testing.assert_allclose(np.bincount(y[second]), [25, 15, 10], atol=1)


def test_every_example_is_as_likely_to_be_held_out():
    y = np.repeat([0, 1], [60, 30])

    held = np.zeros(len(y))
    for seed in range(2000):
        held[hold_out(y, [30], seed)[1]] += 1

    # 6 standard deviations of the mean of 2000 draws of a Bernoulli variable.
    np.testing.assert_allclose(held / 2000, 1 / 3, atol=6 * np.sqrt(2 / 9 / 2000))


def test_seed_fixes_the_split():
    y = np.zeros(100, int)
    first, again, other = (hold_out(y, [20], seed)[1] for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_only_labelled_examples_are_held_out():
    y = np.where(np.arange(100) < 30, np.arange(100) % 3, -1)

    rest, held = hold_out(y, [10], 0)

    assert len(held) == 10
    assert np.all(y[held] >= 0)
    assert np.count_nonzero(y[rest] == -1) == 70


def test_the_last_label_of_a_class_stays():
    y = np.array([0, 1, 1, 2, -1, -1])

    for seed in range(20):
        rest, first, second = hold_out(y, [2, 2], seed)
        assert set(y[rest]) == {-1, 0, 1, 2}
        np.testing.assert_array_equal(y[first], [1])
        assert len(second) == 0


def test_nothing_to_hold_out():
    rest, held = hold_out(np.array([0, 1, -1]), [5], 0)

    np.testing.assert_array_equal(rest, [0, 1, 2])
    assert len(held) == 0


def test_without_labels_any_example_is_held_out():
    rest, held = hold_out(np.full(10, -1), [4], 0)

    assert (len(rest), len(held)) == (6, 4)


@pytest.mark.parametrize("num_classes", [2, 3, 10, 26])
@pytest.mark.parametrize("has_test", [True, False])
def test_the_least_number_of_labels(num_classes, has_test):
    def smallest(count):
        y = np.arange(count) % num_classes
        num_valid, num_test = own_splits(y)
        sizes = [num_valid] if has_test else [num_test, num_valid]
        return min(len(held) for held in hold_out(y, sizes, seed=0)[1:])

    least = labels_needed(num_classes, has_test)

    assert smallest(least) > 0
    assert smallest(least - 1) == 0
