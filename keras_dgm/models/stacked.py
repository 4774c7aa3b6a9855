"""M1+M2, the stacked generative semi-supervised model."""

import keras
import numpy as np
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from keras_dgm import bounds, distributions, networks
from keras_dgm.models.base import serialize
from keras_dgm.models.m1 import M1
from keras_dgm.models.m2 import M2


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
class StackedM1M2(M2):
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
        hidden_units: widths of the hidden layers of each of M2's three networks.
        active_dims: indices of the dimensions of z1 that M2 models; None: found by `fit`.
        **kwargs: as of `M2`, less `likelihood`, `likelihood_scale`, `binarize` and
            `preprocessor`.

    Call arguments:
        x: [B, D] or [B, ...] data, as for `m1`.

    Raises:
        ValueError: if an argument is out of range.

    References:
        Kingma et al. (2014), arXiv 1406.5298, section 2.3.
    """

    COLLAPSED_STDDEV = 0.1

    def __init__(
        self, m1, num_classes, latent_dim=10, hidden_units=(500,), *, active_dims=None, **kwargs
    ):
        if not isinstance(m1, M1) or not m1.built:
            raise ValueError(f"`m1` must be an M1 that has been fitted, got {m1!r}")
        if active_dims is not None:
            active_dims = np.asarray(active_dims).tolist()
            known = set(active_dims) & set(range(m1.latent_dim))
            if not active_dims or len(known) != len(active_dims):
                raise ValueError(
                    f"`active_dims` must be different integers from 0 to {m1.latent_dim - 1}, "
                    f"got {active_dims!r}"
                )
        super().__init__(num_classes, latent_dim, hidden_units, likelihood="gaussian", **kwargs)
        self.active_dims = active_dims
        self.m1 = m1
        self.m1.trainable = False
        self.input_dim = m1.input_dim

    def build(self, input_shape):
        if self.active_dims is None:
            raise ValueError("`active_dims` must be given, or found by `fit`, before a call")
        self.build_networks(len(self.active_dims))
        self.built = True

    # What is observed: z1.

    def observe(self, x):
        """The mean and standard deviation of q(z1|x), [B, Z1] each."""
        qz1_x = self.m1.posterior(x)
        return {"mean": qz1_x.mean(), "stddev": qz1_x.stddev()}

    def sample_observation(self, observed):
        noise = self.draw_normal(*tf.unstack(tf.shape(observed["mean"])))
        return self.active(observed["mean"] + observed["stddev"] * noise)

    def expected_observation(self, observed):
        return self.active(observed["mean"])

    def active(self, z1):
        return tf.gather(z1, self.active_dims, axis=-1)

    # The model of x: M1's, its prior replaced.

    @property
    def noise_shape(self):
        return self.m1.noise_shape, super().noise_shape

    def log_weights(self, x, noise):
        """log p(x, z1, y, z2) - log q(z1|x) - log q(z2|z1,y) of all y; tensors [B, S, K].

        M1's weight, its prior over the active dimensions of z1 replaced by p(y) p(z2) p(z1|y,z2);
        the collapsed ones keep N(0, 1). Their sum over y estimates p(x) without bias. `x` [B, D] is
        an observation of M1, `noise` a pair of [B, S, Z1] and [B, S, K, Z2].
        """
        z1_noise, z2_noise = noise
        qz1_x = self.m1.qz_x(x)[:, None]
        z1 = distributions.reparameterize(qz1_x, z1_noise)  # [B, S, Z1]
        pz1 = distributions.standard_normal_like(qz1_x)
        of_m1 = bounds.log_weights(x[:, None], z1, self.m1.px_z(z1), qz1_x, pz1)  # [B, S]
        active = self.active(z1)
        replaced = distributions.standard_normal(active.shape[-1:], active.dtype).log_prob(active)
        rows = tf.reshape(active, [-1, active.shape[-1]])
        row_noise = tf.reshape(z2_noise, [-1, 1, *z2_noise.shape[2:]])
        of_m2 = tf.reshape(super().log_weights(rows, row_noise).elbo, tf.shape(z2_noise)[:-1])
        kl = (of_m1.kl + replaced)[..., None] - of_m2
        return bounds.Elbo(of_m1.log_likelihood[..., None], kl)

    def prepare(self, batches):
        active_dims = self.active_dims

        def find_active_dims():
            nonlocal active_dims
            moments = StandardScaler()
            for observed, y in batches:
                moments.partial_fit(observed["mean"])
                yield observed, y
            stddev = np.sqrt(moments.var_)
            active_dims = np.flatnonzero(stddev > self.COLLAPSED_STDDEV).tolist()
            if not active_dims:
                raise ValueError(
                    "`m1` must have a latent dimension whose mean has a standard deviation over "
                    f"the data above {self.COLLAPSED_STDDEV}, got {stddev.max():.3g} at most"
                )

        super().prepare(batches if active_dims else find_active_dims())
        self.active_dims = active_dims

    def check_features(self, x):
        return self.m1.check_features(x)

    def decode(self, y, z):
        """The mean of p(x|z1) at the mean of p(z1|y,z2), [B, S, D]; collapsed dimensions are 0."""
        z1 = self.px_yz(y, tf.cast(z, self.variable_dtype)).mean()
        scatter = tf.one_hot(self.active_dims, self.m1.latent_dim, dtype=z1.dtype)
        return self.m1.decode(z1 @ scatter)

    def get_config(self):
        config = super().get_config()
        for fixed in ("likelihood", "likelihood_scale", "binarize", "preprocessor"):
            del config[fixed]
        m1 = serialize(self.m1)
        m1.pop("compile_config", None)  # A frozen model needs no optimizer.
        return {**config, "m1": m1, "active_dims": self.active_dims}
