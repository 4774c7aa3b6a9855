"""Batches out of arrays that stay in memory as tensors."""

import math

import numpy as np
import tensorflow as tf

PASS_SALT = 7919
# Indices that a call of Python should give at least, where passes are short.
BLOCK = 10_000


def epoch_order(labeled, seed, epoch):
    """A fresh order of the examples in which the labelled ones are spread evenly.

    Any B consecutive examples hold B N_labelled / N labelled ones, give or take one. Over an epoch
    every example comes once, so that means over the batches, weighted by their sizes, average to
    the whole objective.

    Args:
        labeled: booleans [N].
        seed: an integer.
        epoch: an integer; with `seed` it determines the order.

    Returns:
        A permutation of 0..N-1, int64 [N].
    """
    groups = [np.flatnonzero(labeled), np.flatnonzero(~labeled)]
    positions = []
    for salt, group in enumerate(groups):
        seeds = tf.random.split(
            tf.stack([tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64) * 2 + salt]), 2
        )
        ranks = tf.random.experimental.stateless_shuffle(tf.range(len(group)), seeds[0])
        offset = tf.random.stateless_uniform([], seeds[1], dtype=tf.float64)
        positions.append((tf.cast(ranks, tf.float64) + offset) / max(len(group), 1))
    return tf.gather(np.concatenate(groups), tf.argsort(tf.concat(positions, 0)))


def order_outside_graph(labeled, seed, epoch):
    """`epoch_order` as one operation of an input pipeline.

    As a graph it would be optimised anew at each pass, which takes longer than the work.
    """
    arguments = [labeled, tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64)]
    return tf.ensure_shape(tf.numpy_function(_order, arguments, tf.int64), labeled.shape)


# Not a closure: TensorFlow never lets go of the function of a `tf.numpy_function`.
def _order(labeled, seed, epoch):
    with tf.device("CPU:0"):
        return epoch_order(labeled, seed, epoch).numpy()


def _passes(rows, passes, shuffle, seed):
    repeated = np.tile(rows, [passes, 1])
    if shuffle:
        repeated = np.random.default_rng(seed).permuted(repeated, axis=1)
    return repeated.ravel()


def training_batches(
    arrays, labeled, batch_size, seed, epoch, shuffle=True, first=None, labels_per_batch=None
):
    """An epoch of batches, in an order that depends on `seed` and the epoch alone.

    Args:
        arrays: nested tensors with a first dimension of N; None passes through.
        labeled: booleans [N].
        batch_size: the last batch may be smaller.
        seed: an integer.
        epoch: an integer or a `tf.Variable` of one, read whenever a pass over the data starts; of
            endless batches once.
        shuffle: False keeps the order of the arrays.
        first: None for one pass; or endless batches of one size, pass after pass in an order of its
            own, from the `first`-th on.
        labels_per_batch: how many labelled examples each of endless batches holds; None: as many
            as is their share.

    Returns:
        A `tf.data.Dataset`, of `ceil(N / batch_size)` batches where it is one pass.
    """
    mask = tf.constant(labeled)
    if first is not None:
        epoch = int(tf.convert_to_tensor(epoch))

    def order(number):
        if not shuffle:
            return tf.range(len(labeled), dtype=tf.int64)
        return order_outside_graph(mask, seed + PASS_SALT * number, epoch)

    def endless(order, size):
        # Across the ends of passes: one shape to compile for.
        return tf.data.Dataset.counter().map(order).rebatch(size)

    def endless_part(rows, size, salt):
        passes = max(1, BLOCK // len(rows))

        def order(number):
            arguments = [rows, passes, shuffle, [seed, epoch, salt, number]]
            return tf.ensure_shape(tf.numpy_function(_passes, arguments, tf.int64), [None])

        return endless(order, size)

    def gather(indices):
        return tf.nest.map_structure(lambda a: None if a is None else tf.gather(a, indices), arrays)

    if first is None:
        steps = math.ceil(len(labeled) / batch_size)
        orders = tf.data.Dataset.range(1).map(order).rebatch(batch_size)
    else:
        steps = tf.data.INFINITE_CARDINALITY
        if labels_per_batch is None and np.all(labeled):
            orders = endless_part(np.arange(len(labeled)), batch_size, 0)
        elif labels_per_batch is None:
            orders = endless(order, batch_size)
        else:
            parts = (
                endless_part(np.flatnonzero(labeled), labels_per_batch, 1),
                endless_part(np.flatnonzero(~labeled), batch_size - labels_per_batch, 2),
            )
            orders = tf.data.Dataset.zip(parts).map(lambda *both: tf.concat(both, 0))
        orders = orders.skip(first)
    found = orders.map(gather)
    found = found.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)
    return found.with_options(untuned())


def evaluation_batches(arrays, batch_size):
    """One pass over nested arrays, in order."""
    batches = tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size).prefetch(2)
    return batches.with_options(untuned())


def untuned():
    """Options of tf.data without autotuning.

    It has nothing to tune here, and would now and then hold up the start of a pass for half a
    second.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
