"""A Keras model that has a training step, batches and facts of its data."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.training import batches, finite
from keras_dgm.training import metrics as class_metrics
from keras_dgm.training.callbacks import CountEpochs, StopNotFinite, given_callbacks, refuse_hdf5
from keras_dgm.training.facts import DataFacts
from keras_dgm.training.observation import Observation
from keras_dgm.training.replicas import first_batch, over_workers, reported
from keras_dgm.training.reporting import ReportingModel
from keras_dgm.training.step import StepOutput, TrainingStep, steps_taken
from keras_dgm.training.stream import DATASETS, Stream


class TrainableModel(ReportingModel):
    """What Keras asks of a model, for one with an objective of its own.

    A subclass is `training.step.Trainable`; it says what its data must be and what it sees of it.

    Args:
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation).
        seed: of the noise and of the order of the examples; None: a random one.
        **kwargs: as of `keras.Model`.

    Attributes:
        title: what the model is called in the papers.
        num_classes: K; None of a model without classes.
        reported: the means that `fit` and `evaluate` report.
        predicts_unseen: whether a class can be predicted of which training sees no label.
        suits_xla: whether a step on a CPU gains from XLA, as one of matrix products does.
        facts: what is known of the training data; None before it has been seen.
    """

    title: str
    num_classes: int | None = None
    predicts_unseen: bool = False
    reported: tuple[str, ...] = ("elbo", "reconstruction", "kl")
    suits_xla: bool = True

    def __init__(self, *, weight_prior: bool = False, seed: int | None = None, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)  # A preprocessor sees x as it is.
        self.weight_prior = checks.check_flag(weight_prior, argument="weight_prior")
        self.seed = None if seed is None else checks.check_seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.facts: DataFacts | None = None
        self.num_examples = tf.Variable(1.0, trainable=False)
        self.failure = finite.first_failure()
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.reported}
        self.step = TrainingStep(self)

    # What a subclass says of its data, beside what `Trainable` says of a step.

    def check_features(self, x: npt.ArrayLike) -> np.ndarray:
        """An array of raw data as float32 [N, D].

        Raises:
            ValueError: naming the argument, the rule and the value received.
        """
        raise NotImplementedError

    def check_data(self, x: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, Any, Any]:
        """The arrays as float32 [N, D], int32 [N] or None, float32 [N] or None.

        Raises:
            ValueError: naming the argument, the rule and the value received.
        """
        raise NotImplementedError

    def weigh_classes(self, class_weight: Any, y: Any, sample_weight: Any) -> np.ndarray:
        """The weights of examples of these classes; a model without classes refuses."""
        raise ValueError(
            f"`class_weight` must be None: {self.title} models no classes, got {class_weight!r}"
        )

    def labeled_part(self, data: Any, steps: int) -> Any:
        """The labelled examples of `data`, for so many steps; a model without classes refuses."""
        raise ValueError(f"`labels_first` must be 0: {self.title} models no classes, got {steps}")

    def fit_labels(self, labeled: Any, batch_size: int | None, seed: int) -> None:
        """Train on what `labeled_part` returned."""
        raise NotImplementedError

    def check_observation(self, observation: Observation) -> None:
        """Refuse what cannot be modelled of what was observed of checked data."""

    def training_callbacks(self, some: Observation) -> list[keras.callbacks.Callback]:
        """Callbacks that `fit` adds, of the observation of some training examples."""
        return []

    def learn_facts(self, data: Any) -> None:
        """Take from training data what the model has to know before its first step.

        Args:
            data: of `keras_dgm.training.batches.of`.
        """
        facts = data.facts(self.num_classes or 0)
        if not self.predicts_unseen:
            facts.warn()
        self.take_facts(facts)

    def take_facts(self, facts: DataFacts) -> None:
        """Go by these facts of the training data from here on."""
        self.facts = facts
        self.num_examples.assign(facts.num_examples)

    def trace_anew(self) -> None:
        """Compile the steps again: what they hold as a constant has changed."""
        # Also within `fit`, whose callbacks may load weights.
        if self.train_function is not None:
            self.make_train_function(force=True)
        if self.test_function is not None:
            self.make_test_function(force=True)
        self.predict_function = None

    # Training.

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Configure training, as `keras.Model.compile`, with the model's own loss.

        Args:
            optimizer: any Keras optimizer.
            loss: None.
            metrics: Keras metrics of (y, q(y|x)), of a model with classes; they see the labelled
                examples only, with their sample weights. Those of Keras that want one-hot y, as
                `AUC` (of all K columns at once), `Precision` or `F1Score`, get it; one of your
                own sees integers.
            weighted_metrics: the same as `metrics`.
            jit_compile: `"auto"` on a CPU compiles the arithmetic of a step with XLA, unless it
                is of convolutions, and leaves the drawing of noise outside; True compiles whole
                steps; False compiles nothing.
            **kwargs: `run_eagerly`, `steps_per_execution`, `auto_scale_loss`.
        """
        if loss is not None:
            raise ValueError(f"`loss` must be None: the bound is the loss, got {loss!r}")
        steps = kwargs.get("steps_per_execution", 1)
        if steps != 1 and over_workers(self.distribute_strategy):
            raise ValueError(f"`steps_per_execution` must be 1 with several workers, got {steps}")
        for given in (metrics, weighted_metrics):
            if not isinstance(given, (list, tuple, type(None))):
                raise ValueError(f"`metrics` must be a list, got {given!r}")
        asked = [*(metrics or []), *(weighted_metrics or [])]
        if asked and self.num_classes is None:
            raise ValueError(
                f"`metrics` must be None: {self.title} predicts no class, got {asked!r}"
            )
        if self.num_classes is not None:
            reserved = {"loss", "labeled_loss", *self.trackers}
            asked = class_metrics.of_classes(asked, self.num_classes, reserved)
        super().compile(
            optimizer=optimizer, weighted_metrics=asked or None, jit_compile=jit_compile, **kwargs
        )
        # keras.wrappers ask for one; what they cannot do, `fit` then says in its own words.
        self.loss = f"the bound of {self.title}"
        self._asked_jit_compile = jit_compile
        self.step.configure(jit_compile)

    def get_compile_config(self) -> Any:
        config = super().get_compile_config()
        # Keras keeps what "auto" came to on this machine.
        return {**config, "jit_compile": self._asked_jit_compile} if config else config

    def compile_from_config(self, config: Any) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        labels_first: int = 0,
        labels_per_batch: int | None = None,
    ) -> keras.callbacks.History:
        """Train, as `keras.Model.fit`.

        Arrays stay in memory as tensors, and every batch holds its share of the labelled examples.
        The progress bar, the history and the callbacks get `loss` (J^alpha / N, and what the
        networks' own losses add), `elbo` and its terms `reconstruction` and `kl`, in nats an
        example, and what the model adds to them; no mean over nothing, as of the classification
        of validation data without labels.

        Args:
            x: an array [N, D] or [N, ...], or a `tf.data.Dataset` or `PyDataset` of batches; they
                are read once before training starts, to count the labels: all, or the first
                `steps_per_epoch` where the dataset does not say how many there are.
            y: integers [N], -1 where the label is unknown; None for M1.
            class_weight: of a model with classes fitted to arrays, weights of the labelled
                examples by their class, those that are not named weighing 1; see also
                `class_prior` of `M2`.

            labels_first: of a model with classes fitted to arrays, so many steps on the labelled
                examples alone, before the others. From a random start q(y|x) settles in clusters
                of its own, whose numbers are a matter of chance; with few labels it has to see
                these first.
            labels_per_batch: of a model with classes fitted to arrays, with `steps_per_epoch`: at
                least so many examples of each batch have a label; None: their share of the data.
                They are weighed so that the objective stays the same; only its gradient is less
                noisy where labels are few.

        The other arguments and the result are those of `keras.Model.fit`.

        Raises:
            ValueError: if the data cannot be trained on; nothing is trained by then.
            FloatingPointError: if the bound is NaN or infinite, with the step, the term and the
                range of the batch.
        """
        self._assert_compile_called("fit")
        callbacks = given_callbacks(callbacks)
        batches.check_counts(
            batch_size=batch_size,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=None if isinstance(validation_freq, list) else validation_freq,
            labels_first=labels_first,
            labels_per_batch=labels_per_batch,
        )
        if class_weight is not None:
            sample_weight = self.weigh_classes(class_weight, y, sample_weight)
        train = batches.of(self, x, y, sample_weight, steps_per_epoch)
        held_out = evaluation = labeled = None
        if validation_data is not None:
            held_out = batches.held_out(self, validation_data, validation_steps)
        elif validation_split:
            train, held_out = train.split(validation_split)
        # A second `fit` goes on with fresh orders; one that resumes repeats those it missed.
        steps = int(steps_taken(self.optimizer))
        seen = 0 if initial_epoch else train.epochs_of(steps, batch_size)
        epoch = tf.Variable(initial_epoch + seen, dtype=tf.int64, trainable=False)
        seed = int(self.seed_generator.state.numpy()[0])
        first = initial_epoch * (steps_per_epoch or 0) if initial_epoch else steps
        of_order = epoch if steps_per_epoch is None else 0
        training = train.training(batch_size, seed, of_order, shuffle, first, labels_per_batch)
        if labels_first:
            # One kind of batches, one compiled step.
            whole = train if labels_per_batch is None else train.weighted()
            labeled = self.labeled_part(whole, labels_first)
        if held_out is not None:
            argument = "validation_batch_size"
            evaluation = held_out.evaluation(validation_batch_size, batch_size, argument)
            with batches.refusals_of("validation_data"):
                held_out.check()
        # From here on nothing is refused but what shows when the data is read.
        self.learn_facts(train)
        self._warn_of_means(train, "x")
        if held_out is not None:
            self._warn_of_means(held_out, "validation_data")
        self._build_once(train.input_shape)
        self._build_for_training()
        own = [
            StopNotFinite(),
            *self.training_callbacks(train.some()),
            CountEpochs(epoch, seen),
        ]
        if labeled is not None:
            self.fit_labels(labeled, batch_size, seed)
        return super().fit(
            training,
            epochs=epochs,
            verbose=verbose,
            # First, so that what a checkpoint saves at the end of an epoch is what they left.
            callbacks=own + callbacks,
            validation_data=evaluation,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            shuffle=False,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The loss, the bound and the metrics of held-out data, as `keras.Model.evaluate`.

        Labelled examples enter with -L(x, y), the others with -U(x), and the cross-entropy with its
        mean over all that are labelled: `loss` is that of the data, however it is cut into batches.
        A mean over nothing, as of `accuracy` without labels, is NaN in a list, whose places are
        those of `metrics_names`, and is left out of a dict.
        """
        options = {"verbose": verbose, "steps": steps, "callbacks": callbacks, **kwargs}
        if kwargs:  # As `fit` calls it, the data has been taken care of.
            return super().evaluate(x, return_dict=return_dict, **options)
        batches.check_counts(batch_size=batch_size, steps=steps)
        data = batches.of(self, x, y, sample_weight, steps)
        with data.watched(batch_size) as watched:
            if not self.built:
                self._build_once(data.input_shape)
            found = super().evaluate(watched, return_dict=return_dict, **options)
        self._warn_of_means(data, "x")
        return found

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """As `keras.Model.predict`; arrays and the batches of datasets are checked as by `fit`."""
        batches.check_counts(batch_size=batch_size, steps=steps)
        size = batches.size_of_batch(batch_size)
        options = {"verbose": verbose, "steps": steps, "callbacks": callbacks}
        if not isinstance(x, DATASETS):
            return super().predict(self.check_features(x), batch_size=size, **options)
        stream = Stream(self, x, steps, lambda x, *_: (self.check_features(x),))
        with stream.watched(batch_size) as watched:
            return super().predict(watched, **options)

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As of `keras.Model`; outside of a graph, x is checked as by `fit`."""
        if tf.executing_eagerly() and not isinstance(x, keras.KerasTensor):
            checked = self.check_features(x)
            # In its own precision, and differentiable.
            is_exact = tf.is_tensor(x) or (type(x) is np.ndarray and x.dtype.kind == "f")
            x = x if is_exact else checked
        return super().__call__(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """As `keras.Model.predict_on_batch`; x is checked as by `fit`."""
        return super().predict_on_batch(self.check_features(x))

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """As `keras.Model.test_on_batch`; the arrays are checked as by `fit`."""
        data = self.check_data(x, y, sample_weight)
        return self._returned(super().test_on_batch(*data, return_dict=True), return_dict)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """A step, as `keras.Model.train_on_batch`, on a batch of the data that `fit` has seen.

        Raises:
            ValueError: if `fit` has not counted the examples and their labels, or as of `fit`.
        """
        if self.facts is None:
            raise ValueError(
                "`train_on_batch` must follow `fit`, which counts the examples and their labels"
            )
        if class_weight is not None:
            sample_weight = self.weigh_classes(class_weight, y, sample_weight)
        data = self.check_data(x, y, sample_weight)
        return self._returned(super().train_on_batch(*data, return_dict=True), return_dict)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.step.train(data)
        return reported(self.get_metrics_result(), self.distribute_strategy)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.step.test(data)
        return reported(self.get_metrics_result(), self.distribute_strategy)

    def with_predictions(self, output: StepOutput, observation: Observation, y: Any) -> StepOutput:
        """An evaluated output, its q(y|x) as `predict` gives it; as it is, without classes."""
        return output

    def _warn_of_means(self, data: Any, argument: str) -> None:
        """Warn where a mean over these data is over nothing, or leaves labels out."""
        data.tally.warn(argument, [] if self.facts is None else self.facts.unseen_classes)

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None and over_workers(self.distribute_strategy):
            iterator, data_batch = None, first_batch(iterator, self.distribute_strategy)
        super()._maybe_symbolic_build(iterator, data_batch)

    def _build_once(self, shape: Any) -> None:
        if not self.built:
            with self.distribute_strategy.scope():
                self.build(shape)

    def _build_for_training(self) -> None:
        """The variables of optimizer and metrics: a step that creates some is traced twice."""
        with self.distribute_strategy.scope():
            if not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)
            asked = self._compile_metrics
            if asked is not None and not asked.built:
                asked.build(
                    keras.KerasTensor([None], "int32"), keras.KerasTensor([None, self.num_classes])
                )

    # Randomness.

    def next_seed(self) -> tf.Tensor:
        """A fresh seed for `tf.random.stateless_*`, int32 [2]; another one in each replica."""
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        context = tf.distribute.get_replica_context()
        replica = 0 if context is None else context.replica_id_in_sync_group
        return seed + tf.stack([7919 * tf.cast(replica, tf.int32), 0])

    def draw_normal(self, *shape: Any) -> tf.Tensor:
        return tf.random.stateless_normal(shape, self.next_seed(), dtype=self.variable_dtype)

    def draw_uniform(self, shape: Any) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, self.next_seed(), dtype=self.variable_dtype)

    def draw_gumbel(self, *shape: Any) -> tf.Tensor:
        smallest = np.finfo(self.variable_dtype).tiny
        return -tf.math.log(-tf.math.log(tf.maximum(self.draw_uniform(shape), smallest)))

    # Saving.

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.save`, to a `.keras` file.

        What writes HDF5 without this method, `keras.saving.save_model` to an `.h5` file, writes one
        that cannot be loaded.

        Raises:
            ValueError: if it is to be an HDF5 file.
        """
        refuse_hdf5(filepath)
        super().save(filepath, *args, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["seed"] = self.seed_generator.state.numpy()
        if self.facts is not None:
            store["num_examples"] = np.array(self.facts.num_examples)
            store["label_counts"] = np.array(self.facts.label_counts, int)

    def load_own_variables(self, store: Any) -> None:
        own = {key: store[key] for key in store.keys()}
        self.seed_generator.state.assign(own.pop("seed"))
        if "num_examples" in own:
            counts = np.asarray(own.pop("label_counts")).tolist()
            self.take_facts(DataFacts(int(np.asarray(own.pop("num_examples"))), tuple(counts)))
        self.trace_anew()
        super().load_own_variables(own)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight_prior": self.weight_prior, "seed": self.seed}
