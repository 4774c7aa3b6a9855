"""M2, the generative semi-supervised model."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import bounds, checks, distributions, networks
from keras_dgm.class_sums import AdaptiveClassSum, sum_and_sample
from keras_dgm.models.base import DeepGenerativeModel, serialize
from keras_dgm.models.generating import GenerationMixin
from keras_dgm.models.training import StepOutput


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class M2(GenerationMixin, DeepGenerativeModel):
    """M2, a generative classifier: p(y) = Cat(pi), p(z) = N(0, I), p(x|y,z).

    `fit(x, y)` minimises J^alpha (equation 9) over q(y|x) = Cat(pi(x)), q(z|x,y) =
    N(mu(x,y), diag sigma^2(x,y)) and p(x|y,z): labelled examples enter with L(x, y) and their
    cross-entropy, unlabelled ones (y = -1) with U(x), its sum over the classes as `class_sum` says
    and z sampled once for each class in it. `model(x)` and `predict(x)` give q(y|x), [B, K].

    Args:
        num_classes: K.
        latent_dim: Z, the size of z.
        hidden_units: widths of the hidden layers of each of the three networks.
        alpha: weight of the classification loss, in units of the number of training examples.
        class_sum: how U(x) sums over the classes in training: `"exact"`; or an integer k, the k
            likeliest classes and one drawn from the others (unbiased); or `"adaptive"`, exact at
            first, then over ever fewer classes as q(y|x) becomes sure of them.
        class_prior: pi, K positive numbers that sum to 1; None: uniform.
        activation: of the hidden layers.
        likelihood: p(x|y,z), `"bernoulli"` or `"bounded_gaussian"` for x in [0, 1], or
            `"gaussian"` for real x.
        likelihood_scale: a fixed standard deviation of the gaussian likelihoods; None: learned.
        binarize: under the Bernoulli likelihood, draw x in {0, 1} with probability x afresh at
            each step.
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation), as the paper's code.
        classifier: a Keras model of your own from x [B, D] to the logits of q(y|x), [B, K].
        encoder: a Keras model of your own from [x, one-hot y], [B, D] and [B, K], to [B, 2 Z],
            means and log variances of q(z|x,y).
        decoder: a Keras model of your own from [z, one-hot y], [B, Z] and [B, K], to the
            parameters of p(x|y,z): logits or means [B, D], or means and log variances [B, 2 D].
        preprocessor: an adapted layer that maps x to what is modelled, `PCA` say.
        seed: of the noise and of the order of the examples; None: a random one.

    Call arguments:
        x: [B, D] or [B, ...] data.

    Raises:
        ValueError: if an argument is out of range, or a network puts out another width.

    References:
        Kingma et al. (2014), arXiv 1406.5298, section 3.1.2.
    """

    has_classifier = True

    def __init__(
        self,
        num_classes,
        latent_dim=50,
        hidden_units=(500,),
        *,
        alpha=0.1,
        class_sum="exact",
        class_prior=None,
        activation="softplus",
        likelihood="bernoulli",
        classifier=None,
        encoder=None,
        decoder=None,
        **kwargs,
    ):
        super().__init__(latent_dim, likelihood=likelihood, **kwargs)
        if checks.check_positive_integer(num_classes, argument="num_classes") < 2:
            raise ValueError(f"`num_classes` must be at least 2, got {num_classes}")
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"`alpha` must be finite and not negative, got {alpha}")
        self.num_classes = num_classes
        if class_sum not in ("exact", "adaptive"):
            class_sum = checks.check_positive_integer(class_sum, argument="class_sum")
        self.class_sum = class_sum
        self.summed_classes = class_sum if isinstance(class_sum, int) else num_classes
        self.hidden_units = checks.check_widths(hidden_units, argument="hidden_units", at_least=1)
        self.alpha = alpha
        if class_prior is not None:
            class_prior = checks.check_class_prior(class_prior, num_classes=num_classes)
        self.class_prior = class_prior
        self.activation = keras.activations.get(activation)
        self.classifier = classifier
        self.encoder = encoder and networks.ConditionalNetwork(encoder, num_classes)
        self.decoder = decoder and networks.ConditionalNetwork(decoder, num_classes)
        self._own_networks = {"classifier": classifier, "encoder": encoder, "decoder": decoder}
        self.labeled_fraction = tf.Variable(1.0, trainable=False)
        self.classification_loss_tracker = keras.metrics.Mean(name="classification_loss")

    def build_networks(self, width):
        K, Z = self.num_classes, self.latent_dim
        params_size = self.likelihood.params_size(width)
        options = {"activation": self.activation, "dtype": self.dtype_policy}
        if self.classifier is None:
            self.classifier = networks.mlp(self.hidden_units, K, **options)
        if self.encoder is None:
            self.encoder = networks.ConditionalMLP(K, self.hidden_units, 2 * Z, **options)
        if self.decoder is None:
            self.decoder = networks.ConditionalMLP(K, self.hidden_units, params_size, **options)
        networks.build(self.classifier, (None, width), K, name="classifier")
        networks.build(self.encoder, [(None, 1, width), (1, K)], 2 * Z, name="encoder")
        networks.build(self.decoder, [(None, K, Z), (1, K)], params_size, name="decoder")

    # The factors of the model, for observations x [B, width].

    def qy_x(self, x):
        """q(y|x)."""
        return distributions.categorical(self.classifier(x))

    def qz_xy(self, x, y):
        """q(z|x,y) of integers y [B, S] or [1, S]; batch shape [B, S]."""
        return distributions.diagonal_normal(self.encoder([x[:, None], y]))

    def px_yz(self, y, z):
        """p(x|y,z) of integers y [B, S] or [1, S] and z [B, S, Z]; batch shape [B, S]."""
        return self.likelihood(self.decoder([z, y]))

    def py(self):
        """p(y)."""
        prior = self.class_prior or [1 / self.num_classes] * self.num_classes
        return distributions.categorical(tf.math.log(tf.constant(prior, self.variable_dtype)))

    # The objective.

    def sample_noise(self, batch_size, training=True):
        """Noise for z of each class in the sum, and for the draw of a class where there is one."""
        if self.sums_all_classes(training):
            return self.draw_normal(batch_size, self.num_classes, self.latent_dim)
        z = self.draw_normal(batch_size, self.summed_classes + 1, self.latent_dim)
        return z, self.draw_gumbel(batch_size, self.num_classes)

    def sums_all_classes(self, training):
        return not training or self.summed_classes >= self.num_classes - 1

    def training_callbacks(self, observed):
        return [AdaptiveClassSum(observed)] if self.class_sum == "adaptive" else []

    def minus_l(self, x, y, noise):
        """-L(x, y) of classes y [B, S] or [1, S], with noise [B, S, Z]; tensors [B, S]."""
        qz_xy = self.qz_xy(x, y)
        z = distributions.reparameterize(qz_xy, noise)
        pz = distributions.standard_normal_like(qz_xy)
        return bounds.minus_l(x[:, None], y, self.px_yz(y, z), qz_xy, pz, self.py())

    @property
    def noise_shape(self):
        """The shape of the noise of `log_weights` for one example and sample."""
        return tf.TensorShape([self.num_classes, self.latent_dim])

    def log_weights(self, x, noise):
        """log p(x, y, z) - log q(z|x,y) of all y, S samples z ~ q(z|x,y) each; tensors [B, S, K].

        Their sum over y, not divided by q(y|x), estimates p(x) without bias. `noise` is
        [B, S, K, Z].
        """
        y = tf.range(self.num_classes)[None]  # [1, K]
        qz_xy = self.qz_xy(x, y)[:, None]  # [B, 1, K]
        z = distributions.reparameterize(qz_xy, noise)
        pz = distributions.standard_normal_like(qz_xy)
        log_w = bounds.log_weights(x[:, None, None], z, self.px_yz(y, z), qz_xy, pz)
        return log_w._replace(kl=log_w.kl - self.py().log_prob(y))

    def bound(self, x, y, qy_x, noise, training):
        """-L(x, y) where y is known and -U(x) where it is -1; tensors [B]."""
        known = tf.maximum(y, 0)
        if self.sums_all_classes(training):
            minus_l = self.minus_l(x, tf.range(self.num_classes)[None], noise)  # [B, K]
            minus_u = bounds.minus_u(minus_l, qy_x)
        else:
            z_noise, gumbel = noise
            classes, weights = sum_and_sample(qy_x, self.summed_classes, gumbel)  # [B, S]
            classes = tf.where(y[:, None] >= 0, known[:, None], classes)
            minus_l = self.minus_l(x, classes, z_noise)
            minus_u = bounds.minus_u(minus_l, qy_x, weights)
            known = tf.zeros_like(y)
        return tf.nest.map_structure(
            lambda l, u: tf.where(y >= 0, tf.gather(l, known, batch_dims=1), u), minus_l, minus_u
        )

    def objective(self, x, y, noise, training):
        qy_x = self.qy_x(x)
        bound = self.bound(x, y, qy_x, noise, training)
        labeled = y >= 0
        cross_entropy = -qy_x.log_prob(tf.maximum(y, 0))
        labeled_fraction = self.labeled_fraction if training else fraction(labeled)
        loss = bounds.j_alpha(bound.elbo, cross_entropy, labeled, self.alpha, labeled_fraction)
        return StepOutput(loss, bound, cross_entropy, qy_x.probs_parameter())

    def update_metrics(self, y, output, sample_weight):
        super().update_metrics(y, output, sample_weight)
        labeled = tf.cast(y >= 0, output.loss.dtype)
        if sample_weight is not None:
            labeled *= tf.cast(sample_weight, labeled.dtype)
        self.classification_loss_tracker.update_state(output.cross_entropy, labeled)
        self.compute_metrics(None, tf.maximum(y, 0), output.probs, labeled)

    # Data.

    def check_data(self, x, y, sample_weight):
        x, y, sample_weight = super().check_data(x, y, sample_weight)
        return x, self.check_labels(y, length=len(x)), sample_weight

    def check_labels(self, y, length=None):
        if y is None:
            raise ValueError("`y` must be integers, -1 where the label is unknown; got None")
        return checks.check_labels(y, num_classes=self.num_classes, length=length)

    def prepare(self, batches):
        counts = np.zeros(self.num_classes, int)

        def count_labels():
            for observed, y in batches:
                labels = self.check_labels(y)
                counts[:] += np.bincount(labels[labels >= 0], minlength=self.num_classes)
                yield observed, y
            if not counts.any():
                raise ValueError("`y` must hold at least one label from 0 up, got -1 throughout")

        super().prepare(count_labels())
        missing = np.flatnonzero(counts == 0).tolist()
        if missing:
            warnings.warn(f"`y` holds no labelled example of class {missing}", stacklevel=3)
        self.labeled_fraction.assign(counts.sum() / self.num_examples)

    # The classifier.

    def call(self, x):
        observed = x if isinstance(x, dict) else self.observe(x)
        return self.qy_x(self.expected_observation(observed)).probs_parameter()

    def expected_observation(self, observed):
        """The observation without noise, [B, width]."""
        return observed["x"]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["summed_classes"] = np.array(self.summed_classes)
        store["labeled_fraction"] = self.labeled_fraction.numpy()

    def load_own_variables(self, store):
        own = {key: store[key] for key in store.keys()}
        self.summed_classes = int(own.pop("summed_classes"))
        self.labeled_fraction.assign(own.pop("labeled_fraction"))
        super().load_own_variables(own)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_units": self.hidden_units,
            "alpha": self.alpha,
            "class_sum": self.class_sum,
            "class_prior": self.class_prior,
            "activation": keras.activations.serialize(self.activation),
            **{name: serialize(network) for name, network in self._own_networks.items()},
        }


def fraction(labeled):
    """The fraction of true values in a tensor of booleans."""
    return tf.reduce_mean(tf.cast(labeled, tf.float32))
