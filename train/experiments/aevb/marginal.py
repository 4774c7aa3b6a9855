"""log p(x) by importance sampling near p(z|x), for decoders of few latent dimensions."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

from keras_dgm import distributions

tfd = tfp.distributions

# Points of the prior, a power of 2, then rounds of importance samples of each example.
POINTS, SAMPLES, ROUNDS = 2**14, 64, 4
# The part of p(z) in a proposal: no weight exceeds p(x|z) / DEFENCE.
DEFENCE = 0.1
BATCH = 250


class LogMarginal:
    """log p(x) = log 1/S sum_s p(x|z_s) p(z_s) / r(z_s|x) of an M1, z_s ~ r(z|x).

    r(z|x) = 0.1 p(z) + 0.9 N(mean, covariance) has the moments of p(z|x), found from points of the
    prior, then, a few times, from samples of the r before. It needs no encoder, and so is the same
    for every way to train a decoder.

    Args:
        model: a built `M1` with a Bernoulli likelihood.
        seed: of the points and of the samples.
    """

    def __init__(self, model, seed=0):
        self.model = model
        self.points = tf.constant(prior_points(model.latent_dim, POINTS, seed))
        self.pz = distributions.standard_normal([model.latent_dim], self.points.dtype)
        self.seed = seed

    def __call__(self, x):
        """Of x [N, D] in {0, 1}: the estimates and their Monte-Carlo standard errors, [N]."""
        batches = [self.estimate(tf.constant(x[i : i + BATCH])) for i in range(0, len(x), BATCH)]
        return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))

    @tf.function(jit_compile=True)
    def estimate(self, x):
        """As `__call__`, of x [B, D]."""
        proposal, z, log_w = self.pz, self.points[:, None], self.log_px_points(x)
        for turn in range(ROUNDS):
            proposal = self.fit(proposal, z, log_w)
            z, log_w = self.sample(x, proposal, [self.seed, turn])
        log_p = tf.reduce_logsumexp(log_w, axis=0) - np.log(SAMPLES)
        stderr = tf.math.reduce_std(tf.exp(log_w - log_p), axis=0) / SAMPLES**0.5
        return log_p, stderr

    def log_px_points(self, x):
        """log p(x|z_s) = log p(0|z_s) + x · logits(z_s) of the points of the prior, [S, B]."""
        px_z = self.model.px_z(self.points)
        logits = px_z.distribution.logits_parameter()  # [S, D]
        log_p0_z = px_z.log_prob(tf.zeros_like(logits))  # [S]
        return log_p0_z[:, None] + tf.matmul(logits, x, transpose_b=True)

    def sample(self, x, proposal, seed):
        """z [S, B, Z] of r(z|x), and log p(x, z) - log r(z|x), [S, B]."""
        z = proposal.sample(SAMPLES, seed)
        log_p_xz = self.model.px_z(z).log_prob(x) + self.pz.log_prob(z)
        return z, log_p_xz - proposal.log_prob(z)

    def fit(self, proposal, z, log_w):
        """r(z|x) from samples z of a proposal, with the moments that log weights [S, B] give.

        To the covariance is added the squared distance between samples near the mean,
        (S proposal(mean))^(-2/Z): they cannot show that p(z|x) is narrower.
        """
        Z = self.model.latent_dim
        w = tf.nn.softmax(log_w, axis=0)[..., None]  # [S, B, 1]
        mean = tf.reduce_sum(w * z, axis=0)  # [B, Z]
        away = z - mean
        covariance = tf.einsum("sbi,sbj->bij", w * away, away)
        distance = (len(z) * proposal.prob(mean)) ** (-1 / Z)  # [B]
        covariance += distance[:, None, None] ** 2 * tf.eye(Z)
        scale = tf.linalg.cholesky(covariance)
        return tfd.MixtureSameFamily(
            tfd.Categorical(probs=[DEFENCE, 1 - DEFENCE]),
            tfd.MultivariateNormalTriL(
                tf.stack([tf.zeros_like(mean), mean], axis=1),
                tf.stack([tf.eye(Z, batch_shape=[len(mean)]), scale], axis=1),
            ),
        )


def prior_points(latent_dim, num_points, seed):
    """A Sobol sequence through the inverse CDF of N(0, I), [S, Z]; S is a power of 2."""
    unit = stats.qmc.Sobol(latent_dim, rng=seed).random_base2(num_points.bit_length() - 1)
    return special.ndtri(np.clip(unit, 1e-9, 1 - 1e-9)).astype(np.float32)
