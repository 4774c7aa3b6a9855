"""Batches that come from elsewhere: a `tf.data.Dataset` or a `PyDataset`."""

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_dgm.training.facts import DataFacts, Tally, labels_of
from keras_dgm.training.observation import Observation

DATASETS = (tf.data.Dataset, keras.utils.PyDataset)
BATCHES = "`x` must be a dataset of batches x, (x, y) or (x, y, sample_weight)"


class Stream:
    """A dataset whose batches are checked.

    Args:
        model: says what its data must be: `check_data`.
        dataset: of x, (x, y) or (x, y, sample_weight).
        steps: how many batches make an epoch; None: all.
        check: what refuses a batch; None: `check_data`.

    Raises:
        ValueError: if its elements are no such batches.
    """

    def __init__(
        self, model: Any, dataset: Any, steps: int | None = None, check: Callable | None = None
    ):
        self.model = model
        self.check_batch = check or model.check_data
        self.dataset = in_tensors(dataset, self.check_batch)
        self.steps = steps
        self.tally = Tally(model.num_classes)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Of a batch."""
        x, *_ = next(self._checked())
        return (None, *x.shape[1:])

    def split(self, fraction: float) -> Any:
        """Refuses: a dataset cannot be split."""
        raise ValueError(
            "`validation_split` must be 0 with a dataset, which cannot be split; give "
            f"`validation_data`; got {fraction}"
        )

    def labeled_part(self, steps: int) -> Any:
        """Refuses: which examples are labelled is known once all have been read."""
        raise ValueError(
            "`labels_first` must be 0 with a dataset; fit arrays, or do so in two steps"
        )

    def weighted(self) -> "Stream":
        """The dataset as it is: its weights are its own."""
        return self

    def facts(self, num_classes: int) -> DataFacts:
        """How many examples and labels there are: the data is read, and checked, once."""
        return DataFacts.of(self._counted(), num_classes)

    def check(self) -> None:
        """Read and count all batches; refuse one that the model cannot take, or to be read once."""
        for _ in self._counted():
            pass
        next(self._checked())

    def observations(self) -> Iterator[Observation]:
        """What the model observes, batch by batch."""
        return (self.model.observe(x) for x, *_ in self._checked())

    def some(self) -> Observation:
        """Of the first batch."""
        return next(self.observations())

    def training(
        self,
        batch_size: int | None,
        seed: int,
        epoch: tf.Variable,
        shuffle: bool,
        first: int = 0,
        labels_per_batch: int | None = None,
    ) -> Any:
        """The dataset as it is: its batches and their order are its own."""
        if labels_per_batch is not None:
            raise ValueError(
                "`labels_per_batch` must be None with a dataset, which has batches, "
                f"got {labels_per_batch}"
            )
        return self.evaluation(batch_size)

    def epochs_of(self, steps: int, batch_size: int | None) -> int:
        """None that anything depends on."""
        return 0

    def evaluation(
        self, batch_size: int | None, default: int | None = None, argument: str = "batch_size"
    ) -> Any:
        """The dataset as it is.

        Raises:
            ValueError: if a size of batches is given.
        """
        if batch_size is not None:
            raise ValueError(
                f"`{argument}` must be None with a dataset, which has batches, got {batch_size}"
            )
        return self.dataset

    @contextlib.contextmanager
    def watched(self, batch_size: int | None) -> Iterator[Any]:
        """The dataset, whose batches are checked and counted as they are read.

        Raises:
            ValueError: if a size of batches is given, or a batch is not what the model takes.
        """
        self._length()
        self.tally = Tally(self.model.num_classes)
        watched = Watched(self.evaluation(batch_size), self._count)
        with watched.refusals():
            yield watched.dataset

    def _count(self, *parts: Any) -> Any:
        """What `check_batch` makes of a batch, which is counted."""
        parts = self.check_batch(*parts)
        self.tally.add(*parts)
        return parts

    def _counted(self) -> Iterator[np.ndarray]:
        """The labels [B] of all batches, which are counted."""
        self.tally = Tally(self.model.num_classes)
        for x, y, sample_weight in self._checked():
            self.tally.add(x, y, sample_weight)
            yield labels_of(x, y)

    def _checked(self) -> Iterator[tuple[np.ndarray, Any, Any]]:
        """Batches (x, y, sample_weight): all, or `steps` where nobody knows how many.

        Raises:
            ValueError: if there is none, or no end, or a batch is not what the model takes.
        """
        is_empty = True
        for batch in self._batches():
            is_empty = False
            yield self.model.check_data(*parts_of(batch))
        if is_empty:
            raise ValueError(
                "`x` must hold a batch each time it is read, which is more than once, got none: "
                "the generator of a dataset has to start anew"
            )

    def _batches(self) -> Any:
        length = self._length()
        if isinstance(self.dataset, keras.utils.PyDataset):
            count: Any = self.steps if length is None else length
            return (self.dataset.of[i] for i in range(count))  # `_checked` checks them.
        return self.dataset if length is not None else self.dataset.take(self.steps or -1)

    def _length(self) -> int | None:
        """How many batches there are; None where it is not known, or there is no end.

        Raises:
            ValueError: if there is no end, and no number of steps.
        """
        if isinstance(self.dataset, keras.utils.PyDataset):
            length = self.dataset.num_batches
            endless = length is None
        else:
            length = int(self.dataset.cardinality())
            endless = length == tf.data.INFINITE_CARDINALITY
            length = length if length >= 0 else None
        if endless and self.steps is None:
            raise ValueError(
                "an endless dataset needs `steps_per_epoch` in `fit`, `validation_steps` where it "
                "is `validation_data`, and `steps` in `evaluate` and `predict`"
            )
        return length


def parts_of(batch: Any, rule: str = BATCHES) -> tuple[Any, Any, Any]:
    """x, y and sample_weight of a batch, None where it has none.

    Raises:
        ValueError: if it has other parts, with the rule.
    """
    if isinstance(batch, (list, tuple)) and len(batch) not in (1, 2, 3):
        raise ValueError(f"{rule}, got {len(batch)} parts")
    return keras.utils.unpack_x_y_sample_weight(batch)


def in_tensors(dataset: Any, check: Callable[..., Any]) -> Any:
    """A dataset of batches, sparse ones made dense.

    Raises:
        ValueError: if its elements are dicts, ragged or single examples, with the remedy.
    """
    if isinstance(dataset, keras.utils.PyDataset):
        if dataset.num_batches == 0:
            raise ValueError("`x` must hold a batch, got an empty dataset")
        return CheckedBatches(dataset, check)
    if dataset.cardinality() == 0:
        raise ValueError("`x` must hold a batch, got an empty dataset")
    spec = dataset.element_spec
    if isinstance(spec, Mapping):
        names = ", ".join(f"d[{name!r}]" for name in list(spec)[:2])
        raise ValueError(
            f"{BATCHES}, got one of dicts with the keys {', '.join(map(repr, spec))}: "
            f"dataset.map(lambda d: ({names})) makes tuples of them"
        )
    x, y, sample_weight = parts_of(spec)
    for name, part in {"x": x, "y": y, "sample_weight": sample_weight}.items():
        if isinstance(part, (Mapping, list, tuple)):
            remedy = "join them into" if name == "x" else "give"
            raise ValueError(
                f"{BATCHES}, got one whose {name} has {len(part)} parts: {remedy} one array"
            )
    if any(isinstance(part, tf.RaggedTensorSpec) for part in (x, y)):
        raise ValueError(
            f"{BATCHES}, got one of ragged tensors: map their `to_tensor()`, which pads the rows"
        )
    if (x.shape.rank is not None and x.shape.rank < 2) or (y is not None and y.shape.rank == 0):
        raise ValueError(
            f"{BATCHES}, got one of single examples of shape {tuple(x.shape)}: dataset.batch(100) "
            "makes batches of them"
        )
    if isinstance(x, tf.SparseTensorSpec):
        return dataset.map(_in_dense)
    return dataset


def _in_dense(*batch: Any) -> tuple[Any, ...]:
    return tuple(tf.sparse.to_dense(p) if isinstance(p, tf.SparseTensor) else p for p in batch)


class Watched:
    """A dataset whose batches are checked as they are read.

    Args:
        dataset: of `in_tensors`.
        check: returns the parts, arrays or None, as they are to be, or raises a ValueError.

    Attributes:
        dataset: the same batches.
    """

    def __init__(self, dataset: Any, check: Callable[..., Any]):
        self._check = check
        self._refused: ValueError | None = None
        if isinstance(dataset, CheckedBatches):
            self.dataset: Any = CheckedBatches(dataset.of, self._look)
        else:
            self.dataset = dataset.map(self._watch)

    @contextlib.contextmanager
    def refusals(self) -> Iterator[None]:
        """A context in which a refused batch raises what `check` has raised.

        The input pipeline raises an error of its own in its place.
        """
        try:
            yield
        except tf.errors.OpError:
            if self._refused is None:
                raise
            raise self._refused from None

    def _look(self, *parts: Any) -> Any:
        try:
            return self._check(*parts)
        except ValueError as error:
            self._refused = error
            raise

    def _watch(self, *batch: Any) -> Any:
        there = [i for i, part in enumerate(batch) if part is not None]
        # TensorFlow never lets go of the function of a `tf.numpy_function`: it holds no model.
        look = weakref.WeakMethod(self._look)

        def look_at(*arrays: np.ndarray) -> bool:
            parts = dict(zip(there, arrays, strict=True))
            of_live: Any = look()
            of_live(*(parts.get(i) for i in range(3)))
            return True

        sound = tf.numpy_function(look_at, [batch[i] for i in there], tf.bool)
        with tf.control_dependencies([sound]):
            batch = tuple(None if part is None else tf.identity(part) for part in batch)
        return batch if len(batch) > 1 else batch[0]


class CheckedBatches(keras.utils.PyDataset):
    """The batches of a `PyDataset`, each as its check returns it."""

    def __init__(self, dataset: keras.utils.PyDataset, check: Callable[..., Any]):
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        self.of = dataset
        self.check = check

    @property
    def num_batches(self) -> Any:
        return self.of.num_batches

    def __getitem__(self, index: int) -> Any:
        batch = self.of[index]
        parts = self.check(*parts_of(batch))
        return keras.utils.pack_x_y_sample_weight(*parts)

    def on_epoch_begin(self) -> None:
        self.of.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.of.on_epoch_end()
