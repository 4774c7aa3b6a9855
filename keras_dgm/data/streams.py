"""Batches out of files that need not fit into memory: `.npy` files and TFRecord shards."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.data.batches import order_outside_graph
from keras_dgm.data.dataset import DataNotFoundError

WINDOW = 100_000

Name = str | os.PathLike[str]


def npy_batches(
    x: Name, y: Name | None, batch_size: int, *, seed: int = 0, window: int = WINDOW
) -> tf.data.Dataset:
    """Shuffled batches of examples in `.npy` files, for `fit`.

    The files are read window by window, in another order each epoch. Every window, and every batch,
    holds its share of the labelled examples, wherever these stand in the file.

    Args:
        x: path of an array [N, D] or [N, ...] of numbers.
        y: path of integers [N], -1 where the label is unknown; None: unknown throughout.
        batch_size: the last batch may be smaller.
        seed: of the orders.
        window: how many examples are in memory, and shuffled, at a time.

    Returns:
        A dataset of (x, y), float32 [B, D] or [B, ...] and int32 [B].

    Raises:
        ValueError: if a file is no such array, or a number is not a positive integer.
        DataNotFoundError: a ValueError and a FileNotFoundError, if a file is not there.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> np.save("x.npy", np.zeros([100, 8], "float32"))
        >>> np.save("y.npy", np.where(np.arange(100) % 10 == 0, 1, -1))
        >>> batches = dgm.data.npy_batches("x.npy", "y.npy", batch_size=20)
        >>> [int((y >= 0).numpy().sum()) for _, y in batches]  # The labelled examples of each.
        [2, 2, 2, 2, 2]
    """
    features = _open(x, "x")
    length, shape = len(features), features.shape[1:]
    labels = np.full(length, -1, np.int32)
    if y is not None:
        labels = checks.check_labels(_open(y, "y"), num_classes=None, length=length)
    count = math.ceil(length / checks.check_positive_integer(window, argument="window"))
    groups = [np.array_split(np.flatnonzero(mask), count) for mask in (labels >= 0, labels < 0)]

    def read(number: np.int64) -> tuple[np.ndarray, np.ndarray]:
        rows = np.sort(np.concatenate([parts[number] for parts in groups]))
        # Mapped for the time of this reading alone: what was read does not stay.
        return _open(x, "x")[rows].astype(np.float32), labels[rows]

    def read_window(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        read_x, read_y = tf.numpy_function(read, [number], (tf.float32, tf.int32))
        return tf.ensure_shape(read_x, [None, *shape]), tf.ensure_shape(read_y, [None])

    numbers = tf.data.Dataset.range(count).shuffle(count, seed)
    batches = _batches(numbers.map(read_window), batch_size, seed)
    return batches.apply(tf.data.experimental.assert_cardinality(math.ceil(length / batch_size)))


def tfrecord_batches(
    files: Sequence[Name], width: int, batch_size: int, *, seed: int = 0, window: int = WINDOW
) -> tf.data.Dataset:
    """Shuffled batches of examples in TFRecord shards, for `fit`.

    A record is a `tf.train.Example` of `x`, D floats, and `y`, an integer, -1 or absent where the
    label is unknown. The shards are interleaved in another order each epoch; the labelled examples
    of a window are spread evenly over its batches.

    Args:
        files: paths of the shards.
        width: D.
        batch_size: the last batch may be smaller.
        seed: of the orders.
        window: how many examples are in memory, and shuffled, at a time.

    Returns:
        A dataset of (x, y), float32 [B, D] and int32 [B].

    Raises:
        ValueError: if there is no file, or a number is not a positive integer.
        DataNotFoundError: a ValueError and a FileNotFoundError, if a file is not there.
    """
    if not files:
        raise ValueError("`files` must name at least one TFRecord file, got none")
    for file in files:
        _check_exists(file, "files")
    features = {
        "x": tf.io.FixedLenFeature(
            [checks.check_positive_integer(width, argument="width")], "float"
        ),
        "y": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
    }

    def parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_example(records, features)
        return parsed["x"], tf.cast(parsed["y"], tf.int32)

    shards = tf.data.Dataset.from_tensor_slices([os.fspath(file) for file in files])
    records = shards.shuffle(len(files), seed).interleave(
        tf.data.TFRecordDataset, cycle_length=len(files)
    )
    windows = records.batch(checks.check_positive_integer(window, argument="window")).map(parse)
    return _batches(windows, batch_size, seed)


def _batches(windows: tf.data.Dataset, batch_size: int, seed: int) -> tf.data.Dataset:
    """Windows of (x, y) as batches, each window in an order of its own."""
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)

    def shuffle(window: tuple[tf.Tensor, tf.Tensor], window_seed: tf.Tensor) -> tuple:
        indices = order_outside_graph(window[1] >= 0, window_seed, 0)
        return tuple(tf.gather(part, indices) for part in window)

    batch_size = checks.check_positive_integer(batch_size, argument="batch_size")
    return tf.data.Dataset.zip(windows, seeds).map(shuffle).rebatch(batch_size).prefetch(2)


def _open(path: Name, argument: str) -> np.ndarray:
    """An array on disk, of which only what is looked at is read."""
    _check_exists(path, argument)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy raises whatever the file leads to.
        raise ValueError(f"`{argument}` must be a sound .npy file, got {path}: {error}") from None
    if not isinstance(array, np.ndarray) or array.ndim == 0 or not len(array):
        raise ValueError(f"`{argument}` must be an .npy file of at least one example, got {path}")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"`{argument}` must hold numbers, got {array.dtype} in {path}")
    return array


def _check_exists(path: Name, argument: str) -> None:
    if not Path(path).is_file():
        raise DataNotFoundError(f"`{argument}` must name files that exist, got {path}")
