"""M1+M2, the stacked generative semi-supervised model, and M1 with ADGM or SDGM in M2's place."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from keras_dgm import bounds, checks, distributions, networks
from keras_dgm.models.auxiliary import ADGM, SDGM
from keras_dgm.models.base import DeepGenerativeModel, serialize
from keras_dgm.models.classifier import GenerativeClassifier
from keras_dgm.models.m1 import M1
from keras_dgm.models.m2 import M2
from keras_dgm.serving import folding
from keras_dgm.serving.deployed import DeployedM2
from keras_dgm.serving.endpoint import Endpoint
from keras_dgm.training.facts import DataFacts
from keras_dgm.training.observation import Observation
from keras_dgm.training.step import StepOutput

# What can model z1, by the name that `above` has for it.
ABOVE: dict[str, type[M2]] = {"m2": M2, "adgm": ADGM, "sdgm": SDGM}


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class StackedM1M2(GenerativeClassifier):
    """M1+M2: p(y) p(z2) p(z1|y,z2) p(x|z1), an M2 whose observation is the z1 of a trained M1.

    M1 is frozen. Its encoder runs once over arrays, and on each batch of a dataset; each step draws
    a fresh z1 ~ q(z1|x) for each example, and predictions use the mean of q(z1|x). Dimensions of z1
    that have collapsed, those whose posterior mean has a standard deviation of at most 0.1 over the
    data, are left out of M2, which models the others with p(z1|y,z2) = N(mu(y,z2),
    diag sigma^2(y,z2)).
    `elbo` and its terms are those of z1.

    Args:
        m1: a trained `M1`; it stays frozen, `m1.trainable` False, also outside the stack.
        num_classes: K.
        latent_dim: the size of z2. No larger than needed: a model with room to spare in z2 can
            ignore y.
        hidden_units: widths of the hidden layers of each of M2's networks.
        above: the model of z1: `"m2"`, or with an auxiliary variable `"adgm"` or `"sdgm"`, whose
            `auxiliary_dim` and `num_samples` it then takes, and no networks of your own.
        class_names: K texts, as of `M2`.
        alpha, class_sum, class_prior, activation, classifier, encoder, decoder, weight_prior: as
            of `M2`, whose x is z1.
        adversarial_weight, adversarial_radius: as of `M2`; the spread of z1 is that of its active
            posterior means.
        active_dims: indices of the dimensions of z1 that M2 models; None: found by `fit`.
        seed: of the noise and of the order of the examples; None: a random one.
        dtype, name, trainable: as of `keras.Model`.

    Attributes:
        m2: the `M2`, `ADGM` or `SDGM` of the active dimensions of z1.

    Call arguments:
        x: [B, D] or [B, ...] data, as for `m1`.

    Raises:
        ValueError: if an argument is out of range.

    References:
        Kingma et al. (2014), arXiv 1406.5298, section 2.3; Maaløe et al. (2016), arXiv 1602.05473.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 50)
        >>> x = (rng.random((100, 8)) < 0.2 + 0.6 * y[:, None]).astype("float32")
        >>> m1 = dgm.M1(latent_dim=4, hidden_units=(16,), seed=0)
        >>> m1.compile("adam")
        >>> history = m1.fit(x, epochs=20, batch_size=50, verbose=0)
        >>> model = dgm.StackedM1M2(m1, num_classes=2, latent_dim=2, hidden_units=(16,), seed=0)
        >>> model.compile("adam")
        >>> few = np.where(np.arange(100) % 10 == 0, y, -1)  # -1: unlabelled
        >>> history = model.fit(x, few, epochs=2, batch_size=50, verbose=0)
        >>> model.predict(x, verbose=0).shape, model.analogies(x[:5]).shape
        ((100, 2), (5, 2, 8))
    """

    COLLAPSED_STDDEV = 0.1

    def __init__(
        self,
        m1: M1,
        num_classes: int,
        latent_dim: int = 10,
        hidden_units: Sequence[int] = (500,),
        *,
        above: str = "m2",
        active_dims: Sequence[int] | None = None,
        class_names: Sequence[str] | None = None,
        weight_prior: bool = False,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **m2_options: Any,
    ):
        if not isinstance(m1, M1) or not m1.built:
            raise ValueError(f"`m1` must be an M1 that has been fitted, got {checks.shown(m1)}")
        if above not in ABOVE:
            raise ValueError(f"`above` must be one of {', '.join(ABOVE)}, got {above!r}")
        for of_x in ("likelihood", "missing", "preprocessor"):
            if of_x in m2_options:
                raise ValueError(f"`{of_x}` is that of `m1`, got {m2_options[of_x]!r} beside it")
        if active_dims is not None:
            active_dims = np.asarray(active_dims).tolist()
            known = set(active_dims) & set(range(m1.latent_dim))
            if not active_dims or len(known) != len(active_dims):
                raise ValueError(
                    f"`active_dims` must be different integers from 0 to {m1.latent_dim - 1}, "
                    f"got {active_dims!r}"
                )
        super().__init__(
            num_classes,
            latent_dim,
            likelihood="gaussian",
            class_names=class_names,
            weight_prior=weight_prior,
            seed=seed,
            dtype=dtype,
            name=name,
            trainable=trainable,
        )
        self.active_dims: Any = active_dims
        self.m1 = m1
        self.m1.trainable = False
        self.above = above
        self.m2 = ABOVE[above](
            num_classes,
            latent_dim,
            checks.check_widths(hidden_units, argument="hidden_units", at_least=1),
            likelihood="gaussian",
            seed=seed,
            dtype=self.dtype_policy,
            **m2_options,
        )
        self.title = f"M1+{self.m2.title}"
        self.m2.seed_generator = self.seed_generator
        self.predicts_unseen = self.m2.predicts_unseen
        if self.m2.smoothness.weight:
            self.report_adversarial_loss()
        self.view.build(m1.input_dim)

    def build(self, input_shape: Any) -> None:
        """M2's networks; of all dimensions of z1, until it is known which are active."""
        dims = self.active_dims or range(self.m1.latent_dim)
        self.m2.build((None, len(dims)))
        self.built = True

    # What is observed: z1.

    def observe(self, x: Any) -> Observation:
        if isinstance(x, Observation):
            return x
        qz1_x = self.m1.posterior(x)
        return Observation(qz1_x.mean(), qz1_x.stddev())

    def sample_observation(self, observation: Observation) -> tf.Tensor:
        mean, stddev = observation
        noise = self.draw_normal(*tf.unstack(tf.shape(mean)))
        return self.active(mean + stddev * noise)

    def expected_observation(self, observation: Observation) -> tf.Tensor:
        return self.active(observation.location)

    def active(self, z1: tf.Tensor) -> tf.Tensor:
        return tf.gather(z1, self.known_dims(), axis=-1)

    def known_dims(self) -> list[int]:
        """The dimensions of z1 that M2 models.

        Raises:
            ValueError: if they are not known yet.
        """
        if self.active_dims is None:
            raise ValueError("`active_dims` must be given, or found by `fit`, before a call")
        return self.active_dims

    def check_features(self, x: Any) -> np.ndarray:
        return self.m1.check_features(x)

    def check_observation(self, observation: Observation) -> None:
        """Nothing: a z1 can be any real number."""

    # The factors and the objective: M2's, of z1.

    def qy_x(self, x: tf.Tensor, training: bool = False) -> Any:
        """q(y|z1)."""
        return self.m2.qy_x(x, training)

    def qz_xy(self, x: tf.Tensor, y: tf.Tensor, training: bool = False) -> Any:
        """q(z2|z1,y); of an ADGM or SDGM at the mean of q(a|z1)."""
        return self.m2.qz_xy(x, y, training)

    def sample_noise(self, batch_size: Any, training: bool = True) -> Any:
        return self.m2.sample_noise(batch_size, training)

    def objective(self, x: tf.Tensor, y: tf.Tensor, noise: Any, training: bool) -> StepOutput:
        return self.m2.objective(x, y, noise, training)

    def with_classes(self, output: StepOutput, qy_x: Any, y: tf.Tensor) -> StepOutput:
        return self.m2.with_classes(output, qy_x, y)

    def scored(self, y: tf.Tensor) -> tf.Tensor:
        return self.m2.scored(y)

    def training_callbacks(self, some: Observation) -> list[keras.callbacks.Callback]:
        z1 = Observation(self.expected_observation(some))
        return self.m2.training_callbacks(z1)

    @property
    def losses(self) -> list[tf.Tensor]:
        """M2's: M1 is not trained."""
        return self.m2.losses

    # The model of x: M1's, its prior replaced.

    @property
    def noise_shape(self) -> tuple[tf.TensorShape, Any]:
        """The shapes of the noise of `log_weights` for one example and sample."""
        return self.m1.noise_shape, self.m2.noise_shape

    def log_weights(self, x: tf.Tensor, noise: Any) -> bounds.Elbo:
        """log p(x, z1, y, z2) - log q(z1|x) - log q(z2|z1,y) of all y; tensors [B, S, K].

        M1's weight, its prior over the active dimensions of z1 replaced by p(y) p(z2) p(z1|y,z2);
        the collapsed ones keep N(0, 1). Their sum over y estimates p(x) without bias. `x` [B, D] is
        an observation of M1, `noise` a pair of [B, S, Z1] and M2's, [B, S, K, Z2].
        """
        z1_noise, z2_noise = noise
        qz1_x = self.m1.qz_x(x)[:, None]
        z1 = distributions.reparameterize(qz1_x, z1_noise)  # [B, S, Z1]
        pz1 = distributions.standard_normal_like(qz1_x)
        x = x[:, None]
        px_z1 = self.m1.px_z(z1, observed=self.m1.view.observed(x))
        of_m1 = bounds.log_weights(x, z1, px_z1, qz1_x, pz1)  # [B, S]
        active = self.active(z1)
        replaced = distributions.standard_normal(active.shape[-1:], active.dtype).log_prob(active)
        rows = tf.reshape(active, [-1, active.shape[-1]])
        row_noise = tf.nest.map_structure(
            lambda noise: tf.reshape(noise, [-1, 1, *noise.shape[2:]]), z2_noise
        )
        of_m2 = self.m2.log_weights(rows, row_noise).elbo  # [B S, 1, K]
        of_m2 = tf.reshape(of_m2, [-1, tf.shape(z1)[1], self.num_classes])
        kl = (of_m1.kl + replaced)[..., None] - of_m2
        return bounds.Elbo(of_m1.reconstruction[..., None], kl)

    # Data.

    def learn_facts(self, data: Any) -> None:
        dims = self.active_dims or self.find_active_dims(data)
        super().learn_facts(data)
        if self.active_dims is None:
            self.choose_dims(dims)
        self.m2.measure_spread(
            Observation(self.expected_observation(x)) for x in data.observations()
        )

    def take_facts(self, facts: DataFacts) -> None:
        super().take_facts(facts)
        self.m2.take_facts(facts)

    def choose_dims(self, active_dims: list[int]) -> None:
        """Let M2 model these dimensions of z1, with new networks if it has had others."""
        self.active_dims = active_dims
        if self.built and self.m2.input_dim != len(active_dims):
            m2 = ABOVE[self.above].from_config(self.m2.get_config())
            m2.seed_generator = self.seed_generator
            if self.facts is not None:
                m2.take_facts(self.facts)
            # As Keras' own layers do where they change once they are built.
            self._tracker.unlock()
            self._tracker.untrack(self.m2)
            self.m2 = m2
            self.build(None)
            optimizer = getattr(self, "optimizer", None)
            if optimizer is not None and optimizer.built:  # For the weights of the former M2.
                self.optimizer = type(optimizer).from_config(optimizer.get_config())
                self.optimizer.build(self.trainable_variables)
        self.trace_anew()

    def find_active_dims(self, data: Any) -> list[int]:
        """The dimensions of z1 that have not collapsed.

        Raises:
            ValueError: if all have.
        """
        moments = StandardScaler()
        for observation in data.observations():
            moments.partial_fit(observation.location)
        stddev = np.sqrt(moments.var_)
        active = np.flatnonzero(stddev > self.COLLAPSED_STDDEV).tolist()
        if not active:
            raise ValueError(
                "`m1` must have a latent dimension whose mean has a standard deviation over "
                f"the data above {self.COLLAPSED_STDDEV}, got {stddev.max():.3g} at most"
            )
        return active

    def as_m1(self) -> M1:
        return self.m1

    def as_m2(self, x: np.ndarray) -> tuple[M2, np.ndarray]:
        return self.m2.as_m2(self.expected_observation(self.observe(x)).numpy())

    def latents(self) -> dict[str, DeepGenerativeModel]:
        return {"z1": self.m1, "z2": self}

    def decode(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The mean of p(x|z1) at the mean of p(z1|y,z2), [B, S, D]; collapsed dimensions are 0."""
        z1 = self.m2.decode(y, z)
        scatter = tf.one_hot(self.known_dims(), self.m1.latent_dim, dtype=z1.dtype)
        return self.m1.decode(z1 @ scatter)

    # Serving.

    def features_input(self) -> Any:
        return self.m1.features_input()

    def deployed(self, softplus: Callable | None = None) -> DeployedM2:
        self.check_built()
        dims = self.known_dims()
        features = self.m1.feature_stages(dims)
        z1 = folding.Columns(tuple(range(len(dims))))
        return self.m2.deployed_as(self.m2, features, [z1, *self.m1.data_stages(dims)], softplus)

    def embed_endpoint(self, deployed: DeployedM2) -> Endpoint:
        def reference(x):
            return {"embedding": self.m1.embed(x)[:, self.active_dims], "style": self.styles(x)}

        return Endpoint(deployed.features_and_style, (self.features_input(),), reference)

    # Saving.

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self.active_dims is not None:
            store["active_dims"] = np.array(self.active_dims)

    def load_own_variables(self, store: Any) -> None:
        own = {key: store[key] for key in store.keys()}
        if "active_dims" in own:
            self.choose_dims(np.asarray(own.pop("active_dims")).tolist())
        super().load_own_variables(own)

    def get_config(self) -> dict[str, Any]:
        config = {**self.m2.get_config(), **super().get_config()}
        for of_x in ("likelihood", "missing", "preprocessor"):
            del config[of_x]
        m1 = serialize(self.m1)
        m1.pop("compile_config", None)  # A frozen model needs no optimizer.
        return {**config, "m1": m1, "above": self.above, "active_dims": self.active_dims}
