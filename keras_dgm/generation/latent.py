"""Where a model puts the data in latent space."""

from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from keras_dgm import checks


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

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.generation import project
        >>> project(np.random.default_rng(0).normal(size=(20, 5)), method="pca").shape
        (20, 2)
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
