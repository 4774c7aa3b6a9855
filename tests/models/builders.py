"""Tiny models and data that the tests of the models share."""

import keras
import numpy as np
import tensorflow as tf
from scipy import stats

import keras_dgm as dgm
from keras_dgm import likelihoods
from keras_dgm.preprocessing import PCA
from keras_dgm.training import batches

N, D, K, Z = 30, 6, 3, 2


def examples(dtype="float32"):
    """x [N, D] in [0, 1] of three classes, and y [N], 9 labels of them known."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % K
    x = np.clip(rng.uniform(size=[K, D])[y] + rng.normal(0, 0.1, [N, D]), 0, 1)
    return x.astype(dtype), np.where(np.arange(N) < 9, y, -1).astype(np.int32)


def data_for(make):
    """The arguments of `fit` for a model made by `make`: `examples`, without y for `m1`."""
    x, y = examples()
    return (x,) if make is m1 else (x, y)


# How a test runs its steps: eagerly by default, where nothing has to be compiled.
MODES = {
    "eager": {"run_eagerly": True, "jit_compile": False},
    "graph": {"jit_compile": False},
    "core": {"jit_compile": "auto"},
    "xla": {"jit_compile": True},
}


def compiled(model, optimizer="adam", mode="eager", **options):
    model.compile(optimizer, **{**MODES[mode], **options})
    return model


def m1(seed=0, width=D, **options):
    """An M1, compiled and built; the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    model = dgm.M1(**{"latent_dim": Z, "hidden_units": (4,), "seed": seed, **options})
    model.build((None, width))
    return compiled(model)


def conditional(seed=0, width=D, **options):
    """A ConditionalM1 given columns 3 and 1, compiled and built."""
    keras.utils.set_random_seed(seed)
    options = {"condition": [3, 1], "latent_dim": Z, "hidden_units": (4,), **options}
    model = dgm.ConditionalM1(seed=seed, **options)
    model.build((None, width))
    return compiled(model)


def m2(seed=0, width=D, **options):
    """An M2, compiled and built; the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    model = dgm.M2(K, **{"latent_dim": Z, "hidden_units": (4,), "seed": seed, **options})
    model.build((None, width))
    return compiled(model, metrics=["accuracy"])


def adgm(seed=0, width=D, **options):
    """An ADGM, compiled and built."""
    return auxiliary(dgm.ADGM, seed, width, **options)


def sdgm(seed=0, width=D, **options):
    """An SDGM, compiled and built."""
    return auxiliary(dgm.SDGM, seed, width, **options)


def auxiliary(kind, seed, width, **options):
    """A model with an a of 3 numbers."""
    keras.utils.set_random_seed(seed)
    options = {"latent_dim": Z, "hidden_units": (4,), "auxiliary_dim": 3, **options}
    model = kind(K, seed=seed, **options)
    model.build((None, width))
    return compiled(model, metrics=["accuracy"])


def stacked(seed=0, m1_options=None, **options):
    """An M1+M2, compiled and built, on an M1 with an optimizer, as if it had been trained."""
    below = m1(seed, **{"latent_dim": 4, **(m1_options or {})})
    below.optimizer.build(below.trainable_variables)
    options = {"latent_dim": Z, "hidden_units": (4,), "active_dims": [0, 2], **options}
    model = dgm.StackedM1M2(below, K, seed=seed, **options)
    if model.active_dims is not None:
        model.build((None, D))
    return compiled(model, metrics=["accuracy"])


def adapted_pca(num_components=4):
    pca = PCA(num_components)
    pca.adapt(examples()[0])
    return pca


def own_m1_networks(width=D, params_size=D):
    """An encoder and a decoder for `M1`."""
    encoder = keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(2 * Z)])
    decoder = keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(params_size)])
    return {"encoder": encoder, "decoder": decoder}


def own_m2_networks(width=D, params_size=D):
    """A classifier, and two-input functional models as encoder and decoder, for `M2`."""

    def two_inputs(input_dim, output_dim):
        x, y = keras.Input([input_dim]), keras.Input([K])
        hidden = keras.layers.Dense(5, "tanh")(keras.layers.Concatenate()([x, y]))
        return keras.Model([x, y], keras.layers.Dense(output_dim)(hidden))

    return {
        "classifier": keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(K)]),
        "encoder": two_inputs(width, 2 * Z),
        "decoder": two_inputs(Z, params_size),
    }


class LinearGaussian:
    """x = W z + b + scale * noise, an M1 whose log p(x) and p(z|x) are known.

    W has orthogonal columns, so that the covariance of p(z|x), scale^2 (W^T W + scale^2 I)^-1, is
    diagonal and a linear encoder can be exact.
    """

    scale = 0.5  # exact in float32 too

    def __init__(self):
        rng = np.random.default_rng(0)
        orthogonal, _ = np.linalg.qr(rng.normal(size=[D, Z]))
        self.w, self.b = orthogonal * [1.5, 0.7], rng.normal(size=D)  # [D, Z], [D]
        self.precision = np.diag(self.w.T @ self.w) + self.scale**2  # of p(z|x), times scale^2
        self.x = rng.normal(size=[8, D])
        self.model = m1(
            likelihood=likelihoods.Gaussian(self.scale),
            encoder=keras.Sequential([keras.layers.Dense(2 * Z, dtype="float64")]),
            decoder=keras.Sequential([keras.layers.Dense(D, dtype="float64")]),
            dtype="float64",
        )
        self.model.decoder.set_weights([self.w.T, self.b])
        self.encode()

    def encode(self, shift=0.0, log_variance=0.0):
        """Make q(z|x) the posterior p(z|x), or move it by so much."""
        to_mean = self.w / self.precision  # [D, Z]
        kernel = np.concatenate([to_mean, np.zeros([D, Z])], axis=1)
        mean = -self.b @ to_mean + shift
        log_variances = np.log(self.scale**2 / self.precision) + log_variance
        self.model.encoder.set_weights([kernel, np.concatenate([mean, log_variances])])

    def log_p(self):
        covariance = self.w @ self.w.T + self.scale**2 * np.eye(D)
        return stats.multivariate_normal.logpdf(self.x, self.b, covariance)

    def elbo(self):
        """Exact: E_q of a quadratic is its average over noise at plus and minus sqrt(Z) e_i."""
        points = np.sqrt(Z) * np.concatenate([np.eye(Z), -np.eye(Z)])
        elbos = [
            self.model.objective(self.x, None, np.tile(point, [8, 1]), training=True).bound.elbo
            for point in points
        ]
        return np.mean(elbos, axis=0)


def weights(model):
    return [w.numpy().copy() for w in model.weights]


def assert_same_weights(model, expected, **tolerance):
    for weight, value in zip(model.weights, expected, strict=True):
        np.testing.assert_allclose(weight, value, **{"rtol": 0, **tolerance}, err_msg=weight.path)


def rows(noise, indices):
    """The noise of some examples only."""
    return tf.nest.map_structure(lambda n: tf.gather(n, indices), noise)


def batches_of(model, x, y):
    """The data of `fit`, as a model has it."""
    return batches.of(model, x, y)
