"""What M2 and M1+M2 are for besides a bound: classes, features, samples of a class, analogies."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import bounds, checks, distributions
from keras_dgm.likelihoods import Likelihood
from keras_dgm.models.base import DeepGenerativeModel
from keras_dgm.serving import page, personalise
from keras_dgm.serving.deployed import DeployedM2
from keras_dgm.serving.endpoint import ClassId, Endpoint, Latent, Seed, draw, drawn
from keras_dgm.training import class_weights
from keras_dgm.training.callbacks import StopNotFinite
from keras_dgm.training.observation import Observation
from keras_dgm.training.step import StepOutput


class GenerativeClassifier(DeepGenerativeModel):
    """A model of x with K classes and a latent z: q(y|x), q(z|x,y) and p(x|y,z).

    A subclass states them as `qy_x`, `qz_xy` and `decode`, of an `expected_observation`.

    Args:
        num_classes: K.
        latent_dim: Z.
        likelihood: of the observation.
        class_names: K texts, kept in the saved model; None: the classes have no names.
        **kwargs: as of `DeepGenerativeModel`.
    """

    num_classes: int
    reported = (
        *DeepGenerativeModel.reported,
        "labeled_elbo",
        "unlabeled_elbo",
        "classification_loss",
    )

    def __init__(
        self,
        num_classes: int,
        latent_dim: int,
        *,
        likelihood: str | Likelihood,
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        super().__init__(latent_dim, likelihood=likelihood, **kwargs)
        self.num_classes = checks.check_positive_integer(num_classes, argument="num_classes")
        if self.num_classes < 2:
            raise ValueError(f"`num_classes` must be at least 2, got {num_classes}")
        if class_names is not None:
            self.class_names = checks.check_names(class_names, num_classes=self.num_classes)
        self.labeled_loss_tracker = keras.metrics.Mean(name="labeled_loss")

    def report_adversarial_loss(self) -> None:
        """Let `fit` and `evaluate` report it as well."""
        self.trackers["adversarial_loss"] = keras.metrics.Mean(name="adversarial_loss")

    # What a subclass defines.

    def qy_x(self, x: tf.Tensor, training: bool = False) -> Any:
        """q(y|x) of an observation x [B, W]."""
        raise NotImplementedError

    def qz_xy(self, x: tf.Tensor, y: tf.Tensor, training: bool = False) -> Any:
        """q(z|x,y) of integers y [B, S] or [1, S]; batch shape [B, S]."""
        raise NotImplementedError

    def decode(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The mean of p(x|y,z), as raw data [B, S, D], of y [B, S] or [1, S] and z [B, S, Z]."""
        raise NotImplementedError

    def expected_observation(self, observation: Observation) -> tf.Tensor:
        """The observation without noise, [B, W]."""
        raise NotImplementedError

    def with_classes(self, output: StepOutput, qy_x: Any, y: tf.Tensor) -> StepOutput:
        """An output with the terms that are made of q(y|x)."""
        raise NotImplementedError

    def scored(self, y: tf.Tensor) -> tf.Tensor:
        """Which labels y [B] have a cross-entropy under q(y|x), booleans: those that are known."""
        return y >= 0

    def log_weights(self, x: tf.Tensor, noise: Any) -> bounds.Elbo:
        """Of importance samples of the latent variables in every class, tensors [B, S, K]."""
        raise NotImplementedError

    def as_m2(self, x: np.ndarray) -> tuple[Any, np.ndarray]:
        """The `M2` that it is, or has, and what of raw x [N, D] that one sees as its x."""
        raise NotImplementedError

    def deployed(self, softplus: Callable | None = None) -> DeployedM2:
        """The functions that its endpoints are made of."""
        raise NotImplementedError

    def embed_endpoint(self, deployed: DeployedM2) -> Endpoint:
        """Its latent means as an endpoint."""
        raise NotImplementedError

    # The classifier.

    def labeled_part(self, data: Any, steps: int) -> Any:
        return data.labeled_part(steps)

    def fit_labels(self, labeled: Any, batch_size: int | None, seed: int) -> None:
        """Train on labelled examples alone, in silence.

        Args:
            labeled: a `labeled_part` of data whose facts have been learned.
            batch_size: as of `fit`.
            seed: of the order of the examples.
        """
        facts: Any = self.facts
        self.take_facts(labeled.facts(self.num_classes))
        try:
            keras.Model.fit(
                self,
                labeled.training(batch_size, seed, epoch=0, shuffle=True).take(labeled.steps),
                callbacks=[StopNotFinite()],
                shuffle=False,
                verbose=0,
            )
        finally:
            self.take_facts(facts)

    def call(self, x: Any, training: bool = False) -> tf.Tensor:
        x = self.expected_observation(self.observe(x))
        return self.qy_x(x, training).probs_parameter()

    def with_predictions(
        self, output: StepOutput, observation: Observation, y: tf.Tensor
    ) -> StepOutput:
        return self.with_classes(output, self.qy_x(self.expected_observation(observation)), y)

    def update_metrics(self, y: tf.Tensor, output: StepOutput, sample_weight: Any) -> None:
        super().update_metrics(y, output, sample_weight)
        elbo = output.bound.elbo
        weight = tf.ones_like(elbo)
        if sample_weight is not None:
            weight = tf.cast(sample_weight, elbo.dtype)
        labeled = weight * tf.cast(y >= 0, elbo.dtype)
        self.trackers["labeled_elbo"].update_state(elbo, labeled)
        self.trackers["unlabeled_elbo"].update_state(elbo, weight - labeled)
        scored = tf.cast(self.scored(y), elbo.dtype)
        self.trackers["classification_loss"].update_state(output.cross_entropy, weight * scored)
        if output.labeled_loss is not None:
            self.labeled_loss_tracker.update_state(weight * output.labeled_loss, scored)
        if output.adversarial_loss is not None:
            self.trackers["adversarial_loss"].update_state(output.adversarial_loss, sample_weight)
        self.compute_metrics(None, tf.maximum(y, 0), output.probs, labeled)

    def get_metrics_result(self) -> dict[str, tf.Tensor]:
        logs = super().get_metrics_result()
        logs["loss"] += logs.pop("labeled_loss")
        return logs

    @property
    def metrics_names(self) -> list[str]:
        return [name for name in super().metrics_names if name != "labeled_loss"]

    def means_over(self, names: Iterable[str]) -> dict[str, keras.metrics.Mean]:
        own = {metric.name for metric in self.metrics}  # Those of `compile` lie in one of them.
        asked = [name for name in names if name not in own]
        return {**super().means_over(names), **dict.fromkeys(asked, self.trackers["labeled_elbo"])}

    def check_data(self, x: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, Any, Any]:
        x, y, sample_weight = super().check_data(x, y, sample_weight)
        y = checks.check_labels(y, num_classes=self.num_classes, length=len(x))
        return x, y, sample_weight

    def weigh_classes(self, class_weight: Any, y: Any, sample_weight: Any) -> np.ndarray:
        return class_weights.by_example(class_weight, y, sample_weight, self.num_classes)

    # Features and images.

    def posterior_means(self, x: npt.ArrayLike) -> tuple[tf.Tensor, Any]:
        """The means of q(z|x,y) for all classes, [B, K, Z], and q(y|x), of raw x [B, D]."""
        x = self.expected_observation(self.observe(x))
        return self.qz_xy(x, tf.range(self.num_classes)[None]).mean(), self.qy_x(x)

    def kl_per_dimension(self, x: Any) -> tf.Tensor:
        """KL[q(z_d|x,y) || p(z_d)] of each latent dimension under q(y|x), [B, Z], of raw x."""
        x = self.expected_observation(self.observe(x))
        qz_xy = self.qz_xy(x, tf.range(self.num_classes)[None])
        kl = distributions.kl_per_dimension(qz_xy)  # [B, K, Z]
        return tf.einsum("bk,bkz->bz", self.qy_x(x).probs_parameter(), kl)

    def embed(self, x: npt.ArrayLike, batch_size: int = 1000) -> np.ndarray:
        """The mean of z under q(y|x) q(z|x,y), a NumPy array [N, Z], of an array x."""

        def embed(x):
            means, qy_x = self.posterior_means(x)
            return tf.einsum("bk,bkz->bz", qy_x.probs_parameter(), means)

        return self.in_batches(embed, self.check_features(x), batch_size=batch_size)

    def styles(self, x: npt.ArrayLike, batch_size: int = 1000) -> np.ndarray:
        """The mean of q(z|x,y) at the most likely class, a NumPy array [N, Z], of an array x."""

        def styles(x):
            means, qy_x = self.posterior_means(x)
            return tf.gather(means, qy_x.mode(), batch_dims=1)

        return self.in_batches(styles, self.check_features(x), batch_size=batch_size)

    def generate(self, y: npt.ArrayLike, z: Any = None, batch_size: int = 1000) -> np.ndarray:
        """The mean of p(x|y,z), a NumPy array [N, D].

        Args:
            y: integers [N], from 0 to K - 1.
            z: array [N, Z]; None: drawn from p(z).
        """
        y = checks.check_labels(y, num_classes=self.num_classes, lowest=0)
        z = self.check_latent(z, len(y))
        return self.in_batches(
            lambda y, z: self.decode(y[:, None], z[:, None])[:, 0], y, z, batch_size=batch_size
        )

    def joint_log_weights(self, x: tf.Tensor, noise: Any) -> tf.Tensor:
        return self.log_weights(x, noise).elbo

    def samples(self, z: np.ndarray) -> np.ndarray:
        """The mean of p(x|y,z) at z [N, Z] in every class, [K, N, D]."""
        K = self.num_classes
        return self.generate(np.repeat(np.arange(K), len(z)), np.tile(z, [K, 1])).reshape(
            K, len(z), -1
        )

    def analogies(self, x: npt.ArrayLike, y: Any = None, batch_size: int = 100) -> np.ndarray:
        """Every example's style in all classes, a NumPy array [N, K, D] (the paper, section 4.2).

        Args:
            x: array [N, D] or [N, ...].
            y: integers [N], the classes of x; None or -1: the most likely under q(y|x).
        """
        x = self.check_features(x)
        y = np.full(len(x), -1) if y is None else y
        y = checks.check_labels(y, num_classes=self.num_classes, length=len(x))

        def analogies(x, y):
            means, qy_x = self.posterior_means(x)
            y = tf.where(y >= 0, y, qy_x.mode())
            z = tf.gather(means, y, batch_dims=1)[:, None]  # [B, 1, Z]
            return self.decode(tf.range(self.num_classes)[None], z)

        return self.in_batches(analogies, x, y, batch_size=batch_size)

    def illustration(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return {"analogies": np.concatenate([x[:, None], self.analogies(x)], axis=1)}

    # Serving.

    def class_input(self) -> ClassId:
        """A class, as a deployed model takes it."""
        return ClassId("class_id", num_classes=self.num_classes)

    def endpoints(self, softplus: Callable | None = None) -> dict[str, Endpoint]:
        deployed = self.deployed(softplus)
        Z = self.latent_dim
        images, y, style = self.features_input(), self.class_input(), Latent("style", (Z,))
        return {
            "classify": Endpoint(
                lambda x: {"probabilities": deployed.probabilities(x)},
                (images,),
                lambda x: {"probabilities": self.predict(x, batch_size=1000, verbose=0)},
            ),
            "embed": self.embed_endpoint(deployed),
            "generate": Endpoint(
                lambda y, z: {"images": deployed.generate(y, z)},
                (y, style),
                lambda y, z: {"images": self.generate(y, z)},
            ),
            "analogies": Endpoint(
                lambda x: {"images": deployed.in_all_classes(deployed.style(x))},
                (images,),
                lambda x: {"images": self.analogies(x)},
            ),
            "style": Endpoint(
                lambda x: {"style": deployed.style(x)},
                (images,),
                lambda x: {"style": self.styles(x)},
            ),
            "restyle": Endpoint(
                lambda z: {"images": deployed.in_all_classes(z)},
                (style,),
                lambda z: {"images": self.samples(z).swapaxes(0, 1)},
            ),
            "sample": Endpoint(
                lambda y, seed: {"images": deployed.generate(y, draw(seed, Z))},
                (y, Seed()),
                lambda y, seed: {"images": self.generate(y, drawn(seed, Z))},
                portable=False,
            ),
            "score": self.score.endpoint(),
        }

    def personalisation(self, softplus: Callable | None = None) -> dict[str, Endpoint]:
        return personalise.endpoints(
            self.deployed(softplus), self.features_input(), self.class_input()
        )

    def page(self, softplus: Callable | None = None) -> dict[str, Endpoint]:
        return page.endpoints(
            self.deployed(softplus),
            self.features_input(),
            Latent("style", (self.latent_dim,)),
            lambda x: self.predict(x, batch_size=1000, verbose=0),
            lambda z: self.samples(z).swapaxes(0, 1),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "class_names": self.class_names,
        }
