"""`fit` and `evaluate` on arrays: checked, put in memory once, fed in balanced batches."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.data import batches
from keras_dgm.models.finite import StopNotFinite
from keras_dgm.models.training import steps_taken

ENCODING_BATCH = 2000


def is_dataset(x):
    """Whether `x` yields batches, rather than being all the examples."""
    return isinstance(x, (tf.data.Dataset, keras.utils.PyDataset))


def batches_of(dataset, steps):
    """The batches of a dataset, as (x, y): all of them, or `steps` where nobody knows how many."""
    if isinstance(dataset, keras.utils.PyDataset):
        length = dataset.num_batches
        endless = length is None
        batches = (dataset[i] for i in range(steps if length is None else length))
    else:
        length = dataset.cardinality().numpy()
        endless = length == tf.data.INFINITE_CARDINALITY
        batches = dataset if length >= 0 or steps is None else dataset.take(steps)
    if endless and steps is None:
        raise ValueError("`steps_per_epoch` must be given with an endless dataset, got None")
    for batch in batches:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        yield x, y


class CountEpochs(keras.callbacks.Callback):
    """Writes the number of each epoch, and of those `seen` before, into a variable."""

    def __init__(self, epoch, seen):
        super().__init__()
        self.epoch = epoch
        self.seen = seen

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch.assign(epoch + self.seen)


class FeedingMixin:
    """Turns what `keras.Model.fit` and `evaluate` take into batches of `observe(x)`."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Train, as `keras.Model.fit`.

        Arrays stay in memory as tensors, and every batch holds its share of the labelled examples.
        The progress bar, the history and the callbacks get `loss` (J^alpha / N), `elbo` and its
        terms `log_likelihood` and `kl`, in nats an example, and what the model adds to them.

        Args:
            x: an array [N, D] or [N, ...], or a `tf.data.Dataset` or `PyDataset` of batches; they
                are read once before training starts, to count the labels: all, or the first
                `steps_per_epoch` where the dataset does not say how many there are.
            y: integers [N], -1 where the label is unknown; None for M1.
            class_weight: not supported; see `class_prior` of `M2`.

        The other arguments and the result are those of `keras.Model.fit`.

        Raises:
            ValueError: if the data cannot be trained on; nothing has changed by then.
            FloatingPointError: if the bound is NaN or infinite, with the step, the term and the
                range of the batch.
        """
        self._assert_compile_called("fit")
        if class_weight is not None:
            raise ValueError(
                "`class_weight` is not supported, give an unbalanced p(y) as `class_prior`; "
                f"got {class_weight!r}"
            )
        options = {
            "epochs": epochs,
            "verbose": verbose,
            "initial_epoch": initial_epoch,
            "validation_steps": validation_steps,
            "validation_freq": validation_freq,
            "shuffle": False,
        }
        if is_dataset(x):
            refuse(y=y, sample_weight=sample_weight)
            if validation_split:
                raise ValueError(
                    "`validation_split` must be 0 with a dataset, which cannot be split; give "
                    f"`validation_data`; got {validation_split}"
                )
            validation = self._held_out(validation_data, validation_batch_size)
            checked = ((self.check_features(x), y) for x, y in batches_of(x, steps_per_epoch))
            self.prepare((self.observe(x), y) for x, y in checked)
            first_x, _ = next(batches_of(x, steps_per_epoch))
            self._build_once(first_x.shape)
            options["callbacks"] = self._with_own(callbacks, self.observe(first_x))
            return super().fit(
                x, validation_data=validation, steps_per_epoch=steps_per_epoch, **options
            )

        x, y, sample_weight = self.check_data(x, y, sample_weight)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split((x, y, sample_weight), validation_split)
        batch_size = batch_size or 32
        replicas = self.distribute_strategy.num_replicas_in_sync
        if batch_size % replicas:
            raise ValueError(
                f"`batch_size` must be divisible by the {replicas} replicas, got {batch_size}"
            )
        validation = self._held_out(validation_data, validation_batch_size or batch_size)
        observed = self.observe_all(x)
        self.prepare([(observed, y)])
        self._build_once(x.shape)
        stride = -(-len(x) // ENCODING_BATCH)
        sample = tf.nest.map_structure(lambda tensor: tensor[::stride], observed)
        # A second `fit` goes on with fresh orders; one that resumes repeats those it missed.
        steps = math.ceil(len(x) / batch_size)
        seen = 0 if initial_epoch else int(steps_taken(self.optimizer)) // steps
        epoch = tf.Variable(initial_epoch + seen, dtype=tf.int64, trainable=False)
        options["callbacks"] = self._with_own(callbacks, sample, CountEpochs(epoch, seen))
        training = batches.training_batches(
            without_trailing_none(observed, y, sample_weight),
            np.zeros(len(x), bool) if y is None else y >= 0,
            batch_size,
            seed=int(self.seed_generator.state.numpy()[0]),
            epoch=epoch,
            shuffle=shuffle,
        )
        if steps_per_epoch is not None:
            training = training.repeat()
        return super().fit(
            training, validation_data=validation, steps_per_epoch=steps_per_epoch, **options
        )

    def evaluate(
        self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs
    ):
        """The loss, the bound and the metrics of held-out data, as `keras.Model.evaluate`.

        Labelled examples enter with -L(x, y), the others with -U(x). `loss` weighs the
        cross-entropy by the labelled part of each batch.
        """
        if is_dataset(x):
            refuse(y=y, sample_weight=sample_weight)
        else:
            shape = np.shape(x)
            x = self._held_out((x, y, sample_weight), batch_size)
            self._build_once(shape)
        return super().evaluate(x, verbose=verbose, **kwargs)

    def train_on_batch(self, *args, **kwargs):
        """A step, as `keras.Model.train_on_batch`, on a batch of the data that `fit` has seen.

        Raises:
            ValueError: if neither `fit` nor `prepare` has counted the examples and their labels.
        """
        if not self._prepared:
            raise ValueError(
                "`train_on_batch` must follow `fit`, or `prepare` on (observe(x), y), which count "
                "the examples and their labels"
            )
        return super().train_on_batch(*args, **kwargs)

    def _with_own(self, callbacks, sample, *more):
        own = [StopNotFinite(), *self.training_callbacks(sample), *more]
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = callbacks.callbacks
        # First, so that what a checkpoint saves at the end of an epoch is what they left.
        return own + keras.tree.flatten(callbacks or [])

    def _build_once(self, shape):
        if not self.built:
            with self.distribute_strategy.scope():
                self.build((None, *shape[1:]))

    def observe_all(self, x):
        """`observe(x)` of a whole data set, in batches; tensors with a first dimension of N."""
        parts = [self.observe(x[i : i + ENCODING_BATCH]) for i in range(0, len(x), ENCODING_BATCH)]
        observed = tf.nest.map_structure(lambda *tensors: tf.concat(tensors, 0), *parts)
        if self.preprocessor is not None and self.likelihood.unit_interval:
            checks.check_features(observed["x"], argument="preprocessor(x)", unit_interval=True)
        return observed

    def _held_out(self, data, batch_size):
        if data is None or is_dataset(data):
            return data
        x, y, sample_weight = self.check_data(*keras.utils.unpack_x_y_sample_weight(data))
        arrays = without_trailing_none(self.observe_all(x), y, sample_weight)
        return batches.evaluation_batches(arrays, batch_size or 32)

    def check_features(self, x):
        """An array of raw data as float32 [N, D]."""
        unit_interval = self.likelihood.unit_interval and self.preprocessor is None
        return checks.check_features(x, width=self.input_dim, unit_interval=unit_interval)

    def check_data(self, x, y, sample_weight):
        """The arrays as float32 [N, D], int32 [N] or None, float32 [N] or None.

        Raises:
            ValueError: naming the argument, the rule and the value received.
        """
        x = self.check_features(x)
        if sample_weight is not None:
            sample_weight = checks.check_weights(
                sample_weight, argument="sample_weight", length=len(x)
            )
        return x, y, sample_weight


def without_trailing_none(*parts):
    """The parts of a batch up to the last that there is: Keras cannot distribute a None."""
    count = max(i for i, part in enumerate(parts, 1) if part is not None)
    return parts[:count]


def refuse(**arguments):
    """Raise for what must come inside a dataset, and was given beside it."""
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"`{name}` must be part of the dataset `x`, got {type(value).__name__}"
            )


def split(arrays, fraction):
    """Hold out the last `fraction` of each array, as `validation_split` of Keras does."""
    if not 0 < fraction < 1:
        raise ValueError(f"`validation_split` must lie between 0 and 1, got {fraction}")
    at = math.floor(len(arrays[0]) * (1 - fraction))
    if at == 0:
        raise ValueError(
            f"`validation_split` must leave an example to train on, got {fraction} "
            f"of {len(arrays[0])}"
        )
    return tuple(
        tuple(None if a is None else a[part] for a in arrays)
        for part in (slice(None, at), slice(at, None))
    )
