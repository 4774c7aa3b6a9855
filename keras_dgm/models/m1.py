"""M1, the variational autoencoder."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_dgm import bounds, checks, containers, distributions, labels, networks
from keras_dgm.models.autoencoder import Autoencoder
from keras_dgm.serving import folding
from keras_dgm.serving.deployed import DeployedM1
from keras_dgm.serving.endpoint import Endpoint, Latent, Seed, draw, drawn
from keras_dgm.training.step import StepOutput
from keras_dgm.trunks import Convolutional


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class M1(Autoencoder):
    """M1, the latent-feature model: p(z) = N(0, I), p(x|z), q(z|x) = N(mu(x), diag sigma^2(x)).

    `fit(x)` maximises the bound -J(x) of equation 5, or with `num_samples=k` the tighter L_k(x) of
    the importance-weighted autoencoder (IWAE); `embed(x)` gives the mean of q(z|x) as
    features for any classifier; `model(x)` and `predict(x)` give the mean of p(x|z) at that mean.

    Args:
        latent_dim: Z, the size of z.
        hidden_units: widths of the encoder's hidden layers, or for images a
            `Convolutional`; the decoder is the reverse.
        num_samples: k, how many z are drawn for an example at each step; 1: -J(x), with its exact
            divergence; more: L_k(x).
        activation: of the hidden layers.
        likelihood: p(x|z), a name of `keras_dgm.likelihoods.NAMES` or a `Likelihood`:
            `"bernoulli"` or `"bounded_gaussian"` for x in [0, 1], `"gaussian"` for real x.
        missing: whether NaN in x is a missing entry.
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation), as the paper's code.
        encoder: a Keras model of your own from x [B, D] to [B, 2 Z], means and log variances.
        decoder: a Keras model of your own from z [B, Z] to the parameters of p(x|z), as many as the
            likelihood's `params_size`: logits or means [B, D], or means and log variances
            [B, 2 D].
        preprocessor: an adapted layer that maps x to what is modelled, `PCA` say.
        seed: of the noise and of the order of the examples; None: a random one.

    Call arguments:
        x: [B, D] or [B, ...] data.

    Raises:
        ValueError: if an argument is out of range, or a network puts out another width.

    References:
        Kingma and Welling (2014), arXiv 1312.6114; Kingma et al. (2014), arXiv 1406.5298,
        section 3.1.1; Burda, Grosse and Salakhutdinov (2016), arXiv 1509.00519.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> x = np.random.default_rng(0).random((100, 8), dtype="float32")
        >>> m1 = dgm.M1(latent_dim=2, hidden_units=(16,), seed=0)
        >>> m1.compile("adam")
        >>> history = m1.fit(x, epochs=2, batch_size=50, verbose=0)
        >>> sorted(history.history)
        ['elbo', 'kl', 'loss', 'reconstruction']
        >>> m1.embed(x).shape, m1.generate(num_samples=3).shape
        ((100, 2), (3, 8))
    """

    title = "M1"

    def __init__(
        self,
        latent_dim: int = 50,
        hidden_units: Sequence[int] | Convolutional = (600, 600),
        *,
        num_samples: int = 1,
        **kwargs: Any,
    ):
        super().__init__(latent_dim, hidden_units, **kwargs)
        self.num_samples = checks.check_positive_integer(num_samples, argument="num_samples")
        self.kl_weight = tf.Variable(1.0, trainable=False)

    def build_networks(self, width: int) -> None:
        self.build_coders(self.latent_dim, width)

    # The factors of the model, for observations x [B, W].

    def px_z(self, z: tf.Tensor, training: bool = False, observed: tf.Tensor | None = None) -> Any:
        """p(x|z) of z [..., Z], over observations, of which `observed` entries are there."""
        return self.likelihood(networks.on_rows(self.decoder, z, training=training), observed)

    # The objective.

    def sample_noise(self, batch_size: Any, training: bool = True) -> tf.Tensor:
        if self.num_samples == 1:
            return self.draw_normal(batch_size, self.latent_dim)
        return self.draw_normal(batch_size, self.num_samples, self.latent_dim)

    def elbo(self, x: tf.Tensor, noise: tf.Tensor, training: bool = False) -> bounds.Elbo:
        """-J(x), with noise [B, Z]; tensors [B]."""
        qz_x = self.qz_x(x, training)
        z = distributions.reparameterize(qz_x, noise)
        px_z = self.px_z(z, training, self.view.observed(x))
        pz = distributions.standard_normal_like(qz_x)
        return bounds.elbo(x, px_z, qz_x, pz)

    @property
    def noise_shape(self) -> tf.TensorShape:
        """The shape of the noise of `log_weights` for one example and sample."""
        return tf.TensorShape([self.latent_dim])

    def log_weights(self, x: tf.Tensor, noise: tf.Tensor, training: bool = False) -> bounds.Elbo:
        """log p(x, z) - log q(z|x), z ~ q(z|x) by noise [B, S, Z]; tensors [B, S]."""
        qz_x = self.qz_x(x, training)[:, None]
        z = distributions.reparameterize(qz_x, noise)
        x = x[:, None]
        px_z = self.px_z(z, training, self.view.observed(x))
        pz = distributions.standard_normal_like(qz_x)
        return bounds.log_weights(x, z, px_z, qz_x, pz)

    def joint_log_weights(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """`log_weights` of each class, [B, S, K]; here of one, which every example has."""
        return self.log_weights(x, noise).elbo[..., None]

    def objective(self, x: tf.Tensor, y: Any, noise: tf.Tensor, training: bool) -> StepOutput:
        kl_weight = self.kl_weight if training else 1.0
        if self.num_samples == 1:
            bound = self.elbo(x, noise, training)
            loss = -bound.annealed(kl_weight)
        else:
            log_w = self.log_weights(x, noise, training)
            bound = bounds.importance_weighted_bound(log_w)
            loss = -bounds.log_mean_exp(log_w.annealed(kl_weight))
        return StepOutput(loss, bound, left_out=-bound.elbo - loss)

    # Data.

    def learn_facts(self, data: Any) -> None:
        super().learn_facts(data)
        self.weigh_kl(1.0)  # Whatever a warm-up that was interrupted has left.

    def weigh_kl(self, weight: float) -> None:
        self.kl_weight.assign(weight)

    def check_data(self, x: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, Any, Any]:
        x, y, sample_weight = super().check_data(x, y, sample_weight)
        if y is not None:  # Not looked at, but a label of every example all the same.
            containers.refuse_others(y, "y")
            shape = labels.as_array(y).shape
            if len(shape) > 1:
                raise ValueError(
                    "`y` must be left out, or be labels [N] that are not looked at: M1 is fitted "
                    f"to x alone; got shape {shape}"
                )
            y = checks.check_labels(y, num_classes=None, length=len(x))
        return x, y, sample_weight

    # Reconstruction and generation.

    def call(self, x: Any, training: bool = False) -> tf.Tensor:
        return self.decode(self.qz_x(self.observe(x).location, training).mean(), training)

    def decode(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The mean of p(x|z), as raw data [..., D], of z [..., Z]."""
        z = tf.cast(z, self.variable_dtype)
        return self.view.to_data(networks.on_rows(self.decoder, z, training=training))

    def generate(self, z: Any = None, num_samples: int = 1, batch_size: int = 1000) -> np.ndarray:
        """The mean of p(x|z), a NumPy array [N, D].

        Args:
            z: array [N, Z]; None: `num_samples` draws from p(z).
            num_samples: N, where `z` is not given.
        """
        z = self.check_latent(z, num_samples if z is None else len(z))
        return self.in_batches(self.decode, z, batch_size=batch_size)

    def samples(self, z: np.ndarray) -> np.ndarray:
        """The mean of p(x|z) at each of z [N, Z], in one row, [1, N, D]."""
        return self.generate(z)[None]

    def illustration(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return {"reconstructions": np.stack([x, self(x)])}

    def as_m1(self) -> "M1":
        return self

    # Serving.

    def feature_stages(self, dims: Sequence[int]) -> list[Any]:
        """From x to these dimensions of the mean of q(z|x), for `folding.Chain`."""
        return [
            *folding.stages_of_preprocessor(self.preprocessor),
            *self.view.input_stages(),
            *folding.stages_of(self.encoder),
            folding.Columns(tuple(dims)),
        ]

    def data_stages(self, dims: Sequence[int]) -> list[Any]:
        """From these dimensions of z, the others being 0, to the mean of p(x|z)."""
        return [
            *folding.scatter(dims, self.latent_dim),
            *folding.stages_of(self.decoder),
            *self.view.data_stages(),
        ]

    def endpoints(self, softplus: Callable | None = None) -> dict[str, Endpoint]:
        images, z = self.features_input(), Latent("embedding", (self.latent_dim,))
        every = range(self.latent_dim)
        deployed = DeployedM1(self.feature_stages(every), self.data_stages(every), softplus)
        return {
            "embed": Endpoint(
                lambda x: {"embedding": deployed.embed(x)},
                (images,),
                lambda x: {"embedding": self.embed(x)},
            ),
            "generate": Endpoint(
                lambda z: {"images": deployed.generate(z)},
                (z,),
                lambda z: {"images": self.generate(z)},
            ),
            "sample": Endpoint(
                lambda seed: {"images": deployed.generate(draw(seed, self.latent_dim))},
                (Seed(),),
                lambda seed: {"images": self.generate(drawn(seed, self.latent_dim))},
                portable=False,
            ),
            "score": self.score.endpoint(),
        }

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_samples": self.num_samples}
