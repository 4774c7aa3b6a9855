"""log p(x) by integration over the prior, for decoders of few latent dimensions."""

import numpy as np
import tensorflow as tf
from scipy import special, stats

POINTS = 2**16
CHUNK = 2**12


def prior_points(latent_dim, num_points, seed=0):
    """A Sobol sequence through the inverse CDF of N(0, I), [S, Z]; S is a power of 2."""
    unit = stats.qmc.Sobol(latent_dim, rng=seed).random_base2(num_points.bit_length() - 1)
    return special.ndtri(np.clip(unit, 1e-9, 1 - 1e-9)).astype(np.float32)


def log_marginal(model, x, z):
    """log p(x) = log 1/S sum_s p(x|z_s) of an M1, z_s ~ p(z), an array [N].

    It needs no encoder, and so is the same for every way to train a decoder. The z_s serve all x:
    a Bernoulli log p(x|z) is linear in x, log p(0|z) + x · logits(z), one matrix product.

    Args:
        model: an `M1` with a Bernoulli likelihood.
        x: [N, D], in {0, 1}.
        z: [S, Z], `prior_points`.
    """
    total = np.full(len(x), -np.inf)
    for start in range(0, len(z), CHUNK):
        total = np.logaddexp(total, _log_sum(model, x, z[start : start + CHUNK]))
    return total - np.log(len(z))


def _log_sum(model, x, z):
    px_z = model.px_z(tf.constant(z))
    logits = px_z.distribution.logits_parameter()  # [S, D]
    log_px_z = px_z.log_prob(tf.zeros_like(logits)) + tf.matmul(x, logits, transpose_b=True)
    return tf.reduce_logsumexp(log_px_z, axis=-1).numpy().astype(np.float64)
