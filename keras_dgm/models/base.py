"""What every model is: a Keras model of some observation, which has a training step and batches."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks, likelihoods
from keras_dgm.distributions import full_precision
from keras_dgm.likelihoods import Likelihood
from keras_dgm.preprocessing import inverse_of
from keras_dgm.serving import folding, saved_model
from keras_dgm.serving.endpoint import Endpoint, Features
from keras_dgm.training import batches, finite
from keras_dgm.training.callbacks import CountEpochs, StopNotFinite
from keras_dgm.training.facts import DataFacts
from keras_dgm.training.observation import Observation
from keras_dgm.training.replicas import first_batch, over_workers, reported
from keras_dgm.training.step import StepOutput, TrainingStep, steps_taken


class Unsupported(ValueError):
    """What a model of this kind cannot do; the message says why."""


class DeepGenerativeModel(keras.Model):
    """A model of x; a subclass states its factors, its objective and what it serves.

    Args:
        latent_dim: Z.
        likelihood: of the observation: a name of `keras_dgm.likelihoods.NAMES`, or a `Likelihood`.
        missing: whether NaN in x is a missing entry: the bound is over the others alone, and the
            networks see [x with 0 in its place, a mask of the others], of 2 D numbers.
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation).
        preprocessor: an adapted layer that maps x to what is modelled, `PCA` say, and back by its
            method `inverse`.
        seed: of the noise and of the order of the examples; None: a random one.

    Attributes:
        title: what the model is called in the papers.
        num_classes: K; None of a model without classes.
        observation_dim: W, how many numbers of an example are modelled.
    """

    title: str
    num_classes: int | None = None
    reported: tuple[str, ...] = ("elbo", "reconstruction", "kl")

    def __init__(
        self,
        latent_dim: int,
        *,
        likelihood: str | Likelihood,
        missing: bool = False,
        weight_prior: bool = False,
        preprocessor: keras.layers.Layer | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)  # `preprocessor` sees x as it is.
        self.latent_dim = checks.check_positive_integer(latent_dim, argument="latent_dim")
        self.likelihood = likelihoods.get(likelihood)
        self.missing = missing
        self.weight_prior = weight_prior
        if preprocessor is not None:
            inverse_of(preprocessor)  # Or it says that there is none.
        self.preprocessor = preprocessor
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.input_dim: Any = None
        self.observation_dim: Any = None
        self.facts: DataFacts | None = None
        self.num_examples = tf.Variable(1.0, trainable=False)
        self.failure = finite.first_failure()
        self.trackers = {name: keras.metrics.Mean(name=name) for name in self.reported}
        self.step = TrainingStep(self)

    # What a subclass defines.

    def build_networks(self, width: int) -> None:
        """Create and build the networks for observations of `width` numbers."""
        raise NotImplementedError

    def sample_noise(self, batch_size: Any, training: bool = True) -> Any:
        """Standard normal noise for the latent variables of one step."""
        raise NotImplementedError

    def objective(self, x: tf.Tensor, y: Any, noise: Any, training: bool) -> StepOutput:
        """The loss and the bound of each example; draws nothing."""
        raise NotImplementedError

    def endpoints(self, softplus: Callable | None = None) -> dict[str, Endpoint]:
        """What the model answers once it is deployed, by name; the first is the default.

        Args:
            softplus: replaces softplus where the target has a better one.
        """
        raise Unsupported(f"{self.title} has no endpoints, and cannot be exported; use `save`")

    def personalisation(self, softplus: Callable | None = None) -> dict[str, Endpoint]:
        """Endpoints by which the deployed model learns on; none, unless a model has some."""
        return {}

    def latents(self) -> "dict[str, DeepGenerativeModel]":
        """The models of each layer of latent variables, by its name, the lowest first."""
        return {"z": self}

    def training_callbacks(self, some: Observation) -> list[keras.callbacks.Callback]:
        """Callbacks that `fit` adds, of the observation of some training examples."""
        return []

    # What a model can be asked for; of what it is not for, it says why.

    def as_m1(self) -> "DeepGenerativeModel":
        """The M1 that it is, or has.

        Raises:
            Unsupported: if there is none.
        """
        raise Unsupported(f"it is of an M1; this is {self.title}")

    def samples(self, z: np.ndarray) -> np.ndarray:
        """Means of p(x|.) at z [N, Z], a row for each class, or one: [R, N, D]."""
        raise Unsupported(f"{self.title} has no samples without an example to complete")

    def illustration(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """What shows how it sees some examples, by name: images [R, C, D]; there may be none."""
        return {}

    def joint_log_weights(self, x: tf.Tensor, noise: Any) -> tf.Tensor:
        """log p(x, y, z) - log q(z|.) of importance samples, [B, S, K]; K is 1 without classes."""
        raise Unsupported(f"log p(x) is not estimated of {self.title}")

    def analogies(self, x: npt.ArrayLike, y: Any = None) -> np.ndarray:
        """Every example's style in all classes."""
        raise Unsupported(f"analogies need classes; {self.title} models none")

    def complete(self, x: npt.ArrayLike, num_samples: int = 1, z: Any = None) -> np.ndarray:
        """Completions of the columns of x that are given."""
        raise Unsupported(f"completion needs a ConditionalM1; this is {self.title}")

    def weigh_kl(self, weight: float) -> None:
        """Let the divergence count for `weight` in training."""
        raise Unsupported(f"`KLWarmUp` must be given to an M1, got {self.title}")

    def check_num_classes(self) -> int:
        """K.

        Raises:
            Unsupported: if the model has no classes.
        """
        if self.num_classes is None:
            raise Unsupported(f"`model` must model classes; {self.title} models none")
        return self.num_classes

    # What is observed.

    def observe(self, x: Any) -> Observation:
        """What of raw data x [B, D] or [B, ...] stays the same from step to step."""
        if isinstance(x, Observation):
            return x
        x = self.flatten(x)
        return Observation(x if self.preprocessor is None else self.preprocessor(x))

    def sample_observation(self, observation: Observation, training: bool = True) -> tf.Tensor:
        """What the bound sees at this step, [B, W]."""
        return self.likelihood.sample_observation(observation.location, self.draw_uniform)

    def observed(self, x: tf.Tensor) -> tf.Tensor | None:
        """Which entries of an observation are there, booleans like it; None: all."""
        return x == x if self.missing else None

    def as_inputs(self, x: tf.Tensor) -> tf.Tensor:
        """What the networks see of an observation x [..., W]."""
        if not self.missing:
            return self.likelihood.inputs(x)
        observed = x == x
        filled = tf.where(observed, x, tf.zeros([], x.dtype))
        return tf.concat([self.likelihood.inputs(filled), tf.cast(observed, x.dtype)], axis=-1)

    @property
    def inputs_dim(self) -> int:
        """How many numbers that are."""
        return (2 if self.missing else 1) * self.observation_dim

    def to_data(self, params: tf.Tensor) -> tf.Tensor:
        """The mean of p(x|.), as raw data [..., D], of what the decoder puts out for it."""
        size = self.likelihood.mean_size(self.observation_dim)
        x = self.likelihood.mean(full_precision(params[..., :size]))
        return x if self.preprocessor is None else inverse_of(self.preprocessor)(x)

    def mean_stages(self) -> list[Any]:
        """From what a decoder puts out to raw data, as `to_data`, for `folding.Chain`."""
        size = self.likelihood.mean_size(self.observation_dim)
        return [
            folding.Columns(tuple(range(size))),
            *folding.function(self.likelihood.mean, size),
            *folding.stages_of_inverse(self.preprocessor),
        ]

    def flatten(self, x: Any) -> tf.Tensor:
        """Raw data [B, ...] as floats [B, D]."""
        x = tf.convert_to_tensor(x)
        if x.shape.rank != 2:
            x = tf.reshape(x, [tf.shape(x)[0], math.prod(x.shape[1:])])
        if self.input_dim not in (None, x.shape[-1]):
            raise ValueError(
                f"`x` must have {self.input_dim} features an example, as when the model was "
                f"built, got {x.shape[-1]}"
            )
        return tf.cast(x, self.variable_dtype)

    def build(self, input_shape: Any) -> None:
        self.input_dim = width = math.prod(input_shape[1:])
        if self.preprocessor is not None:
            if not self.preprocessor.built:
                self.preprocessor.build((None, width))
            width = self.preprocessor.compute_output_shape((None, width))[-1]
        self.observation_dim = width
        self.build_networks(width)
        if not self.trainable:  # Set before there were layers to hand it on to.
            for layer in self.layers:
                layer.trainable = False
        self.built = True

    # Data.

    def check_features(self, x: npt.ArrayLike) -> np.ndarray:
        """An array of raw data as float32 [N, D]."""
        likelihood = self.likelihood if self.preprocessor is None else None
        return checks.check_features(
            x, width=self.input_dim, likelihood=likelihood, missing=self.missing
        )

    def check_observation(self, observation: Observation) -> None:
        """Refuse what a preprocessor makes of data if the likelihood is not over it."""
        if self.preprocessor is not None:
            checks.check_features(
                observation.location,
                argument="preprocessor(x)",
                likelihood=self.likelihood,
                missing=self.missing,
            )

    def check_data(self, x: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, Any, Any]:
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

    def learn_facts(self, data: Any) -> None:
        """Take from training data what the model has to know before its first step.

        Args:
            data: of `keras_dgm.training.batches.of`.
        """
        facts = data.facts(self.num_classes or 0)
        facts.warn()
        self.take_facts(facts)

    def take_facts(self, facts: DataFacts) -> None:
        """Go by these facts of the training data from here on."""
        unseen = self.facts.unseen_classes if self.facts else []
        self.facts = facts
        self.num_examples.assign(facts.num_examples)
        if facts.unseen_classes != unseen:
            self.trace_anew()

    def trace_anew(self) -> None:
        """Compile the steps again: what they hold as a constant has changed."""
        self.train_function = self.test_function = self.predict_function = None

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
                examples only, with their sample weights.
            weighted_metrics: the same as `metrics`.
            jit_compile: `"auto"` on a CPU compiles the arithmetic of a step with XLA and leaves
                the drawing of noise outside; True compiles whole steps; False compiles nothing.
            **kwargs: `run_eagerly`, `steps_per_execution`, `auto_scale_loss`.
        """
        if loss is not None:
            raise ValueError(f"`loss` must be None: the bound is the loss, got {loss!r}")
        steps = kwargs.get("steps_per_execution", 1)
        if steps != 1 and over_workers(self.distribute_strategy):
            raise ValueError(f"`steps_per_execution` must be 1 with several workers, got {steps}")
        asked = [*(metrics or []), *(weighted_metrics or [])]
        if asked and self.num_classes is None:
            raise ValueError(
                f"`metrics` must be None: {self.title} predicts no class, got {asked!r}"
            )
        super().compile(
            optimizer=optimizer, weighted_metrics=asked or None, jit_compile=jit_compile, **kwargs
        )
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
        train = batches.of(self, x, y, sample_weight, steps_per_epoch)
        held_out = None
        if validation_data is not None:
            validation = keras.utils.unpack_x_y_sample_weight(validation_data)
            held_out = batches.of(self, *validation)
        elif validation_split:
            train, held_out = train.split(validation_split)
        self.learn_facts(train)
        self._build_once(train.input_shape)
        # A second `fit` goes on with fresh orders; one that resumes repeats those it missed.
        steps = int(steps_taken(self.optimizer))
        seen = 0 if initial_epoch else train.epochs_of(steps, batch_size)
        epoch = tf.Variable(initial_epoch + seen, dtype=tf.int64, trainable=False)
        own = [
            StopNotFinite(),
            *self.training_callbacks(train.some()),
            CountEpochs(epoch, seen),
        ]
        seed = int(self.seed_generator.state.numpy()[0])
        evaluation = None
        if held_out is not None:
            held_out.warn_without_labels("validation_data")
            evaluation = held_out.evaluation(validation_batch_size, default=batch_size)
        return super().fit(
            train.training(batch_size, seed, epoch, shuffle),
            epochs=epochs,
            verbose=verbose,
            # First, so that what a checkpoint saves at the end of an epoch is what they left.
            callbacks=own + given_callbacks(callbacks),
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
        """
        if not kwargs:  # As `fit` calls it, the data has been taken care of.
            data = batches.of(self, x, y, sample_weight)
            data.warn_without_labels("x")
            self._build_once(data.input_shape)
            x = data.evaluation(batch_size)
        return super().evaluate(
            x, verbose=verbose, steps=steps, callbacks=callbacks, return_dict=return_dict, **kwargs
        )

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.predict`; arrays are checked as by `fit`."""
        if not isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)):
            x = self.check_features(x)
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """A step, as `keras.Model.train_on_batch`, on a batch of the data that `fit` has seen.

        Raises:
            ValueError: if `fit` has not counted the examples and their labels.
        """
        if self.facts is None:
            raise ValueError(
                "`train_on_batch` must follow `fit`, which counts the examples and their labels"
            )
        return super().train_on_batch(*args, **kwargs)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.step.train(data)
        return reported(self.get_metrics_result(), self.distribute_strategy)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.step.test(data)
        return reported(self.get_metrics_result(), self.distribute_strategy)

    def with_predictions(self, output: StepOutput, observation: Observation, y: Any) -> StepOutput:
        """An evaluated output, its q(y|x) as `predict` gives it; as it is, without classes."""
        return output

    @property
    def loss_tracker(self) -> keras.metrics.Mean:
        """Keras' own mean of the loss over the batches."""
        return self._loss_tracker

    def update_metrics(self, y: Any, output: StepOutput, sample_weight: Any) -> None:
        """Add one batch's `StepOutput` to what `fit` and `evaluate` report, weighted means."""
        self.trackers["elbo"].update_state(output.bound.elbo, sample_weight)
        self.trackers["reconstruction"].update_state(output.bound.reconstruction, sample_weight)
        self.trackers["kl"].update_state(output.bound.kl, sample_weight)

    def _get_metrics_result_or_logs(self, logs: Any) -> Any:
        if not over_workers(self.distribute_strategy):
            return super()._get_metrics_result_or_logs(logs)
        return self.get_metrics_result()

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None and over_workers(self.distribute_strategy):
            iterator, data_batch = None, first_batch(iterator, self.distribute_strategy)
        super()._maybe_symbolic_build(iterator, data_batch)

    def _build_once(self, shape: Any) -> None:
        if not self.built:
            with self.distribute_strategy.scope():
                self.build(shape)

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

    def check_latent(self, z: Any, count: int) -> Any:
        """`z` as floats [N, Z], or `count` draws from p(z) where it is None."""
        if z is None:
            return self.draw_normal(count, self.latent_dim)
        z = checks.check_features(z, argument="z", width=self.latent_dim)
        if len(z) != count:
            raise ValueError(f"`z` must hold a row for each of {count} samples, got {len(z)}")
        return z

    # Arrays, serving and saving.

    def in_batches(self, function: Callable, *arrays: Any, batch_size: int = 1000) -> np.ndarray:
        """NumPy results of `function` over arrays that share their first dimension.

        Raises:
            ValueError: if there are no networks yet.
        """
        self.check_built()
        dataset = tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
        return np.concatenate([function(*batch).numpy() for batch in dataset])

    def check_latent_dim(self, latent_dim: int) -> None:
        """Refuse a model of another size of z, or without networks.

        Raises:
            ValueError: naming the rule and what was received.
        """
        self.check_built()
        if self.latent_dim != latent_dim:
            raise Unsupported(
                f"`model` must have a latent_dim of {latent_dim}, got one of {self.latent_dim}"
            )

    def check_built(self) -> None:
        """Refuse a model that has no networks yet.

        Raises:
            ValueError: if it is neither built nor fitted.
        """
        if not self.built:
            raise ValueError(f"`model` must be built or fitted first, got {self!r}")

    def features_input(self) -> Features:
        """Raw data, as a deployed model takes it."""
        self.check_built()
        if self.preprocessor is None:
            rule, accepts = self.likelihood.rule, self.likelihood.accepts
        else:
            rule, accepts = Features.rule, tf.math.is_finite
        if self.missing:
            rule, accepts = f"{rule}, or NaN", or_missing(accepts)
        return Features("images", (self.input_dim,), accepts=accepts, rule=rule)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        *args: Any,
        class_names: Any = None,
        image_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write a SavedModel with the signatures of `keras_dgm.serving.signatures`.

        Args:
            filepath: the folder to write.
            format: as of `keras.Model.export`, which does all but `"tf_saved_model"`.
            class_names: K names for the answers of a classifier; None: the numbers from 0.
            image_shape: the (height, width) or (height, width, channels) of an example, for a
                signature that takes PNG and JPEG files; None: there is none.
        """
        if format != "tf_saved_model":
            return super().export(filepath, format, *args, **kwargs)
        saved_model.write(filepath, self, class_names, image_shape)

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
        super().load_own_variables(own)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "likelihood": serialize(self.likelihood),
            "missing": self.missing,
            "weight_prior": self.weight_prior,
            "preprocessor": serialize(self.preprocessor),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DeepGenerativeModel":
        return cls(**{name: deserialize(value) for name, value in config.items()})


def registered(name: Any) -> type[DeepGenerativeModel]:
    """The class of a saved model, of this package or of a user's own that is registered.

    Args:
        name: what Keras saves as `registered_name`.

    Raises:
        ValueError: if there is none.
    """
    found = keras.saving.get_registered_object(str(name))
    if not (isinstance(found, type) and issubclass(found, DeepGenerativeModel)):
        raise ValueError(f"it must hold a model of keras_dgm, got {name!r}")
    return found


def or_missing(accepts: Callable) -> Callable:
    """What also accepts NaN."""
    return lambda x: accepts(x) | (x != x)


def given_callbacks(callbacks: Any) -> list[Any]:
    """What a caller gave as `callbacks`, as a list."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    return keras.tree.flatten(callbacks or [])


def serialize(part: Any) -> Any:
    """The config of a layer, model or likelihood that was an argument; None stays None."""
    return None if part is None else keras.saving.serialize_keras_object(part)


def deserialize(value: Any) -> Any:
    """Undo `serialize`; other values stay as they are."""
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value
