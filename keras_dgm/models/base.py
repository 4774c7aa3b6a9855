"""What every model is: a trainable Keras model of x, which can be asked, deployed and saved."""

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks, likelihoods
from keras_dgm.data.columns import Column
from keras_dgm.likelihoods import Likelihood
from keras_dgm.models.score import Score
from keras_dgm.models.view import View
from keras_dgm.serving import saved_model
from keras_dgm.serving.endpoint import Endpoint, Features
from keras_dgm.training.model import TrainableModel
from keras_dgm.training.observation import Observation
from keras_dgm.training.step import StepOutput
from keras_dgm.trunks import trunk_of

# Of the layers of a saved model's network: 4 GiB.
MOST_WEIGHTS = 2**30


class Unsupported(ValueError):
    """What a model of this kind cannot do; the message says why."""


class DeepGenerativeModel(TrainableModel):
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
        class_names: K names of the classes; None: they have none.
        view: how the model sees x, a `View`.
        score: how likely it finds x, a `Score`: a function of arrays.
    """

    class_names: tuple[str, ...] | None = None

    def __init__(
        self,
        latent_dim: int,
        *,
        likelihood: str | Likelihood,
        missing: bool = False,
        preprocessor: keras.layers.Layer | None = None,
        **kwargs: Any,
    ):
        check_dtype(kwargs.get("dtype"))
        super().__init__(**kwargs)
        self.latent_dim = checks.check_positive_integer(latent_dim, argument="latent_dim")
        self.likelihood = likelihoods.get(likelihood)
        self.missing = checks.check_flag(missing, argument="missing")
        self.preprocessor = preprocessor
        self.view = View(self.likelihood, preprocessor, self.missing)
        self.score = Score(self)

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

    def page(self, softplus: Callable | None = None) -> dict[str, Endpoint]:
        """What the web page runs; nothing, unless a model has a page."""
        return {}

    def latents(self) -> "dict[str, DeepGenerativeModel]":
        """The models of each layer of latent variables, by its name, the lowest first."""
        return {"z": self}

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

    @property
    def noise_shape(self) -> Any:
        """The shape of the noise of `joint_log_weights` for one example and sample."""
        raise Unsupported(f"log p(x) is not estimated of {self.title}")

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

    @property
    def input_dim(self) -> Any:
        """D, how many numbers x has; None before the model is built."""
        return self.view.input_dim

    def observe(self, x: Any) -> Observation:
        """What of raw data x [B, D] or [B, ...] stays the same from step to step."""
        return x if isinstance(x, Observation) else self.view.observe(x, self.variable_dtype)

    def sample_observation(self, observation: Observation) -> tf.Tensor:
        """What the bound sees at this step, [B, W]."""
        return self.likelihood.sample_observation(observation.location, self.draw_uniform)

    def check_features(self, x: npt.ArrayLike) -> np.ndarray:
        return self.view.check(x)

    def check_observation(self, observation: Observation) -> None:
        self.view.check_observation(observation)

    def check_data(self, x: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, Any, Any]:
        x = self.check_features(x)
        if sample_weight is not None:
            sample_weight = checks.check_weights(
                sample_weight, argument="sample_weight", length=len(x)
            )
        return x, y, sample_weight

    def build(self, input_shape: Any) -> None:
        self.view.build(math.prod(input_shape[1:]))
        self.build_networks(self.view.dim)
        if not self.trainable:  # Set before there were layers to hand it on to.
            for layer in self.layers:
                layer.trainable = False
        self.built = True

    # Arrays, serving and saving.

    def in_batches(self, function: Callable, *arrays: Any, batch_size: int = 1000) -> np.ndarray:
        """NumPy results of `function` over arrays that share their first dimension.

        Raises:
            ValueError: if there are no networks yet.
        """
        self.check_built()
        size = checks.check_positive_integer(batch_size, argument="batch_size")
        dataset = tf.data.Dataset.from_tensor_slices(arrays).batch(size)
        return np.concatenate([function(*batch).numpy() for batch in dataset])

    def check_latent(self, z: Any, count: int) -> Any:
        """`z` as floats [N, Z], or `count` draws from p(z) where it is None."""
        if z is None:
            return self.draw_normal(count, self.latent_dim)
        z = checks.check_features(z, argument="z", width=self.latent_dim)
        if len(z) != count:
            raise ValueError(f"`z` must hold a row for each of {count} samples, got {len(z)}")
        return z

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
        return self.view.features()

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        *,
        class_names: Any = None,
        image_shape: Any = None,
        columns: Sequence[Column] = (),
        verbose: bool | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a SavedModel with the signatures of `keras_dgm.serving.signatures`.

        Args:
            filepath: the folder, or, with another format, the file to write.
            format: as of `keras.Model.export`, which writes all but `"tf_saved_model"`: what the
                model answers when it is called, without names and rules.
            class_names: of a SavedModel, K names for the answers of a classifier; None: the model's
                own, or the numbers from 0.
            image_shape: of a SavedModel, the (height, width) or (height, width, channels) of an
                example, for a signature that takes PNG and JPEG files; None: there is none.
            columns: of a SavedModel, of a table, `Dataset.columns`, for the signature that takes
                each by its name.
            verbose: of other formats, whether the path is printed; None: Keras decides.
            overwrite: whether what is at `filepath` may be replaced.

        Raises:
            ValueError: if something is at `filepath`, or an argument is not of the format.
        """
        path = Path(filepath)
        written = [path, *([path.with_suffix(".bin")] if format == "openvino" else [])]
        there = any(any(p.iterdir()) if p.is_dir() else p.exists() for p in written)
        if there and not overwrite:
            raise ValueError(f"`filepath` must be new, or `overwrite` be True, got {filepath}")
        if format == "tf_saved_model":
            class_names = self.class_names if class_names is None else class_names
            saved_model.write(filepath, self, class_names, image_shape, columns)
            return
        if class_names is not None or image_shape is not None or columns:
            raise ValueError(
                "`class_names`, `image_shape` and `columns` must be given for a SavedModel alone, "
                f"got format {format!r}"
            )
        self.check_built()
        self(tf.zeros([1, self.input_dim]))  # Keras exports what has been called.
        super().export(str(filepath), format, verbose=verbose)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self.score.quantiles is not None:
            store["score_quantiles"] = self.score.quantiles
            store["score_examples"] = np.array(self.score.num_examples)

    def load_own_variables(self, store: Any) -> None:
        own = {key: store[key] for key in store.keys()}
        if "score_quantiles" in own:
            self.score.quantiles = np.asarray(own.pop("score_quantiles"))
            self.score.num_examples = int(np.asarray(own.pop("score_examples")))
        super().load_own_variables(own)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "likelihood": serialize(self.likelihood),
            "missing": self.missing,
            "preprocessor": serialize(self.preprocessor),
        }

    def build_from_config(self, config: dict[str, Any]) -> None:
        shape = config.get("input_shape") or ()
        check_sizes(math.prod(n for n in shape[1:] if n), *widths_of(self.get_config()))
        super().build_from_config(config)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DeepGenerativeModel":
        """The model of a config.

        Raises:
            ValueError: as the constructor, or if its layers would have more than `MOST_WEIGHTS`.
        """
        check_sizes(*widths_of(config))
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


def check_dtype(dtype: Any) -> None:
    """Refuse a precision in which a model has no weights.

    Raises:
        ValueError: if `dtype`, or Keras' own where it is None, is another than those it names.
    """
    try:
        policy = keras.dtype_policies.get(dtype)
    except (TypeError, ValueError):
        policy = None
    if policy is None or policy.variable_dtype not in ("float32", "float64"):
        raise ValueError(
            "`dtype` must be 'float32', 'float64', 'mixed_float16' or 'mixed_bfloat16', got "
            f"{policy.name if dtype is None and policy else dtype!r}"
        )


def widths_of(config: dict[str, Any]) -> list[int]:
    """The sizes in a model's config that its layers have."""
    named = [
        config.get(name) for name in ("num_classes", "latent_dim", "auxiliary_dim", "num_samples")
    ]
    hidden = deserialize(config.get("hidden_units", ()))
    return [size for size in named if isinstance(size, int)] + [*trunk_of(hidden).sizes]


def check_sizes(*sizes: int) -> None:
    """Refuse layers that no saved model has, before they take memory.

    Raises:
        ValueError: if layers between these sizes have too many weights.
    """
    ordered = sorted([1, 1, *sizes], reverse=True)
    weights = sum(wide * next_wide for wide, next_wide in itertools.pairwise(ordered))
    if weights > MOST_WEIGHTS:
        raise ValueError(
            f"the config of a saved model must have layers of at most {MOST_WEIGHTS} weights, got "
            f"sizes of {', '.join(map(str, ordered[:3]))}, ...: {weights} weights"
        )


def serialize(part: Any) -> Any:
    """The config of a layer, model or likelihood that was an argument; None stays None."""
    return None if part is None else keras.saving.serialize_keras_object(part)


def deserialize(value: Any) -> Any:
    """Undo `serialize`; other values stay as they are."""
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value
