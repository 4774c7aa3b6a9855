"""The conditional variational autoencoder: some of x is given, the rest is modelled."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import bounds, checks, distributions, networks
from keras_dgm.models.autoencoder import Autoencoder
from keras_dgm.training.step import StepOutput


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class ConditionalM1(Autoencoder):
    """A completion of x from the part c that is always given: p(z) = N(0, I), p(x'|c,z), q(z|x).

    x = (c, x') is split by column. `fit(x)` maximises M2's labelled bound (equation 6) with the
    vector c in place of the class and without its prior, which no parameter changes:
    E_q(z|x)[log p(x'|c,z)] - KL[q(z|x) || p(z)] <= log p(x'|c). `complete(x)` draws the rest from
    the given columns alone; `model(x)` and `predict(x)` give x with the mean of p(x'|c,z) at the
    mean of q(z|x), a reconstruction.

    Args:
        condition: the columns of x that are given, different integers from 0 to D - 1;
            `np.flatnonzero(mask)` of a mask over pixels.
        latent_dim: Z, the size of z.
        hidden_units: widths of the encoder's hidden layers; the decoder's are the reverse.
        activation: of the hidden layers.
        likelihood: p(x'|c,z), a name of `keras_dgm.likelihoods.NAMES` or a `Likelihood` that is
            over any number of columns.
        weight_prior: add a N(0, 1) prior over the weights (MAP estimation).
        encoder: a Keras model of your own from x [B, D] to [B, 2 Z], means and log variances.
        decoder: a Keras model of your own from (c, z), [B, C + Z], to the parameters of p(x'|c,z)
            for the other columns, in their order.
        seed: of the noise and of the order of the examples; None: a random one.

    Call arguments:
        x: [B, D] or [B, ...] data.

    Raises:
        ValueError: if an argument is out of range, or a network puts out another width.

    References:
        Kingma et al. (2014), arXiv 1406.5298, section 3.1.2, equation 6; Sohn, Lee and Yan,
        "Learning Structured Output Representation using Deep Conditional Generative Models",
        NIPS 2015.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> x = np.random.default_rng(0).random((100, 8), dtype="float32")
        >>> model = dgm.ConditionalM1(condition=[0, 1, 2], latent_dim=2, hidden_units=(16,), seed=0)
        >>> model.compile("adam")
        >>> history = model.fit(x, epochs=2, batch_size=50, verbose=0)
        >>> completed = model.complete(x[:5], num_samples=3)
        >>> completed.shape
        (5, 3, 8)
        >>> np.array_equal(completed[:, 0, :3], x[:5, :3])
        True
    """

    title = "ConditionalM1"

    def __init__(
        self,
        condition: Sequence[int],
        latent_dim: int = 50,
        hidden_units: Sequence[int] = (600, 600),
        **kwargs: Any,
    ):
        # Its decoder puts out a part of an image.
        hidden_units = checks.check_widths(hidden_units, argument="hidden_units")
        super().__init__(latent_dim, hidden_units, preprocessor=None, missing=False, **kwargs)
        columns = np.asarray(condition)
        if (
            columns.ndim != 1
            or columns.dtype.kind not in "iu"
            or not 0 < columns.size == np.unique(columns).size
            or columns.min() < 0
        ):
            raise ValueError(
                f"`condition` must be different integers from 0 up, at least one, "
                f"got {checks.shown(condition)}"
            )
        self.condition = columns.tolist()

    def build_networks(self, width: int) -> None:
        self.rest = np.setdiff1d(np.arange(width), self.condition).tolist()
        if max(self.condition) >= width or not self.rest:
            raise ValueError(
                f"`condition` must be integers from 0 to {width - 1}, not all of them, "
                f"got {self.condition}"
            )
        self.build_coders(len(self.condition) + self.latent_dim, len(self.rest))

    def sample_noise(self, batch_size: Any, training: bool = True) -> tf.Tensor:
        return self.draw_normal(batch_size, self.latent_dim)

    def given(self, x: Any) -> tf.Tensor:
        """c [..., C] of x [..., D]."""
        return tf.gather(x, self.condition, axis=-1)

    def decoded(self, c: tf.Tensor, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The parameters of p(x'|c,z) of c [..., C] and z [..., Z]."""
        return networks.on_rows(self.decoder, tf.concat([c, z], axis=-1), training=training)

    def px_cz(self, c: tf.Tensor, z: tf.Tensor, training: bool = False) -> Any:
        """p(x'|c,z), over the other columns."""
        return self.likelihood(self.decoded(c, z, training))

    def objective(self, x: tf.Tensor, y: Any, noise: tf.Tensor, training: bool) -> StepOutput:
        qz_x = self.qz_x(x, training)
        z = distributions.reparameterize(qz_x, noise)
        px_cz = self.px_cz(self.given(x), z, training)
        pz = distributions.standard_normal_like(qz_x)
        bound = bounds.elbo(tf.gather(x, self.rest, axis=-1), px_cz, qz_x, pz)
        return StepOutput(loss=-bound.elbo, bound=bound)

    def check_data(self, x: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, Any, Any]:
        if y is not None:
            raise ValueError(
                "`y` must be None: `condition` says which columns of x are given; got "
                f"{type(y).__name__}"
            )
        return super().check_data(x, y, sample_weight)

    def call(self, x: Any, training: bool = False) -> tf.Tensor:
        x = self.observe(x).location
        return self.decode(self.given(x), self.qz_x(x, training).mean(), training)

    def decode(self, c: tf.Tensor, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """x [..., D] of c [..., C] and the mean of p(x'|c,z), z [..., Z]."""
        c, z = (tf.cast(part, self.variable_dtype) for part in (c, z))
        params = distributions.full_precision(self.decoded(c, z, training))
        rest = self.likelihood.mean(params[..., : self.likelihood.mean_size(len(self.rest))])
        order = np.argsort([*self.condition, *self.rest])
        x = tf.concat([distributions.full_precision(c), rest], axis=-1)
        return tf.gather(x, order, axis=-1)

    def complete(
        self, x: npt.ArrayLike, num_samples: int = 1, z: Any = None, batch_size: int = 100
    ) -> np.ndarray:
        """Completions of the given columns, a NumPy array [N, S, D].

        Args:
            x: array [N, D] or [N, ...]; the other columns are not looked at and may be NaN.
            num_samples: S, draws of z from p(z) for each example.
            z: array [S, Z] in their place, the same for every example; None: they are drawn.
        """
        x = checks.check_features(x, width=self.input_dim, missing=True).copy()
        x[:, np.setdiff1d(np.arange(x.shape[1]), self.condition)] = 0
        c = self.given(self.check_features(x))[:, None]  # [N, 1, C]
        S = checks.check_positive_integer(
            num_samples if z is None else len(z), argument="num_samples"
        )
        if z is None:
            z = self.draw_normal(len(x), S, self.latent_dim)
        else:
            z = tf.tile(self.check_latent(z, S)[None], [len(x), 1, 1])
        return self.in_batches(
            lambda c, z: self.decode(tf.repeat(c, S, axis=1), z), c, z, batch_size=batch_size
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["preprocessor"], config["missing"]
        return {**config, "condition": self.condition}
