"""ADGM and SDGM, M2 with an auxiliary variable."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_dgm import bounds, checks, distributions, networks, trunks
from keras_dgm.models.base import Unsupported
from keras_dgm.models.m2 import M2
from keras_dgm.serving.deployed import DeployedADGM, DeployedM2, DeployedSDGM
from keras_dgm.training.step import StepOutput
from keras_dgm.trunks import Convolutional


class Augmented(NamedTuple):
    """Observations x [R, W], and for each an a [R, A] of q(a|x)."""

    x: tf.Tensor
    a: tf.Tensor
    qa_x: Any


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class ADGM(M2):
    """The auxiliary deep generative model: p(y) p(z) p(x|y,z) p(a|x,y,z).

    `fit(x, y)` minimises J^alpha over these and q(a|x) q(y|a,x) q(z|a,x,y): a makes q(y,z|x) a
    mixture, without changing p(x, y, z). At each step `num_samples` of a are drawn for an example,
    and z once for each of them and each class in the sum; the classification loss is the mean of
    -log q(y|a,x) over them.

    `model(x)`, `predict(x)` and what is deployed give q(y|x) as q(y|a,x) at the mean a of q(a|x):
    they so need no noise, and agree. What else is made of q(z|a,x,y), as `embed`, takes that a too.

    Args:
        num_classes: K.
        latent_dim: Z, the size of z.
        hidden_units: widths of the hidden layers of each of the five networks, or for images a
            `Convolutional`.
        auxiliary_dim: A, the size of a.
        num_samples: S, how many a are drawn for an example at each step.
        activation: of the hidden layers.
        **kwargs: as of `M2`, but for networks of your own; the adversarial loss is of q(y|a,x) at
            the first of the drawn a.

    Call arguments:
        x: [B, D] or [B, ...] data.

    Raises:
        ValueError: if an argument is out of range.

    References:
        Maaløe, Sønderby, Sønderby and Winther (2016), arXiv 1602.05473.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 50)
        >>> x = (rng.random((100, 8)) < 0.2 + 0.6 * y[:, None]).astype("float32")
        >>> few = np.where(np.arange(100) % 10 == 0, y, -1)  # -1: unlabelled
        >>> adgm = dgm.ADGM(2, latent_dim=2, hidden_units=(16,), auxiliary_dim=3, seed=0)
        >>> adgm.compile("adam")
        >>> history = adgm.fit(x, few, epochs=2, batch_size=50, verbose=0)
        >>> adgm.predict(x, verbose=0).shape  # q(y|a,x) at the mean of q(a|x)
        (100, 2)
    """

    title = "ADGM"
    deployed_as: type[DeployedM2] = DeployedADGM

    def __init__(
        self,
        num_classes: int,
        latent_dim: int = 50,
        hidden_units: Sequence[int] | Convolutional = (500,),
        *,
        auxiliary_dim: int = 50,
        num_samples: int = 1,
        activation: Any = "relu",
        **kwargs: Any,
    ):
        own = [name for name in ("classifier", "encoder", "decoder") if kwargs.get(name)]
        if own:
            raise ValueError(f"`{own[0]}` must be None: {self.title} makes its own networks")
        super().__init__(num_classes, latent_dim, hidden_units, activation=activation, **kwargs)
        self.auxiliary_dim = checks.check_positive_integer(auxiliary_dim, argument="auxiliary_dim")
        self.num_samples = checks.check_positive_integer(num_samples, argument="num_samples")

    def build_networks(self, width: int) -> None:
        K, Z, A = self.num_classes, self.latent_dim, self.auxiliary_dim
        params_size, inputs = self.likelihood.params_size(width), self.view.inputs_dim
        options = {"activation": self.activation, "dtype": self.dtype_policy}
        if self.classifier is None:
            trunk = self.trunk
            trunk.check(width)
            self.auxiliary_encoder = trunks.encoder(
                trunk, inputs, 2 * A, output_scale=networks.NEAR_PRIOR, **options
            )
            self.classifier = trunks.encoder(trunk, inputs, K, **options)
            self.encoder = trunks.conditional_encoder(trunk, inputs, K, 2 * Z, **options)
            self.auxiliary_decoder = self.make_auxiliary_decoder(inputs, **options)
            self.decoder = trunks.conditional_decoder(trunk, K, params_size, **options)
        self.auxiliary_encoder.build((None, inputs))
        self.classifier.build((None, inputs + A))
        self.encoder.build([(None, 1, inputs + A), (1, K)])
        of_auxiliary, of_x = self.decoder_widths()
        self.auxiliary_decoder.build([(None, K, of_auxiliary), (1, K)])
        self.decoder.build([(None, K, of_x), (1, K)])

    def make_auxiliary_decoder(self, inputs: int, **options: Any) -> networks.ConditionalMLP:
        """The network of p(a|.), which here sees x, in `inputs` numbers."""
        K, A = self.num_classes, self.auxiliary_dim
        return trunks.conditional_encoder(self.trunk, inputs, K, 2 * A, **options)

    def decoder_widths(self) -> tuple[int, int]:
        """How many numbers the networks of p(a|.) and p(x|.) see, beside y."""
        return self.view.inputs_dim + self.latent_dim, self.latent_dim

    # The factors of the model.

    def augmented(
        self, x: tf.Tensor, noise: tf.Tensor | None = None, training: bool = False
    ) -> Augmented:
        """S rows for each of x [B, W], with a by noise [B, S, A]; None: one row, at its mean."""
        params = self.auxiliary_encoder(self.view.inputs(x), training=training)
        if noise is None:
            qa_x = distributions.diagonal_normal(params)
            return Augmented(x, qa_x.mean(), qa_x)
        S = noise.shape[1]
        qa_x = distributions.diagonal_normal(tf.repeat(params, S, axis=0))
        a = distributions.reparameterize(qa_x, tf.reshape(noise, [-1, self.auxiliary_dim]))
        return Augmented(tf.repeat(x, S, axis=0), a, qa_x)

    def qy_ax(self, rows: Augmented, training: bool = False) -> Any:
        """q(y|a,x), batch shape [R]."""
        inputs = joined(self.view.inputs(rows.x), rows.a)
        return distributions.categorical(self.only_seen(self.classifier(inputs, training=training)))

    def qz_axy(self, rows: Augmented, y: tf.Tensor, training: bool = False) -> Any:
        """q(z|a,x,y) of integers y [R, S] or [1, S]; batch shape [R, S]."""
        inputs = joined(self.view.inputs(rows.x), rows.a)[:, None]
        return distributions.diagonal_normal(self.encoder([inputs, y], training=training))

    def pa_xyz(self, rows: Augmented, y: tf.Tensor, z: tf.Tensor, training: bool = False) -> Any:
        """p(a|x,y,z) of z [R, S, Z]; batch shape [R, S]."""
        inputs = joined(self.view.inputs(rows.x)[:, None], z)
        return distributions.diagonal_normal(self.auxiliary_decoder([inputs, y], training=training))

    def px_ayz(self, rows: Augmented, y: tf.Tensor, z: tf.Tensor, training: bool = False) -> Any:
        """p(x|y,z), batch shape [R, S]; a says nothing of x that z and y do not."""
        return self.px_yz(y, z, training, self.view.observed(rows.x[:, None]))

    # As M2's, at the mean of q(a|x).

    def qy_x(self, x: tf.Tensor, training: bool = False) -> Any:
        """q(y|a,x) at the mean of q(a|x)."""
        return self.qy_ax(self.augmented(x, training=training), training)

    def qy_near(self, x: tf.Tensor, r: tf.Tensor, noise: Any = None) -> Any:
        """q(y|a,x + r) at the first a that the bound draws, where the labels train it."""
        a_noise, _ = noise
        inputs = self.view.inputs_near(x, r)
        qa_x = distributions.diagonal_normal(self.auxiliary_encoder(inputs, training=False))
        a = distributions.reparameterize(qa_x, a_noise[:, 0])
        logits = self.classifier(joined(inputs, a), training=False)
        return distributions.categorical(self.only_seen(logits))

    def qz_xy(self, x: tf.Tensor, y: tf.Tensor, training: bool = False) -> Any:
        """q(z|a,x,y) at the mean of q(a|x)."""
        return self.qz_axy(self.augmented(x, training=training), y, training)

    # The objective.

    def sample_bound_noise(self, batch_size: Any, training: bool) -> Any:
        """Noise for a of each sample, and for z and the class of each of these."""
        a = self.draw_normal(batch_size, self.num_samples, self.auxiliary_dim)
        return a, super().sample_bound_noise(batch_size * self.num_samples, training)

    def bounded(self, x: tf.Tensor, y: tf.Tensor, noise: Any, training: bool) -> StepOutput:
        a_noise, noise = noise
        rows = self.augmented(x, a_noise, training)
        y = tf.repeat(y, self.num_samples)
        qy_ax = self.qy_ax(rows, training)
        bound = self.bound(rows, y, qy_ax, noise, training)
        output = self.with_classes(StepOutput(-bound.elbo, bound), qy_ax, y)
        return tf.nest.map_structure(self.mean_over_samples, output)

    def mean_over_samples(self, of_rows: Any) -> Any:
        """[B S, ...] -> [B, ...]; what there is not stays None."""
        if of_rows is None:
            return None
        shape = [-1, self.num_samples, *of_rows.shape[1:]]
        return tf.reduce_mean(tf.reshape(of_rows, shape), axis=1)

    def labeled_bound(
        self, x: Any, y: tf.Tensor, noise: tf.Tensor, training: bool = False
    ) -> bounds.Elbo:
        """-L(x, y) of `Augmented` x, y [R, S] or [1, S] and noise [R, S, Z]; tensors [R, S]."""
        qz_axy = self.qz_axy(x, y, training)
        z = distributions.reparameterize(qz_axy, noise)
        pz = distributions.standard_normal_like(qz_axy)
        px, pa = self.px_ayz(x, y, z, training), self.pa_xyz(x, y, z, training)
        of_m2 = bounds.labeled_bound(x.x[:, None], y, px, qz_axy, pz, self.py())
        return bounds.with_auxiliary(of_m2, x.a[:, None], pa, x.qa_x[:, None])

    # log p(x).

    @property
    def noise_shape(self) -> Any:
        """The shapes of the noise of `log_weights` for one example and sample."""
        return tf.TensorShape([self.auxiliary_dim]), super().noise_shape

    def log_weights(self, x: tf.Tensor, noise: Any) -> bounds.Elbo:
        """log p(x, y, a, z) - log q(a|x) - log q(z|a,x,y) of all y; tensors [B, S, K].

        Their sum over y, not divided by q(y|a,x), estimates p(x) without bias. `noise` is a pair of
        [B, S, A] and [B, S, K, Z].
        """
        a_noise, z_noise = noise
        rows, y = self.augmented(x, a_noise), tf.range(self.num_classes)[None]
        qz_axy = self.qz_axy(rows, y)  # [B S, K]
        z = distributions.reparameterize(
            qz_axy, tf.reshape(z_noise, [-1, self.num_classes, self.latent_dim])
        )
        pz = distributions.standard_normal_like(qz_axy)
        px, pa = self.px_ayz(rows, y, z), self.pa_xyz(rows, y, z)
        log_w = bounds.log_weights(rows.x[:, None], z, px, qz_axy, pz)
        log_w = bounds.with_auxiliary(log_w, rows.a[:, None], pa, rows.qa_x[:, None])
        log_w = log_w._replace(kl=log_w.kl - self.py().log_prob(y))
        return tf.nest.map_structure(lambda t: tf.reshape(t, tf.shape(z_noise)[:-1]), log_w)

    # Data and serving.

    def as_m2(self, x: Any) -> Any:
        raise Unsupported(f"a committee teaches an M2 or M1+M2; this is {self.title}")

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("classifier", "encoder", "decoder"):
            del config[name]
        return {
            **config,
            "auxiliary_dim": self.auxiliary_dim,
            "num_samples": self.num_samples,
        }


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class SDGM(ADGM):
    """The skip deep generative model: p(y) p(z) p(a|y,z) p(x|a,y,z), of two stochastic layers.

    As `ADGM`, but for these two factors: a is a part of how x comes about, below z and y.

    References:
        Maaløe, Sønderby, Sønderby and Winther (2016), arXiv 1602.05473.

    Examples:
        >>> import keras_dgm as dgm
        >>> sdgm = dgm.SDGM(3, latent_dim=2, hidden_units=(16,), auxiliary_dim=4, seed=0)
        >>> sdgm.build((None, 8))
        >>> sdgm.generate(y=[0, 2]).shape  # the means of p(x|a,y,z), a that of p(a|y,z)
        (2, 8)
    """

    title = "SDGM"
    deployed_as = DeployedSDGM

    def make_auxiliary_decoder(self, inputs: int, **options: Any) -> networks.ConditionalMLP:
        """The network of p(a|y,z), in which there is no x."""
        K, A = self.num_classes, self.auxiliary_dim
        return networks.ConditionalMLP(K, self.trunk.units, 2 * A, **options)

    def decoder_widths(self) -> tuple[int, int]:
        return self.latent_dim, self.auxiliary_dim + self.latent_dim

    def pa_xyz(self, rows: Augmented, y: tf.Tensor, z: tf.Tensor, training: bool = False) -> Any:
        """p(a|y,z), batch shape [R, S]."""
        return self.pa_yz(y, z, training)

    def pa_yz(self, y: tf.Tensor, z: tf.Tensor, training: bool = False) -> Any:
        """p(a|y,z) of z [R, S, Z]; batch shape [R, S]."""
        return distributions.diagonal_normal(self.auxiliary_decoder([z, y], training=training))

    def px_ayz(self, rows: Augmented, y: tf.Tensor, z: tf.Tensor, training: bool = False) -> Any:
        """p(x|a,y,z), batch shape [R, S]."""
        return super().px_ayz(rows, y, joined(rows.a[:, None], z), training)

    def decode(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The mean of p(x|a,y,z) at the mean of p(a|y,z), [B, S, D]."""
        z = tf.cast(z, self.variable_dtype)
        return super().decode(y, joined(self.pa_yz(y, z).mean(), z))


def joined(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """[..., F] and [..., S], whose leading dimensions broadcast, as [..., F + S]."""
    first, second = first + tf.zeros_like(second[..., :1]), second + tf.zeros_like(first[..., :1])
    return tf.concat([first, second], axis=-1)
