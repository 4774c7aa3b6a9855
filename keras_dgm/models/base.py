"""What M1, M2 and M1+M2 share: what is observed, noise, saving."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.distributions import Likelihood
from keras_dgm.models import finite
from keras_dgm.models.feeding import FeedingMixin
from keras_dgm.models.replicas import WorkersMixin
from keras_dgm.models.training import TrainingMixin
from keras_dgm.serving import saved_model


class DeepGenerativeModel(FeedingMixin, WorkersMixin, TrainingMixin, keras.Model):
    """Base of the models; a subclass says what is observed and what is minimised.

    Args:
        latent_dim: Z.
        likelihood: of the observation, `"bernoulli"`, `"gaussian"` or `"bounded_gaussian"`.
        likelihood_scale: a fixed standard deviation of the gaussian likelihoods; None: learned.
        binarize: under the Bernoulli likelihood, draw x in {0, 1} with probability x afresh at
            each step.
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation).
        preprocessor: an adapted layer that maps x to what is modelled, `PCA` say.
        seed: of the noise and of the order of the examples; None: a random one.
    """

    has_classifier = False

    def __init__(
        self,
        latent_dim,
        *,
        likelihood,
        likelihood_scale=None,
        binarize=True,
        weight_prior=False,
        preprocessor=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # `preprocessor` sees x as it is.
        self.latent_dim = checks.check_positive_integer(latent_dim, argument="latent_dim")
        self.likelihood = Likelihood(likelihood, likelihood_scale)
        self.binarize = binarize
        self.weight_prior = weight_prior
        self.preprocessor = preprocessor
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.input_dim = None
        self.num_examples = tf.Variable(1.0, trainable=False)
        self._prepared = False
        self.failure = finite.first_failure()
        self.elbo_tracker = keras.metrics.Mean(name="elbo")
        self.log_likelihood_tracker = keras.metrics.Mean(name="log_likelihood")
        self.kl_tracker = keras.metrics.Mean(name="kl")

    # What a subclass defines.

    def build_networks(self, width):
        """Create and build the networks for observations of `width` numbers."""
        raise NotImplementedError

    def sample_noise(self, batch_size, training):
        """Standard normal noise for the latent variables of one step."""
        raise NotImplementedError

    def training_callbacks(self, observed):
        """Callbacks that `fit` adds; `observed` is `observe(x)` of some training examples."""
        return []

    def objective(self, x, y, noise, training):
        """The per-example loss and bound, a `StepOutput`; draws nothing."""
        raise NotImplementedError

    # What is observed.

    def observe(self, x):
        """What of x stays the same from step to step, computed once a data set.

        Args:
            x: [B, D] or [B, ...], raw data.

        Returns:
            A dict of tensors whose first dimension is B.
        """
        x = self.flatten(x)
        return {"x": x if self.preprocessor is None else self.preprocessor(x)}

    def sample_observation(self, observed):
        """What the bound sees at this step, [B, width]."""
        x = observed["x"]
        if not (self.binarize and self.likelihood.name == "bernoulli"):
            return x
        uniform = tf.random.stateless_uniform(tf.shape(x), self.next_seed(), dtype=x.dtype)
        return tf.cast(uniform < x, x.dtype)

    def flatten(self, x):
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

    def prepare(self, batches):
        """Take from the training data what the model has to know before its first step.

        Args:
            batches: pairs of `observe(x)` and y; an iterable.
        """
        self.num_examples.assign(sum(len(tf.nest.flatten(observed)[0]) for observed, _ in batches))
        self._prepared = True

    def build(self, input_shape):
        self.input_dim = math.prod(input_shape[1:])
        width = self.input_dim
        if self.preprocessor is not None:
            if not self.preprocessor.built:
                self.preprocessor.build((None, width))
            width = self.preprocessor.compute_output_shape((None, width))[-1]
        self.build_networks(width)
        if not self.trainable:  # Set before there were layers to hand it on to.
            for layer in self.layers:
                layer.trainable = False
        self.built = True

    # Randomness.

    def next_seed(self):
        """A fresh seed for `tf.random.stateless_*`, int32 [2]; another one in each replica."""
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        context = tf.distribute.get_replica_context()
        replica = 0 if context is None else context.replica_id_in_sync_group
        return seed + tf.stack([7919 * tf.cast(replica, tf.int32), 0])

    def draw_normal(self, *shape):
        return tf.random.stateless_normal(shape, self.next_seed(), dtype=self.variable_dtype)

    def draw_gumbel(self, *shape):
        uniform = tf.random.stateless_uniform(shape, self.next_seed(), dtype=self.variable_dtype)
        smallest = np.finfo(self.variable_dtype).tiny
        return -tf.math.log(-tf.math.log(tf.maximum(uniform, smallest)))

    def check_latent(self, z, count):
        """`z` as floats [N, Z], or `count` draws from p(z) where it is None."""
        if z is None:
            return self.draw_normal(count, self.latent_dim)
        z = checks.check_features(z, argument="z", width=self.latent_dim)
        if len(z) != count:
            raise ValueError(f"`z` must hold a row for each of {count} samples, got {len(z)}")
        return z

    # Reporting and saving.

    def export(
        self, filepath, format="tf_saved_model", *args, class_names=None, image_shape=None, **kwargs
    ):
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

    def update_metrics(self, y, output, sample_weight):
        """Add one batch's `StepOutput` to what `fit` and `evaluate` report, weighted means."""
        self.elbo_tracker.update_state(output.bound.elbo, sample_weight)
        self.log_likelihood_tracker.update_state(output.bound.log_likelihood, sample_weight)
        self.kl_tracker.update_state(output.bound.kl, sample_weight)

    def in_batches(self, function, *arrays, batch_size=1000):
        """NumPy results of `function` over arrays that share their first dimension.

        Raises:
            ValueError: if there are no networks yet.
        """
        if not self.built:
            raise ValueError(f"the model must be built or fitted first, got {self!r}")
        dataset = tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
        return np.concatenate([function(*batch).numpy() for batch in dataset])

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["seed"] = self.seed_generator.state.numpy()
        if self._prepared:
            store["num_examples"] = self.num_examples.numpy()

    def load_own_variables(self, store):
        own = {key: store[key] for key in store.keys()}
        self.seed_generator.state.assign(own.pop("seed"))
        if "num_examples" in own:
            self.num_examples.assign(own.pop("num_examples"))
            self._prepared = True
        super().load_own_variables(own)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "likelihood": self.likelihood.name,
            "likelihood_scale": self.likelihood.scale,
            "binarize": self.binarize,
            "weight_prior": self.weight_prior,
            "preprocessor": serialize(self.preprocessor),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{name: deserialize(value) for name, value in config.items()})


def serialize(layer):
    """The config of a layer or model that was given as an argument; None stays None."""
    return None if layer is None else keras.saving.serialize_keras_object(layer)


def deserialize(value):
    """Undo `serialize`; other values stay as they are."""
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value
