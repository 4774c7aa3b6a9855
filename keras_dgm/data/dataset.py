"""What a loaded data set is, and how one is put together from arrays."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_dgm.data.columns import Column
from keras_dgm.data.schema import TableSchema
from keras_dgm.data.splits import hold_out

VALID_FRACTION = 0.1
TEST_FRACTION = 0.2


class DataNotFoundError(FileNotFoundError, ValueError):
    """A data set that is not where it was looked for; the message says what to set."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set in memory, split for semi-supervised learning.

    Labels are integers from 0 to K-1, and -1 where the label is unknown. Features and labels of a
    split always have the same length; a split may be empty, with features of shape [0, D].

    Attributes:
        name: the name of the source, or the stem of the file.
        x_train: float32 [N, D], the examples to train on; images are flattened.
        y_train: int32 [N].
        x_valid: float32 [N_valid, D], for choosing settings; never trained on.
        y_valid: int32 [N_valid].
        x_test: float32 [N_test, D], for the final error.
        y_test: int32 [N_test].
        class_names: K names; none where the source has no labels.
        image_shape: (height, width) or (height, width, channels) of an example, to draw it; None
            for tables.
        schema: how the rows of a table become examples; None for others. In the features of a table
            categories are codes, and NaN is a missing entry.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    schema: TableSchema | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The D columns of a table; none of other data."""
        return () if self.schema is None else self.schema.columns

    @property
    def num_classes(self) -> int:
        """K; 0 where the source has no labels."""
        return len(self.class_names)

    @property
    def num_features(self) -> int:
        """D, the length of an example."""
        return self.x_train.shape[1]

    @property
    def num_labeled(self) -> int:
        """The number of training examples with a label."""
        return int(np.count_nonzero(self.y_train >= 0))

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name}: {len(self.x_train)} train ({self.num_labeled} labelled), "
            f"{len(self.x_valid)} validation, {len(self.x_test)} test, "
            f"{self.num_features} features, {self.num_classes} classes)"
        )


class Examples(NamedTuple):
    """Examples [N, ...] and their labels, integers [N]."""

    x: np.ndarray
    y: np.ndarray


def unlabeled(x: np.ndarray) -> Examples:
    """Examples whose labels are all unknown."""
    return Examples(x, np.full(len(x), -1, np.int32))


def own_splits(y: np.ndarray) -> tuple[int, int]:
    """How many of a user's own examples are held out for validation, and for testing.

    10 % and 20 % of the labelled ones, or of all where none has a label.
    """
    pool = int(np.count_nonzero(y >= 0)) or len(y)
    return max(1, round(VALID_FRACTION * pool)), max(1, round(TEST_FRACTION * pool))


def labels_needed(num_classes: int, has_test: bool) -> int:
    """The least number of labels of which `own_splits` leaves one for each set that is held out.

    Args:
        num_classes: K, each of which keeps a label for training.
        has_test: whether the test set is another one's.
    """
    counts = itertools.count(num_classes + 1)
    if has_test:
        return next(counts)
    return next(n for n in counts if n - num_classes > own_splits(np.zeros(n))[1])


def assemble(
    name: str,
    train: Examples,
    *,
    valid: Examples | int,
    test: Examples | int,
    seed: int,
    scale: float,
    class_names: Sequence[str] = (),
) -> Dataset:
    """Splits, scales and flattens examples.

    Args:
        name: of the data set.
        train: all examples that are not in `valid` or `test`.
        valid: validation examples, or how many to hold out of `train` at random, class by class.
        test: the same for testing.
        seed: fixes what is held out.
        scale: the value that becomes 1.
        class_names: K names.

    Returns:
        A `Dataset` with all the labels that the source has.
    """
    sizes = [0 if isinstance(split, Examples) else split for split in (test, valid)]
    rest, held_test, held_valid = hold_out(train.y, sizes, seed)

    def split(examples: Examples | int, held: np.ndarray) -> Examples:
        return examples if isinstance(examples, Examples) else _take(train, held)

    x_train, y_train = _take(train, rest)
    x_valid, y_valid = split(valid, held_valid)
    x_test, y_test = split(test, held_test)
    return Dataset(
        name=name,
        x_train=_features(x_train, scale),
        y_train=_labels(y_train),
        x_valid=_features(x_valid, scale),
        y_valid=_labels(y_valid),
        x_test=_features(x_test, scale),
        y_test=_labels(y_test),
        class_names=tuple(class_names),
        image_shape=_image_shape(train.x.shape[1:]),
    )


def _take(examples: Examples, indices: np.ndarray) -> Examples:
    if len(indices) == len(examples.y):
        return examples
    return Examples(examples.x[indices], examples.y[indices])


def _features(x: np.ndarray, scale: float) -> np.ndarray:
    rows = x.reshape(len(x), math.prod(x.shape[1:]))
    if scale == 1:
        return rows.astype(np.float32, copy=False)
    return np.divide(rows, scale, dtype=np.float32)


def _labels(y: np.ndarray) -> np.ndarray:
    return y.astype(np.int32, copy=False)


def _image_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if len(shape) == 3 and shape[-1] == 1:
        return shape[:2]
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (3, 4))
    return shape if is_image else None
