"""What `fit`, `evaluate` and `predict` are given, as batches of what a model observes."""

import contextlib
import math
import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.data import batches
from keras_dgm.training.facts import DataFacts, Tally, labels_of
from keras_dgm.training.observation import Observation
from keras_dgm.training.stream import DATASETS, Stream, parts_of

# Examples that are observed at a time, and that a class sum is judged by.
PART = 2000
# What of `fit` may be 0; the other numbers of steps and examples are 1 at least, or None.
FROM_ZERO = ("epochs", "initial_epoch", "labels_first")
HELD_OUT = "`validation_data` must be (x,), (x, y), (x, y, sample_weight) or a dataset of these"


def of(
    model: Any, x: Any, y: Any = None, sample_weight: Any = None, steps: int | None = None
) -> "Arrays | Stream":
    """The data that a caller handed over, checked.

    Args:
        model: says what its data must be: `check_data`.
        x: an array, or a dataset of batches.
        y: labels, or None.
        sample_weight: a weight for each example, or None.
        steps: how many batches make an epoch, where it is not a pass over the data.

    Raises:
        ValueError: naming the argument, the rule and the value received.
    """
    if not isinstance(x, DATASETS):
        x, y, sample_weight = model.check_data(x, y, sample_weight)
        return Arrays(model, x, y, sample_weight, steps)
    for name, value in {"y": y, "sample_weight": sample_weight}.items():
        if value is not None:
            raise ValueError(
                f"`{name}` must be part of the dataset `x`, got {type(value).__name__}"
            )
    return Stream(model, x, steps)


def held_out(model: Any, data: Any, steps: int | None) -> "Arrays | Stream":
    """`validation_data`, as `of` has it.

    Raises:
        ValueError: naming the argument, the rule and the value received.
    """
    x, y, sample_weight = parts_of(data, HELD_OUT)
    with refusals_of("validation_data"):
        return of(model, x, y, sample_weight, steps)


@contextlib.contextmanager
def refusals_of(argument: str) -> Iterator[None]:
    """A context in which what is refused is said to be a part of this argument."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"in `{argument}`, {error}") from error


def check_counts(**counts: Any) -> None:
    """Check how many steps, epochs or examples a caller asked for, by the arguments' names.

    Raises:
        ValueError: if one is no integer, or too low.
    """
    for argument, count in counts.items():
        if argument in FROM_ZERO:
            checks.check_integer(count, argument=argument)
        elif count is not None:
            checks.check_positive_integer(count, argument=argument)


def size_of_batch(batch_size: int | None) -> int:
    """A size of batches that a caller asked for; None: 32."""
    return 32 if batch_size is None else batch_size


class Arrays:
    """Arrays, checked, which stay in memory as tensors of what the model observes.

    Args:
        model: what `of` was given.
        x: float32 [N, D].
        y: int32 [N] or None.
        sample_weight: float32 [N] or None.
        steps: how many batches make an epoch; None: a pass.
    """

    def __init__(
        self, model: Any, x: np.ndarray, y: Any, sample_weight: Any, steps: int | None = None
    ):
        self.model = model
        self.steps = steps
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self._observed: Observation | None = None

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Of a batch."""
        return (None, *self.x.shape[1:])

    @property
    def labeled(self) -> np.ndarray:
        """Which examples have a label, booleans [N]."""
        return labels_of(self.x, self.y) >= 0

    def split(self, fraction: float) -> "tuple[Arrays, Arrays]":
        """All but the last `fraction` of the examples, and these, as `validation_split` of Keras.

        Raises:
            ValueError: if there is nothing on one side.
        """
        if not (isinstance(fraction, numbers.Real) and 0 < fraction < 1):
            raise ValueError(f"`validation_split` must lie between 0 and 1, got {fraction!r}")
        at = math.floor(len(self.x) * (1 - fraction))
        if at == 0:
            raise ValueError(
                f"`validation_split` must leave an example to train on, got {fraction} "
                f"of {len(self.x)}"
            )
        return self.part(slice(None, at)), self.part(slice(at, None))

    def part(self, rows: Any) -> "Arrays":
        """Some of the examples."""
        y = None if self.y is None else self.y[rows]
        sample_weight = None if self.sample_weight is None else self.sample_weight[rows]
        return Arrays(self.model, self.x[rows], y, sample_weight, self.steps)

    def labeled_part(self, steps: int) -> "Arrays":
        """The examples that have a label, in epochs of so many steps."""
        labeled = self.part(self.labeled)
        labeled.steps = steps
        return labeled

    def weighted(self) -> "Arrays":
        """The same examples, with weights of 1 where they have none."""
        if self.sample_weight is None:
            self.sample_weight = np.ones(len(self.x), np.float32)
        return self

    def facts(self, num_classes: int) -> DataFacts:
        """How many examples and labels there are."""
        return DataFacts.of([labels_of(self.x, self.y)], num_classes)

    @property
    def tally(self) -> Tally:
        """What means over the data are taken over."""
        tally = Tally(self.model.num_classes)
        tally.add(self.x, self.y, self.sample_weight)
        return tally

    def observations(self) -> Iterator[Observation]:
        """What the model observes, in parts."""
        observed = self.observed()
        for i in range(0, len(self.x), PART):
            yield tf.nest.map_structure(lambda of_all, i=i: of_all[i : i + PART], observed)

    def observed(self) -> Observation:
        """What the model observes, of all examples; computed once."""
        if self._observed is None:
            x = self.x
            parts = [self.model.observe(x[i : i + PART]) for i in range(0, len(x), PART)]
            self._observed = tf.nest.map_structure(lambda *tensors: tf.concat(tensors, 0), *parts)
            self.model.check_observation(self._observed)
        return self._observed

    def some(self) -> Observation:
        """Of at most `PART` examples, evenly spread."""
        stride = -(-len(self.x) // PART)
        return tf.nest.map_structure(lambda tensor: tensor[::stride], self.observed())

    def training(
        self,
        batch_size: int | None,
        seed: int,
        epoch: Any,
        shuffle: bool,
        first: int = 0,
        labels_per_batch: int | None = None,
    ) -> tf.data.Dataset:
        """An epoch of batches, each of which holds its share of the labelled examples, or more.

        Args:
            batch_size: B; None: 32.
            seed: of the orders.
            epoch: the number of the epoch, which determines its order together with `seed`.
            shuffle: False keeps the order of the arrays.
            first: where epochs are no passes, the step to begin with.
            labels_per_batch: at least so many of a batch are labelled; they weigh as much less.

        Raises:
            ValueError: if a batch cannot be divided among the replicas, or cannot hold so many.
        """
        batch_size = size_of_batch(batch_size)
        replicas = self.model.distribute_strategy.num_replicas_in_sync
        if batch_size % replicas:
            raise ValueError(
                f"`batch_size` must be divisible by the {replicas} replicas, got {batch_size}"
            )
        weights = self.sample_weight
        if labels_per_batch is not None:
            if self.labeled.mean() * batch_size >= labels_per_batch:
                labels_per_batch = None
            else:
                weights = self._weights_at(labels_per_batch, batch_size)
        return batches.training_batches(
            self._tensors(weights),
            self.labeled,
            batch_size,
            seed=seed,
            epoch=epoch,
            shuffle=shuffle,
            first=first if self.steps is not None else None,
            labels_per_batch=labels_per_batch,
        )

    def _weights_at(self, labels_per_batch: int, batch_size: int) -> np.ndarray:
        """Weights that make a mean over such batches one over the examples, [N]."""
        fraction = self.labeled.mean()
        if fraction == 0:
            raise ValueError(
                f"`labels_per_batch` must be None without labels, got {labels_per_batch}"
            )
        if self.steps is None:
            raise ValueError(
                f"`labels_per_batch` must go with `steps_per_epoch`, got {labels_per_batch} "
                "and None"
            )
        if labels_per_batch >= batch_size:
            raise ValueError(
                f"`labels_per_batch` must be less than `batch_size`, got {labels_per_batch} "
                f"and {batch_size}"
            )
        share = labels_per_batch / batch_size
        weights = np.where(self.labeled, fraction / share, (1 - fraction) / (1 - share))
        weights = weights * (1.0 if self.sample_weight is None else self.sample_weight)
        return weights.astype(np.float32)

    def epochs_of(self, steps: int, batch_size: int | None) -> int:
        """How many passes over the data `steps` batches are."""
        return steps // math.ceil(len(self.x) / size_of_batch(batch_size))

    def evaluation(
        self, batch_size: int | None, default: int | None = None, argument: str = "batch_size"
    ) -> tf.data.Dataset:
        """Batches in the order of the arrays; of `default` examples where no size is given."""
        batch_size = size_of_batch(default if batch_size is None else batch_size)
        return batches.evaluation_batches(self._tensors(self.sample_weight), batch_size)

    @contextlib.contextmanager
    def watched(self, batch_size: int | None) -> Iterator[tf.data.Dataset]:
        """What `evaluation` gives: arrays have been checked when they came in."""
        yield self.evaluation(batch_size)

    def check(self) -> None:
        """Nothing, for the same reason."""

    def _tensors(self, sample_weight: Any) -> tuple[Any, ...]:
        """The parts of a batch up to the last that there is: Keras cannot distribute a None."""
        parts = (self.observed(), self.y, sample_weight)
        return parts[: max(i for i, part in enumerate(parts, 1) if part is not None)]
