"""M2, the generative semi-supervised model."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import bounds, checks, distributions, networks, trunks
from keras_dgm.activations import check_activation
from keras_dgm.adversarial import Smoothness
from keras_dgm.class_sums import sum_and_sample
from keras_dgm.likelihoods import Likelihood
from keras_dgm.models.base import serialize
from keras_dgm.models.classifier import GenerativeClassifier
from keras_dgm.serving import folding
from keras_dgm.serving.deployed import DeployedM2
from keras_dgm.serving.endpoint import Endpoint
from keras_dgm.training.callbacks import AdaptiveClassSum
from keras_dgm.training.facts import DataFacts
from keras_dgm.training.observation import Observation
from keras_dgm.training.step import StepOutput
from keras_dgm.trunks import Convolutional

# What the logit of a class that has no label gets added: its probability is 0.
NEVER = -1e9
EMPIRICAL = "empirical"


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class M2(GenerativeClassifier):
    """M2, a generative classifier: p(y) = Cat(pi), p(z) = N(0, I), p(x|y,z).

    `fit(x, y)` minimises J^alpha (equation 9) over q(y|x) = Cat(pi(x)), q(z|x,y) =
    N(mu(x,y), diag sigma^2(x,y)) and p(x|y,z): labelled examples enter with L(x, y) and their
    cross-entropy, unlabelled ones (y = -1) with U(x), its sum over the classes as `class_sum` says
    and z sampled once for each class in it. `model(x)` and `predict(x)` give q(y|x), [B, K].

    Args:
        num_classes: K.
        latent_dim: Z, the size of z.
        hidden_units: widths of the hidden layers of each of the three networks, or for images a
            `Convolutional`.
        alpha: weight of the classification loss, in units of the number of training examples.
        class_sum: how U(x) sums over the classes in training: `"exact"`; or an integer k, the k
            likeliest classes and one drawn from the others (unbiased); or `"adaptive"`, exact at
            first, then over ever fewer classes as q(y|x) becomes sure of them.
        class_prior: pi, K positive numbers that sum to 1; `"empirical"`: the frequencies of the
            labels that `fit` sees, one added to each count; None: uniform. A class of which `fit`
            sees no label is predicted only where numbers are given.
        activation: of the hidden layers.
        adversarial_weight: weight of virtual adversarial training, KL[q(y|x) || q(y|x + r)] of
            every example, labelled or not, in `loss`; it is no part of the bound. 0: there is none.
            It is of q(y|x) as `predict` gives it: Dropout and BatchNormalization of a classifier of
            your own do not train in it. r moves what the classifier sees, and no missing entry.
        adversarial_radius: the length of r, in units of the root mean square distance of the
            training examples from their mean, in what the classifier is given of them.
        likelihood: p(x|y,z), a name of `keras_dgm.likelihoods.NAMES` or a `Likelihood`:
            `"bernoulli"` or `"bounded_gaussian"` for x in [0, 1], `"gaussian"` for real x.
        missing: whether NaN in x is a missing entry.
        class_names: K texts, kept in the saved model and given to what it is exported to.
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation), as the paper's code.
        classifier: a Keras model of your own from x [B, D] to the logits of q(y|x), [B, K].
        encoder: a Keras model of your own from [x, one-hot y], [B, D] and [B, K], to [B, 2 Z],
            means and log variances of q(z|x,y). Like the decoder it is applied once a step to all
            pairs of an example and a class in the sum: of BatchNormalization these are the batch.
        decoder: a Keras model of your own from [z, one-hot y], [B, Z] and [B, K], to the
            parameters of p(x|y,z), as many as the likelihood's `params_size`.
        preprocessor: an adapted layer that maps x to what is modelled, `PCA` say.
        seed: of the noise and of the order of the examples; None: a random one.

    Call arguments:
        x: [B, D] or [B, ...] data.

    Raises:
        ValueError: if an argument is out of range, or a network puts out another width.

    References:
        Kingma et al. (2014), arXiv 1406.5298, section 3.1.2; Miyato et al. (2017),
        arXiv 1704.03976.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 50)
        >>> x = (rng.random((100, 8)) < 0.2 + 0.6 * y[:, None]).astype("float32")
        >>> few = np.where(np.arange(100) % 10 == 0, y, -1)  # -1: unlabelled
        >>> m2 = dgm.M2(num_classes=2, latent_dim=2, hidden_units=(16,), seed=0)
        >>> m2.compile("adam", metrics=["accuracy"])
        >>> history = m2.fit(x, few, epochs=2, batch_size=50, labels_first=10, verbose=0)
        >>> m2.predict(x, verbose=0).shape  # q(y|x)
        (100, 2)
        >>> m2.generate(y=[0, 0, 1]).shape, m2.analogies(x[:5]).shape
        ((3, 8), (5, 2, 8))
    """

    title = "M2"
    deployed_as = DeployedM2

    def __init__(
        self,
        num_classes: int,
        latent_dim: int = 50,
        hidden_units: Sequence[int] | Convolutional = (500,),
        *,
        alpha: float = 0.1,
        class_sum: str | int = "exact",
        class_prior: npt.ArrayLike | str | None = None,
        activation: Any = "softplus",
        adversarial_weight: float = 0.0,
        adversarial_radius: float = 0.06,
        likelihood: str | Likelihood = "bernoulli",
        classifier: keras.Layer | None = None,
        encoder: keras.Layer | None = None,
        decoder: keras.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(num_classes, latent_dim, likelihood=likelihood, **kwargs)
        num_classes = self.num_classes
        if class_sum not in ("exact", "adaptive"):
            class_sum = checks.check_positive_integer(class_sum, argument="class_sum")
        self.class_sum = class_sum
        self.summed_classes = class_sum if isinstance(class_sum, int) else num_classes
        self.trunk = trunks.trunk_of(hidden_units, at_least=1)
        self.suits_xla = self.trunk.suits_xla
        self.alpha = checks.check_number(alpha, argument="alpha")
        if class_prior is not None and not isinstance(class_prior, str):
            class_prior = checks.check_class_prior(class_prior, num_classes=num_classes)
        elif class_prior not in (None, EMPIRICAL):
            raise ValueError(
                f"`class_prior` must be {EMPIRICAL!r}, None or numbers, got {class_prior!r}; "
                "`fit(class_weight=)` weighs labelled examples by their class"
            )
        self.class_prior = class_prior
        self.predicts_unseen = isinstance(class_prior, tuple)
        self.activation = check_activation(activation)
        self.smoothness = Smoothness(adversarial_weight, adversarial_radius, self.variable_dtype)
        if self.smoothness.weight:
            self.report_adversarial_loss()
        own = {"classifier": classifier, "encoder": encoder, "decoder": decoder}
        for name, network in own.items():
            networks.check_own(network, name)
        self._own_networks = own
        self.classifier: Any = classifier
        self.encoder: Any = encoder and networks.ConditionalNetwork(encoder, num_classes)
        self.decoder: Any = decoder and networks.ConditionalNetwork(decoder, num_classes)
        self.labeled_fraction = tf.Variable(1.0, trainable=False)
        # Variables, so that other data needs no other compiled step.
        zeros, dtype = np.zeros(num_classes), self.variable_dtype
        self.log_prior = tf.Variable(zeros, trainable=False, dtype=dtype)
        self.never = tf.Variable(zeros, trainable=False, dtype=dtype)
        self._set_prior(np.zeros(num_classes))

    def build_networks(self, width: int) -> None:
        K, Z = self.num_classes, self.latent_dim
        params_size, inputs = self.likelihood.params_size(width), self.view.inputs_dim
        options = {"activation": self.activation, "dtype": self.dtype_policy}
        if not all(self._own_networks.values()):
            self.trunk.check(width)
        if self.classifier is None:
            self.classifier = trunks.encoder(self.trunk, inputs, K, **options)
        if self.encoder is None:
            self.encoder = trunks.conditional_encoder(self.trunk, inputs, K, 2 * Z, **options)
        if self.decoder is None:
            self.decoder = trunks.conditional_decoder(self.trunk, K, params_size, **options)
        networks.build(self.classifier, (None, inputs), K, name="classifier")
        networks.build(self.encoder, [(None, 1, inputs), (1, K)], 2 * Z, name="encoder")
        networks.build(self.decoder, [(None, K, Z), (1, K)], params_size, name="decoder")

    # The factors of the model, for observations x [B, W].

    def qy_x(self, x: tf.Tensor, training: bool = False) -> Any:
        """q(y|x); a class that had no label in training, nor a prior, has the probability 0."""
        logits = self.classifier(self.view.inputs(x), training=training)
        return distributions.categorical(self.only_seen(logits))

    def qy_near(self, x: tf.Tensor, r: tf.Tensor, noise: Any = None) -> Any:
        """q(y|x + r), where r [B, W] moves what the classifier sees of x.

        Args:
            noise: of the bound, for what a model draws before its q(y|.); M2 draws nothing.
        """
        logits = self.classifier(self.view.inputs_near(x, r), training=False)
        return distributions.categorical(self.only_seen(logits))

    def qz_xy(self, x: tf.Tensor, y: tf.Tensor, training: bool = False) -> Any:
        """q(z|x,y) of integers y [B, S] or [1, S]; batch shape [B, S]."""
        inputs = self.view.inputs(x)[:, None]
        return distributions.diagonal_normal(self.encoder([inputs, y], training=training))

    def px_yz(
        self,
        y: tf.Tensor,
        z: tf.Tensor,
        training: bool = False,
        observed: tf.Tensor | None = None,
    ) -> Any:
        """p(x|y,z) of integers y [B, S] or [1, S] and z [B, S, Z]; batch shape [B, S]."""
        return self.likelihood(self.decoder([z, y], training=training), observed)

    def py(self) -> Any:
        """p(y)."""
        return distributions.categorical(self.log_prior)

    def only_seen(self, logits: tf.Tensor) -> tf.Tensor:
        """The logits of q(y|x), those of classes without a label far below the others."""
        return logits + tf.cast(self.never, logits.dtype)

    def scored(self, y: tf.Tensor) -> tf.Tensor:
        """Which labels y [B] are known, and of a class that q(y|x) has seen a label of."""
        return (y >= 0) & (tf.gather(self.never, tf.maximum(y, 0)) == 0)

    # The objective.

    def sample_noise(self, batch_size: Any, training: bool = True) -> Any:
        """Noise for the bound, and for the direction of r where there is an adversarial loss."""
        noise = self.sample_bound_noise(batch_size, training)
        if not self.smoothness.weight:
            return noise
        return noise, self.draw_normal(batch_size, self.view.dim)

    def sample_bound_noise(self, batch_size: Any, training: bool) -> Any:
        """Noise for z of each class in the sum, and for the draw of a class where there is one."""
        if self.sums_all_classes(training):
            return self.draw_normal(batch_size, self.num_classes, self.latent_dim)
        z = self.draw_normal(batch_size, self.summed_classes + 1, self.latent_dim)
        return z, self.draw_gumbel(batch_size, self.num_classes)

    def sums_all_classes(self, training: bool) -> bool:
        return not training or self.summed_classes >= self.num_classes - 1

    def training_callbacks(self, some: Observation) -> list[keras.callbacks.Callback]:
        return [AdaptiveClassSum(self, some)] if self.class_sum == "adaptive" else []

    def labeled_bound(
        self, x: Any, y: tf.Tensor, noise: tf.Tensor, training: bool = False
    ) -> bounds.Elbo:
        """-L(x, y) of classes y [B, S] or [1, S], with noise [B, S, Z]; tensors [B, S]."""
        qz_xy = self.qz_xy(x, y, training)
        z = distributions.reparameterize(qz_xy, noise)
        pz = distributions.standard_normal_like(qz_xy)
        x = x[:, None]
        px_yz = self.px_yz(y, z, training, self.view.observed(x))
        return bounds.labeled_bound(x, y, px_yz, qz_xy, pz, self.py())

    def bound(self, x: Any, y: tf.Tensor, qy_x: Any, noise: Any, training: bool) -> bounds.Elbo:
        """-L(x, y) where y is known and -U(x) where it is -1; tensors [B]."""
        known = tf.maximum(y, 0)
        if self.sums_all_classes(training):
            labeled = self.labeled_bound(x, tf.range(self.num_classes)[None], noise, training)
            unlabeled = bounds.unlabeled_bound(labeled, qy_x)
        else:
            z_noise, gumbel = noise
            classes, weights = sum_and_sample(qy_x, self.summed_classes, gumbel)  # [B, S]
            classes = tf.where(y[:, None] >= 0, known[:, None], classes)
            labeled = self.labeled_bound(x, classes, z_noise, training)
            unlabeled = bounds.unlabeled_bound(labeled, qy_x, weights)
            known = tf.zeros_like(y)
        return tf.nest.map_structure(
            lambda l, u: tf.where(y >= 0, tf.gather(l, known, batch_dims=1), u), labeled, unlabeled
        )

    def objective(self, x: tf.Tensor, y: tf.Tensor, noise: Any, training: bool) -> StepOutput:
        adversarial_loss = None
        if self.smoothness.weight:
            noise, direction = noise
            # Before the bound, for what a layer adds to the loss is of its last call.
            adversarial_loss = self.smoothness.loss(lambda r: self.qy_near(x, r, noise), direction)
        output = self.bounded(x, y, noise, training)
        if training:
            elbo, cross_entropy = output.bound.elbo, output.cross_entropy
            scored = self.scored(y)
            loss = bounds.j_alpha(elbo, cross_entropy, scored, self.alpha, self.labeled_fraction)
            output = output._replace(loss=loss, labeled_loss=None)
        if adversarial_loss is None:
            return output
        loss = output.loss + self.smoothness.weight * adversarial_loss
        return output._replace(loss=loss, adversarial_loss=adversarial_loss)

    def bounded(self, x: tf.Tensor, y: tf.Tensor, noise: Any, training: bool) -> StepOutput:
        """The bound as the loss, and what of q(y|x) is reported beside it."""
        qy_x = self.qy_x(x, training)
        bound = self.bound(x, y, qy_x, noise, training)
        return self.with_classes(StepOutput(-bound.elbo, bound), qy_x, y)

    def with_classes(self, output: StepOutput, qy_x: Any, y: tf.Tensor) -> StepOutput:
        """An output with the terms that are made of q(y|x)."""
        cross_entropy = -qy_x.log_prob(tf.maximum(y, 0))
        return output._replace(
            labeled_loss=self.alpha * cross_entropy,
            cross_entropy=cross_entropy,
            probs=qy_x.probs_parameter(),
        )

    # log p(x).

    @property
    def noise_shape(self) -> tf.TensorShape:
        """The shape of the noise of `log_weights` for one example and sample."""
        return tf.TensorShape([self.num_classes, self.latent_dim])

    def log_weights(self, x: tf.Tensor, noise: tf.Tensor) -> bounds.Elbo:
        """log p(x, y, z) - log q(z|x,y) of all y, S samples z ~ q(z|x,y) each; tensors [B, S, K].

        Their sum over y, not divided by q(y|x), estimates p(x) without bias. `noise` is
        [B, S, K, Z].
        """
        y = tf.range(self.num_classes)[None]  # [1, K]
        qz_xy = self.qz_xy(x, y)[:, None]  # [B, 1, K]
        z = distributions.reparameterize(qz_xy, noise)
        pz = distributions.standard_normal_like(qz_xy)
        x = x[:, None, None]
        px_yz = self.px_yz(y, z, observed=self.view.observed(x))
        log_w = bounds.log_weights(x, z, px_yz, qz_xy, pz)
        return log_w._replace(kl=log_w.kl - self.py().log_prob(y))

    # Data.

    def learn_facts(self, data: Any) -> None:
        super().learn_facts(data)
        self.measure_spread(data.observations())

    def measure_spread(self, observations: Iterable[Observation]) -> None:
        """Take the spread of what the classifier sees of these, if r is to be measured by it."""
        locations = (self.expected_observation(observation) for observation in observations)
        self.smoothness.measure(self.view.inputs(x)[:, : x.shape[-1]] for x in locations)

    def take_facts(self, facts: DataFacts) -> None:
        super().take_facts(facts)
        counts = np.array(facts.label_counts)
        self.labeled_fraction.assign(facts.labeled_fraction)
        self.never.assign(np.where(self.predicts_unseen | (counts > 0), 0.0, NEVER))
        self._set_prior(counts)

    def _set_prior(self, label_counts: np.ndarray) -> None:
        prior = self.class_prior or np.full(self.num_classes, 1 / self.num_classes)
        if self.class_prior == EMPIRICAL:
            prior = (label_counts + 1) / np.sum(label_counts + 1)
        self.log_prior.assign(np.log(prior))

    def expected_observation(self, observation: Observation) -> tf.Tensor:
        return observation.location

    def as_m2(self, x: np.ndarray) -> tuple["M2", np.ndarray]:
        return self, x

    def decode(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        z = tf.cast(z, self.variable_dtype)
        return self.view.to_data(self.decoder([z, y], training=False))

    # Serving.

    def deployed(self, softplus: Callable | None = None) -> DeployedM2:
        self.check_built()
        features = folding.stages_of_preprocessor(self.preprocessor)
        return self.deployed_as(self, features, self.view.data_stages(), softplus)

    def embed_endpoint(self, deployed: DeployedM2) -> Endpoint:
        return Endpoint(
            deployed.embed,
            (self.features_input(),),
            lambda x: {"embedding": self.embed(x), "style": self.styles(x)},
        )

    # Saving.

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["summed_classes"] = np.array(self.summed_classes)
        if self.smoothness.weight:
            store["spread"] = self.smoothness.spread.numpy()

    def load_own_variables(self, store: Any) -> None:
        own = {key: store[key] for key in store.keys()}
        self.summed_classes = int(np.asarray(own.pop("summed_classes")))
        if "spread" in own:
            self.smoothness.spread.assign(own.pop("spread"))
        elif self.smoothness.weight:
            warnings.warn(
                "the weights are of a model without an adversarial loss: its radius is in units of "
                "1 until `fit` measures the spread of the data",
                stacklevel=2,
            )
        super().load_own_variables(own)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.trunk.hidden_units,
            "alpha": self.alpha,
            "class_sum": self.class_sum,
            "class_prior": self.class_prior,
            "activation": keras.activations.serialize(self.activation),
            "adversarial_weight": self.smoothness.weight,
            "adversarial_radius": self.smoothness.radius,
            **{name: serialize(network) for name, network in self._own_networks.items()},
        }
