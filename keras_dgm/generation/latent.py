"""How much of latent space a model uses, and where it puts the data there."""

import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from keras_dgm import checks
from keras_dgm.distributions import tfd
from keras_dgm.generation.requirements import check_model
from keras_dgm.models import M1, M2, ConditionalM1


def kl_per_dimension(model, x, batch_size=1000):
    """KL[q(z_d|x) || p(z_d)] of each latent dimension, the largest first: which have collapsed.

    Of M2 the divergence is that of q(z_d|x,y), averaged over q(y|x); of M1+M2 that of z2, at the
    mean of q(z1|x).

    Args:
        model: a built model.
        x: array [N, D] or [N, ...].
        batch_size: examples at a time.

    Returns:
        Nats, averaged over the examples, [Z], descending.

    Raises:
        ValueError: if the model is not built, or `x` is not what it takes.
    """
    check_model(model, M1, M2, ConditionalM1)

    def kl(x):
        observed = model.observe(x)
        if not isinstance(model, M2):
            return per_dimension(model.qz_x(observed["x"]))
        x = model.expected_observation(observed)
        kl = per_dimension(model.qz_xy(x, tf.range(model.num_classes)[None]))  # [B, K, Z]
        return tf.einsum("bk,bkz->bz", model.qy_x(x).probs_parameter(), kl)

    x = model.check_features(x)
    return np.sort(model.in_batches(kl, x, batch_size=batch_size).mean(axis=0))[::-1]


def per_dimension(qz):
    """KL[q(z_d) || N(0, 1)], [..., Z], of a diagonal Gaussian."""
    normal = qz.distribution
    return tfd.kl_divergence(normal, tfd.Normal(tf.zeros([], normal.dtype), 1.0))


def project(codes, method="tsne", seed=0):
    """Codes in the plane, by scikit-learn.

    Args:
        codes: [N, Z], Z >= 2: what `embed` returns.
        method: `"pca"`, or `"tsne"` for more than a few examples.
        seed: of t-SNE.

    Returns:
        [N, 2].

    Raises:
        ValueError: if an argument is out of range.
    """
    codes = checks.check_features(codes, argument="codes")
    if codes.shape[1] < 2:
        raise ValueError(f"`codes` must have at least 2 dimensions, got {codes.shape[1]}")
    seed = checks.check_seed(seed)
    if method == "pca":
        return PCA(2, random_state=seed).fit_transform(codes)
    if method != "tsne":
        raise ValueError(f"`method` must be 'pca' or 'tsne', got {method!r}")
    perplexity = min(30.0, (len(codes) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(codes)
