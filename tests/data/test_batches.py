"""Batches hold their share of the labelled examples; the order is that of the seed and epoch."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_dgm.data import batches

N = 103


def labeled_mask(num_labeled):
    mask = np.zeros(N, bool)
    mask[np.random.default_rng(0).permutation(N)[:num_labeled]] = True
    return mask


def take_epoch(mask, batch_size, seed=0, epoch=0, **options):
    dataset = batches.training_batches(
        np.arange(N), mask, batch_size, seed=seed, epoch=epoch, **options
    )
    assert len(dataset) == -(-N // batch_size)
    return [batch.numpy() for batch in dataset]


@pytest.mark.parametrize("num_labeled", [0, 1, 10, 60, N])
def test_every_example_comes_once_an_epoch(num_labeled):
    indices = np.concatenate(take_epoch(labeled_mask(num_labeled), 10))
    np.testing.assert_array_equal(np.sort(indices), np.arange(N))


@pytest.mark.parametrize("num_labeled", [1, 10, 60, 102])
@pytest.mark.parametrize("batch_size", [1, 7, 10])
def test_batches_hold_their_share_of_labelled_examples(num_labeled, batch_size):
    mask = labeled_mask(num_labeled)
    for seed in range(5):
        for batch in take_epoch(mask, batch_size, seed):
            share = len(batch) * num_labeled / N
            assert abs(mask[batch].sum() - share) < 1


def test_each_epoch_has_an_order_of_its_own():
    mask = labeled_mask(20)
    epochs = [np.concatenate(take_epoch(mask, 10, epoch=epoch)) for epoch in range(3)]

    for one, other in itertools.combinations(epochs, 2):
        assert np.mean(one == other) < 0.2


def test_each_pass_of_endless_batches_has_an_order_of_its_own():
    mask = labeled_mask(20)
    endless = batches.training_batches(np.arange(N), mask, 10, seed=0, epoch=0, first=0)

    passes = np.concatenate(list(endless.take(31).as_numpy_iterator()))[: 3 * N].reshape(3, N)

    np.testing.assert_array_equal(np.sort(passes, axis=-1), np.tile(np.arange(N), [3, 1]))
    for one, other in itertools.combinations(passes, 2):
        assert np.mean(one == other) < 0.2


def test_order_depends_on_the_seed_and_the_epoch_alone():
    mask = labeled_mask(20)
    epoch = tf.Variable(0, dtype=tf.int64)
    dataset = batches.training_batches(np.arange(N), mask, 10, seed=5, epoch=epoch)
    list(dataset)
    epoch.assign(1)
    second_epoch = np.concatenate([batch.numpy() for batch in dataset])

    for batch_size in (10, 25):
        same = np.concatenate(take_epoch(mask, batch_size, seed=5, epoch=1))
        np.testing.assert_array_equal(same, second_epoch)
    other_seed = np.concatenate(take_epoch(mask, 10, seed=6, epoch=1))
    assert np.mean(other_seed == second_epoch) < 0.2


def test_labelled_examples_come_in_every_order():
    """Over 300 epochs each of 3 labelled examples leads about a third of them: within 5 errors."""
    mask = np.zeros(6, bool)
    mask[:3] = True
    orders = [batches.epoch_order(mask, 0, epoch).numpy() for epoch in range(300)]
    first = np.bincount([order[order < 3][0] for order in orders], minlength=3)

    assert np.all(np.abs(first - 100) < 5 * np.sqrt(300 * 1 / 3 * 2 / 3))


def test_without_shuffling_the_order_is_that_of_the_arrays():
    epoch = take_epoch(labeled_mask(20), 10, shuffle=False)

    np.testing.assert_array_equal(np.concatenate(epoch), np.arange(N))


def test_nested_arrays_are_gathered_alike_and_none_passes():
    arrays = ({"a": np.arange(N) * 2, "b": np.arange(N)[:, None] * [1, 3]}, np.arange(N), None)

    dataset = batches.training_batches(arrays, labeled_mask(9), 10, seed=0, epoch=0)
    observed, y, weight = next(iter(dataset))

    assert weight is None
    np.testing.assert_array_equal(observed["a"], y * 2)
    np.testing.assert_array_equal(observed["b"], np.outer(y, [1, 3]))


def test_evaluation_passes_once_in_order():
    taken = list(batches.evaluation_batches((np.arange(25), None), 10))

    assert [len(x) for x, _ in taken] == [10, 10, 5]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in taken]), np.arange(25))
