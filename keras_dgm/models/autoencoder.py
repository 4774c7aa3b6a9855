"""What M1 and its conditional form share: an encoder, a decoder, features."""

import keras

from keras_dgm import checks, distributions, networks
from keras_dgm.models.base import DeepGenerativeModel, serialize


class Autoencoder(DeepGenerativeModel):
    """A model of one z with q(z|x) = N(mu(x), diag sigma^2(x)).

    Args:
        latent_dim: Z, the size of z.
        hidden_units: widths of the encoder's hidden layers; the decoder's are the reverse.
        activation: of the hidden layers.
        likelihood: as of `DeepGenerativeModel`.
        encoder: a Keras model from x [B, D] to [B, 2 Z]; None: an MLP.
        decoder: a Keras model to the parameters of the observation; None: an MLP.
        **kwargs: as of `DeepGenerativeModel`.
    """

    def __init__(
        self,
        latent_dim,
        hidden_units,
        *,
        activation="softplus",
        likelihood="bernoulli",
        encoder=None,
        decoder=None,
        **kwargs,
    ):
        super().__init__(latent_dim, likelihood=likelihood, **kwargs)
        self.hidden_units = checks.check_widths(hidden_units, argument="hidden_units")
        self.activation = keras.activations.get(activation)
        self.encoder = encoder
        self.decoder = decoder
        self._own_networks = {"encoder": encoder, "decoder": decoder}

    def build_coders(self, width, decoder_width, modeled_width):
        """Create and build both networks.

        Args:
            width: of what the encoder sees.
            decoder_width: of what the decoder sees.
            modeled_width: of what the decoder puts out the distribution of.
        """
        code_size, params_size = 2 * self.latent_dim, self.likelihood.params_size(modeled_width)
        options = {"activation": self.activation, "dtype": self.dtype_policy}
        if self.encoder is None:
            self.encoder = networks.mlp(self.hidden_units, code_size, **options)
        if self.decoder is None:
            self.decoder = networks.mlp(self.hidden_units[::-1], params_size, **options)
        networks.build(self.encoder, (None, width), code_size, name="encoder")
        networks.build(self.decoder, (None, decoder_width), params_size, name="decoder")

    def qz_x(self, x):
        """q(z|x) of an observation x [B, width]."""
        return distributions.diagonal_normal(self.encoder(x))

    def posterior(self, x):
        """q(z|x) of raw data [B, D]."""
        return self.qz_x(self.observe(x)["x"])

    def embed(self, x, batch_size=1000):
        """The mean of q(z|x), a NumPy array [N, Z], of an array x [N, D] or [N, ...]."""
        x = self.check_features(x)
        return self.in_batches(lambda x: self.posterior(x).mean(), x, batch_size=batch_size)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            **{name: serialize(network) for name, network in self._own_networks.items()},
        }
