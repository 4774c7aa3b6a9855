"""M1, the variational autoencoder."""

import keras
import tensorflow as tf

from keras_dgm import bounds, checks, distributions, networks
from keras_dgm.models.autoencoder import Autoencoder
from keras_dgm.models.training import StepOutput


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class M1(Autoencoder):
    """M1, the latent-feature model: p(z) = N(0, I), p(x|z), q(z|x) = N(mu(x), diag sigma^2(x)).

    `fit(x)` maximises the bound -J(x) of equation 5, or with `num_samples=k` the tighter L_k(x) of
    the importance-weighted autoencoder (IWAE); `embed(x)` gives the mean of q(z|x) as
    features for any classifier; `model(x)` and `predict(x)` give the mean of p(x|z) at that mean.

    Args:
        latent_dim: Z, the size of z.
        hidden_units: widths of the encoder's hidden layers; the decoder's are the reverse.
        num_samples: k, how many z are drawn for an example at each step; 1: -J(x), with its exact
            divergence; more: L_k(x).
        activation: of the hidden layers.
        likelihood: p(x|z), `"bernoulli"` or `"bounded_gaussian"` for x in [0, 1], or
            `"gaussian"` for real x.
        likelihood_scale: a fixed standard deviation of the gaussian likelihoods; None: learned.
        binarize: under the Bernoulli likelihood, draw x in {0, 1} with probability x afresh at
            each step.
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation), as the paper's code.
        encoder: a Keras model of your own from x [B, D] to [B, 2 Z], means and log variances.
        decoder: a Keras model of your own from z [B, Z] to the parameters of p(x|z): logits or
            means [B, D], or means and log variances [B, 2 D].
        preprocessor: an adapted layer that maps x to what is modelled, `PCA` say.
        seed: of the noise and of the order of the examples; None: a random one.

    Call arguments:
        x: [B, D] or [B, ...] data.

    Raises:
        ValueError: if an argument is out of range, or a network puts out another width.

    References:
        Kingma and Welling (2014), arXiv 1312.6114; Kingma et al. (2014), arXiv 1406.5298,
        section 3.1.1; Burda, Grosse and Salakhutdinov (2016), arXiv 1509.00519.
    """

    def __init__(self, latent_dim=50, hidden_units=(600, 600), *, num_samples=1, **kwargs):
        super().__init__(latent_dim, hidden_units, **kwargs)
        self.num_samples = checks.check_positive_integer(num_samples, argument="num_samples")
        self.kl_weight = tf.Variable(1.0, trainable=False)

    def build_networks(self, width):
        self.build_coders(width, self.latent_dim, width)

    def sample_noise(self, batch_size, training=True):
        if self.num_samples == 1:
            return self.draw_normal(batch_size, self.latent_dim)
        return self.draw_normal(batch_size, self.num_samples, self.latent_dim)

    def px_z(self, z):
        """p(x|z) of z [..., Z], over observations."""
        return self.likelihood(networks.on_rows(self.decoder, z))

    def minus_j(self, x, noise):
        """-J(x), with noise [B, Z]; tensors [B]."""
        qz_x = self.qz_x(x)
        z = distributions.reparameterize(qz_x, noise)
        pz = distributions.standard_normal_like(qz_x)
        return bounds.minus_j(x, self.px_z(z), qz_x, pz)

    @property
    def noise_shape(self):
        """The shape of the noise of `log_weights` for one example and sample."""
        return tf.TensorShape([self.latent_dim])

    def log_weights(self, x, noise):
        """log p(x, z) - log q(z|x), z ~ q(z|x) by noise [B, S, Z]; tensors [B, S]."""
        qz_x = self.qz_x(x)[:, None]
        z = distributions.reparameterize(qz_x, noise)
        pz = distributions.standard_normal_like(qz_x)
        return bounds.log_weights(x[:, None], z, self.px_z(z), qz_x, pz)

    def objective(self, x, y, noise, training):
        kl_weight = self.kl_weight if training else 1.0
        if self.num_samples == 1:
            bound = self.minus_j(x, noise)
            return StepOutput(loss=-bound.annealed(kl_weight), bound=bound)
        log_w = self.log_weights(x, noise)
        loss = -bounds.log_mean_exp(log_w.annealed(kl_weight))
        return StepOutput(loss, bounds.l_k(log_w))

    def prepare(self, batches):
        super().prepare(batches)
        self.kl_weight.assign(1.0)  # Whatever a warm-up that was interrupted has left.

    def check_data(self, x, y, sample_weight):
        x, y, sample_weight = super().check_data(x, y, sample_weight)
        if y is not None:  # Not looked at, but a label of every example all the same.
            y = checks.check_labels(y, num_classes=None, length=len(x))
        return x, y, sample_weight

    def call(self, x):
        observed = x if isinstance(x, dict) else self.observe(x)
        return self.decode(self.qz_x(observed["x"]).mean())

    def decode(self, z):
        """The mean of p(x|z), as raw data [..., D], of z [..., Z]."""
        x = self.px_z(tf.cast(z, self.variable_dtype)).mean()
        return x if self.preprocessor is None else self.preprocessor.inverse(x)

    def generate(self, z=None, num_samples=1, batch_size=1000):
        """The mean of p(x|z), a NumPy array [N, D].

        Args:
            z: array [N, Z]; None: `num_samples` draws from p(z).
            num_samples: N, where `z` is not given.
        """
        z = self.check_latent(z, num_samples if z is None else len(z))
        return self.in_batches(self.decode, z, batch_size=batch_size)

    def get_config(self):
        return {**super().get_config(), "num_samples": self.num_samples}
