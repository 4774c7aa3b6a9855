"""What M1 and its conditional form share: an encoder, a decoder, features."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import distributions, networks, trunks
from keras_dgm.activations import check_activation
from keras_dgm.likelihoods import Likelihood
from keras_dgm.models.base import DeepGenerativeModel, serialize
from keras_dgm.trunks import Convolutional


class Autoencoder(DeepGenerativeModel):
    """A model of one z with q(z|x) = N(mu(x), diag sigma^2(x)).

    Args:
        latent_dim: Z, the size of z.
        hidden_units: widths of the encoder's hidden layers, or a `Convolutional`; the
            decoder is the reverse.
        activation: of the hidden layers.
        likelihood: as of `DeepGenerativeModel`.
        encoder: a Keras model from x [B, D] to [B, 2 Z]; None: an MLP.
        decoder: a Keras model to the parameters of the observation; None: an MLP.
        **kwargs: as of `DeepGenerativeModel`.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_units: Sequence[int] | Convolutional,
        *,
        activation: Any = "softplus",
        likelihood: str | Likelihood = "bernoulli",
        encoder: keras.Layer | None = None,
        decoder: keras.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(latent_dim, likelihood=likelihood, **kwargs)
        self.trunk = trunks.trunk_of(hidden_units)
        self.suits_xla = self.trunk.suits_xla
        self.activation = check_activation(activation)
        self.encoder = networks.check_own(encoder, "encoder")
        self.decoder = networks.check_own(decoder, "decoder")
        self._own_networks = {"encoder": encoder, "decoder": decoder}

    def build_coders(self, decoder_width: int, modeled_width: int) -> None:
        """Create and build both networks.

        Args:
            decoder_width: of what the decoder sees.
            modeled_width: of what the decoder puts out the distribution of.
        """
        code_size, params_size = 2 * self.latent_dim, self.likelihood.params_size(modeled_width)
        options = {"activation": self.activation, "dtype": self.dtype_policy}
        inputs = self.view.inputs_dim
        if self.encoder is None:
            self.trunk.check(self.view.dim)
            self.encoder = trunks.encoder(self.trunk, inputs, code_size, **options)
        if self.decoder is None:
            self.trunk.check(modeled_width)
            self.decoder = trunks.decoder(self.trunk, params_size, **options)
        networks.build(self.encoder, (None, inputs), code_size, name="encoder")
        networks.build(self.decoder, (None, decoder_width), params_size, name="decoder")

    def qz_x(self, x: tf.Tensor, training: bool = False) -> Any:
        """q(z|x) of an observation x [B, W]."""
        return distributions.diagonal_normal(self.encoder(self.view.inputs(x), training=training))

    def posterior(self, x: Any) -> Any:
        """q(z|x) of raw data [B, D]."""
        return self.qz_x(self.observe(x).location)

    def kl_per_dimension(self, x: Any) -> tf.Tensor:
        """KL[q(z_d|x) || p(z_d)] of each latent dimension, [B, Z], of raw data [B, D]."""
        return distributions.kl_per_dimension(self.posterior(x))

    def embed(self, x: npt.ArrayLike, batch_size: int = 1000) -> np.ndarray:
        """The mean of q(z|x), a NumPy array [N, Z], of an array x [N, D] or [N, ...]."""
        x = self.check_features(x)
        return self.in_batches(lambda x: self.posterior(x).mean(), x, batch_size=batch_size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.trunk.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            **{name: serialize(network) for name, network in self._own_networks.items()},
        }
