"""The bounds J(x), L(x, y), U(x), J^alpha of Kingma et al. (2014), L_k(x) of Burda et al. (2016).

Those of ADGM and SDGM (Maaløe et al., 2016) are M2's `with_auxiliary`.

Everything here is per example; a model takes the mean over its batch, once. Signs follow the
papers: J, L and U are minimised, an `Elbo` is -J, -L, -U or L_k. Nothing here knows a model or
draws a sample: x, y, z and distributions come in, tensors go out.
"""

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


class Elbo(NamedTuple):
    """A lower bound on a log-likelihood, in nats, by its two terms.

    Attributes:
        reconstruction: E_q[log p(x|.)].
        kl: what the latent variables cost: KL[q || prior].
    """

    reconstruction: tf.Tensor
    kl: tf.Tensor

    @property
    def elbo(self) -> tf.Tensor:
        return self.reconstruction - self.kl

    def annealed(self, kl_weight: Any) -> tf.Tensor:
        """The bound with a weighted divergence, as in a warm-up; the bound itself at 1."""
        return self.reconstruction - tf.cast(kl_weight, self.kl.dtype) * self.kl


def elbo(x: tf.Tensor, px_z: Any, qz_x: Any, pz: Any) -> Elbo:
    """-J(x) of M1, equation 5: E_q(z|x)[log p(x|z)] - KL[q(z|x) || p(z)].

    Args:
        x: [B, D].
        px_z: p(x|z) at one sample z ~ q(z|x) an example.
        qz_x: q(z|x).
        pz: p(z).

    Returns:
        An `Elbo` of tensors [B].
    """
    reconstruction = px_z.log_prob(x)
    kl = tfd.kl_divergence(qz_x, pz)
    return Elbo(reconstruction, kl)


def log_weights(x: tf.Tensor, z: tf.Tensor, px_z: Any, qz_x: Any, pz: Any) -> Elbo:
    """log w = log p(x, z) - log q(z|x), the logarithm of an unbiased estimate of p(x).

    Args:
        x: [B, 1, D].
        z: [B, S, Z], drawn from q(z|x).
        px_z: p(x|z) at each of them, batch shape [B, S].
        qz_x: q(z|x), batch shape [B, 1].
        pz: p(z).

    Returns:
        An `Elbo` of tensors [B, S]: the bound of one sample, its `kl` log q(z|x) - log p(z).
    """
    reconstruction = px_z.log_prob(x)
    kl = qz_x.log_prob(z) - pz.log_prob(z)
    return Elbo(reconstruction, kl)


def importance_weighted_bound(log_w: Elbo) -> Elbo:
    """L_k(x) of Burda et al. (2016), equation 8: E[log 1/k sum_i w_i], w_i = p(x, z_i) / q(z_i|x).

    L_1 is -J(x), its divergence estimated by the sample; L_k rises with k towards log p(x).

    Args:
        log_w: the `log_weights` of k samples, tensors [B, k].

    Returns:
        An `Elbo` of tensors [B]: L_k is its `elbo`; its `reconstruction` is that of -J(x), and its
        `kl` their difference, smaller than KL[q(z|x) || p(z)] by what k samples gain.
    """
    bound = log_mean_exp(log_w.elbo)
    reconstruction = tf.reduce_mean(log_w.reconstruction, axis=-1)
    return Elbo(reconstruction, reconstruction - bound)


def log_mean_exp(log_w: tf.Tensor) -> tf.Tensor:
    """log 1/k sum_i w_i over the last axis of log w, [..., k] -> [...]."""
    k = tf.cast(tf.shape(log_w)[-1], log_w.dtype)
    return tf.reduce_logsumexp(log_w, axis=-1) - tf.math.log(k)


def labeled_bound(x: tf.Tensor, y: tf.Tensor, px_yz: Any, qz_xy: Any, pz: Any, py: Any) -> Elbo:
    """-L(x, y) of M2, equation 6.

    E_q(z|x,y)[log p(x|y,z)] + log p(y) - KL[q(z|x,y) || p(z)]; `kl` is KL[q(z|x,y) || p(z)] -
    log p(y), the divergence of a point mass on y and q(z|x,y) from p(y) p(z).

    Args:
        x: [B, 1, D].
        y: integers [B, S] or [1, S]: the classes in question.
        px_yz: p(x|y,z) at one sample z ~ q(z|x,y) for each of the classes, batch shape [B, S].
        qz_xy: q(z|x,y), batch shape [B, S].
        pz: p(z).
        py: p(y).

    Returns:
        An `Elbo` of tensors [B, S].
    """
    reconstruction = px_yz.log_prob(x)
    kl = tfd.kl_divergence(qz_xy, pz) - py.log_prob(y)
    return Elbo(reconstruction, kl)


def with_auxiliary(of_m2: Elbo, a: tf.Tensor, pa: Any, qa_x: Any) -> Elbo:
    """-L(x, y) of ADGM and SDGM (Maaløe et al., 2016), at one a ~ q(a|x).

    E_q(a|x)q(z|a,x,y)[log p(x, y, z, a) - log q(a|x) - log q(z|a,x,y)]: M2's bound, of which p(x|.)
    and q(z|.) may depend on a, and what a costs, log q(a|x) - log p(a|.). Weighed by q(y|a,x),
    `unlabeled_bound` makes -U(x) of it. Of `log_weights` of M2 it makes
    log p(x, y, z, a) - log q(a|x) - log q(z|a,x,y).

    Args:
        of_m2: -L(x, y) of M2, or its log weights, tensors [B, S].
        a: [B, 1, A], drawn from q(a|x).
        pa: p(a|x,y,z) (ADGM) or p(a|y,z) (SDGM) at the z of each class, batch shape [B, S].
        qa_x: q(a|x), batch shape [B, 1].

    Returns:
        An `Elbo` of tensors [B, S].
    """
    return of_m2._replace(kl=of_m2.kl + qa_x.log_prob(a) - pa.log_prob(a))


def unlabeled_bound(labeled: Elbo, qy_x: Any, weights: tf.Tensor | None = None) -> Elbo:
    """-U(x) of M2, equation 7: sum_y q(y|x) (-L(x, y)) + H[q(y|x)].

    Args:
        labeled: the `Elbo` -L(x, y) of all K classes, tensors [B, K], or of S of them, [B, S].
        qy_x: q(y|x), batch shape [B].
        weights: [B, S], what stands for q(y|x) where the sum is over S classes; None: over all.

    Returns:
        An `Elbo` of tensors [B].
    """
    if weights is None:
        weights = qy_x.probs_parameter()
    reconstruction = tf.reduce_sum(weights * labeled.reconstruction, axis=-1)
    kl = tf.reduce_sum(weights * labeled.kl, axis=-1) - qy_x.entropy()
    return Elbo(reconstruction, kl)


def j_alpha(
    elbo: tf.Tensor,
    cross_entropy: tf.Tensor,
    labeled: tf.Tensor,
    alpha: float,
    labeled_fraction: Any,
) -> tf.Tensor:
    """J^alpha of equation 9, divided by the N training examples: a term for each example.

    J^alpha = sum_labelled L(x, y) + sum_unlabelled U(x) + alpha N mean_labelled[-log q(y|x)],
    alpha N being the paper's alpha. A labelled example's cross-entropy so weighs
    alpha / (N_labelled / N), and the mean over any uniformly drawn batch is an unbiased estimate
    of J^alpha / N, however many of its examples are labelled.

    Args:
        elbo: [B], -L(x, y) where the label is known and -U(x) elsewhere.
        cross_entropy: [B], -log q(y|x); counts where the label is known.
        labeled: booleans [B].
        alpha: weight of the classification loss, 0.1 in the paper.
        labeled_fraction: N_labelled / N in the data that the batch is drawn from; at 0 there is
            nothing to classify.

    Returns:
        A tensor [B].
    """
    labeled = tf.cast(labeled, elbo.dtype)
    weight = tf.math.divide_no_nan(alpha * labeled, tf.cast(labeled_fraction, elbo.dtype))
    return -elbo + weight * cross_entropy
