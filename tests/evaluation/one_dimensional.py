"""Models of one latent dimension, and their log p(x) by quadrature."""

import builders
import numpy as np
import tensorflow as tf
from builders import K
from scipy import special, stats

import keras_dgm as dgm
from keras_dgm import evaluation

SAMPLES = 20_000
GRID = np.linspace(-7, 7, 281)
# Of the integral of a smooth function times the standard normal density, by the trapezoidal rule.
LOG_PRIOR = stats.norm.logpdf(GRID) + np.log(GRID[1] - GRID[0])


def spread(model):
    """Larger weights, so that p(x|.) and q depend on what they are given.

    q(z|.) stays near the prior and a little wider: weights are bounded then, and their standard
    error is to be trusted.
    """
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign_add(rng.normal(0, 0.4, weight.shape))
    gaussian(encoder_of(model), scale=0.2, log_variance=0.4)
    return model


def encoder_of(model):
    """The encoder of the uppermost latent variable."""
    return getattr(model, "m2", model).encoder


def gaussian(network, scale, log_variance):
    """Scale the mean that the network's last layer puts out, and fix its log variance."""
    layer = network.rest.layers[-1] if hasattr(network, "rest") else network.layers[-1]
    kernel, bias = (scale * weight for weight in layer.get_weights())
    width = len(bias) // 2
    kernel[:, width:], bias[width:] = 0, log_variance
    layer.set_weights([kernel, bias])


def estimate(model, x, num_samples, **options):
    """Without XLA, which takes seconds to compile what is computed in milliseconds."""
    options = {"jit_compile": False, "verbose": 0, **options}
    return evaluation.log_likelihood(model, x, num_samples, **options)


def one_dimensional_m1(**options):
    return spread(builders.m1(latent_dim=1, dtype="float64", **options))


def one_dimensional_m2():
    prior = [0.2, 0.3, 0.5]
    return spread(builders.m2(latent_dim=1, class_prior=prior, dtype="float64"))


def one_dimensional_stack():
    """z1 of two dimensions, one of them collapsed, and z2 of one."""
    below = spread(builders.m1(latent_dim=2, dtype="float64"))
    options = {"hidden_units": (4,), "active_dims": [1], "class_prior": [0.2, 0.3, 0.5]}
    model = dgm.StackedM1M2(below, K, 1, dtype="float64", **options)
    model.build((None, builders.D))
    gaussian(spread(model).m2.decoder, scale=1.0, log_variance=-1.0)
    return model


def one_dimensional_auxiliary(make):
    """z and a of one dimension; q(a|x) is wider than p(a|.), as q(z|.) is than p(z)."""
    prior = [0.2, 0.3, 0.5]
    options = {"latent_dim": 1, "auxiliary_dim": 1, "activation": "softplus", "class_prior": prior}
    model = spread(make(dtype="float64", **options))
    gaussian(model.auxiliary_encoder, scale=0.2, log_variance=0.5)
    gaussian(model.auxiliary_decoder, scale=0.2, log_variance=0.1)
    return model


def binary():
    return np.round(builders.examples("float64")[0])


def log_p_of_m1(model, x):
    log_px_z = model.px_z(tf.constant(GRID[:, None])).log_prob(x[:, None]).numpy()  # [N, G]
    return special.logsumexp(log_px_z + LOG_PRIOR, axis=-1)


def log_p_xy_of_m2(model, x):
    """[N, K]."""
    z = np.repeat(GRID[:, None, None], K, axis=1)  # [G, K, 1]
    px_yz = model.px_yz(np.arange(K)[None], tf.constant(z))
    log_px_yz = px_yz.log_prob(x[:, None, None]).numpy()  # [N, G, K]
    log_p_xz = special.logsumexp(log_px_yz + LOG_PRIOR[:, None], axis=1)
    return log_p_xz + np.log(model.class_prior)


def log_p_xy_of_stack(model, x):
    """[N, K], by the grid for each of the collapsed and the active dimension of z1, and z2."""
    log_p_z1_y = log_p_xy_of_m2(model.m2, GRID[:, None]) + np.log(GRID[1] - GRID[0])  # [G, K]
    z1 = np.stack(np.meshgrid(GRID, GRID, indexing="ij"), axis=-1)  # [G, G, 2], the active one last
    log_px_z1 = np.stack([model.m1.px_z(tf.constant(z1)).log_prob(row).numpy() for row in x])
    log_px_active = special.logsumexp(log_px_z1 + LOG_PRIOR[:, None], axis=1)  # [N, G]
    return special.logsumexp(log_px_active[..., None] + log_p_z1_y, axis=1)


def log_p_xy_of_sdgm(model, x):
    """[N, K], by the grid for z and, in units of p(a|y,z), for a."""
    y, z = np.arange(K)[None], tf.constant(np.repeat(GRID[:, None, None], K, axis=1))  # [G, K, 1]
    pa = model.pa_yz(y, z)
    found = []
    for noise in GRID:  # p(x|a,y,z) at one a of each z and y.
        a = pa.mean() + pa.stddev() * noise
        px = model.px_yz(y, tf.concat([a, z], axis=-1))
        found.append(px.log_prob(x[:, None, None]).numpy())  # [N, G, K]
    log_px_yz = special.logsumexp(np.array(found) + LOG_PRIOR[:, None, None, None], axis=0)
    log_p_xz = special.logsumexp(log_px_yz + LOG_PRIOR[:, None], axis=1)
    return log_p_xz + np.log(model.class_prior)


MODELS = {
    # a leaves p(x, y) of ADGM as it is: that of M2.
    "adgm": (
        lambda: one_dimensional_auxiliary(builders.adgm),
        lambda *a: special.logsumexp(log_p_xy_of_m2(*a), axis=-1),
    ),
    "sdgm": (
        lambda: one_dimensional_auxiliary(builders.sdgm),
        lambda *a: special.logsumexp(log_p_xy_of_sdgm(*a), axis=-1),
    ),
    "m1": (one_dimensional_m1, log_p_of_m1),
    "m2": (one_dimensional_m2, lambda *a: special.logsumexp(log_p_xy_of_m2(*a), axis=-1)),
    "m1+m2": (one_dimensional_stack, lambda *a: special.logsumexp(log_p_xy_of_stack(*a), axis=-1)),
}
