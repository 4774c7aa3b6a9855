"""Images out of latent space: samples, the manifold, styles."""

import numpy as np
from scipy import stats

from keras_dgm import checks


def samples(model, num_samples=10, seed=0):
    """Means of p(x|z), or of p(x|y,z) for every class, at draws of z from the prior.

    Args:
        model: a built `M1`, `M2` or `StackedM1M2`; nothing about it changes, its seed included.
        num_samples: N, for each class where there are classes.
        seed: of the draws.

    Returns:
        Raw data [K, N, D]; of M1, which has no classes, [1, N, D].

    Raises:
        ValueError: if an argument is out of range.

    Examples:
        >>> import keras_dgm as dgm
        >>> m2 = dgm.M2(num_classes=3, latent_dim=2, hidden_units=(16,), seed=0)
        >>> m2.build((None, 8))
        >>> dgm.generation.samples(m2, num_samples=5).shape
        (3, 5, 8)
    """
    model.check_built()
    num_samples = checks.check_positive_integer(num_samples, argument="num_samples")
    rng = np.random.default_rng(checks.check_seed(seed))
    return model.samples(rng.standard_normal([num_samples, model.latent_dim]))


def quantiles(size):
    """The middles of `size` cells of equal probability under N(0, 1), [S], ascending."""
    return stats.norm.ppf((np.arange(size) + 0.5) / size)


def plane(axis):
    """The points of a square grid, [S, S, 2]: the first coordinate grows to the right, the second
    upwards, as rows are drawn from the top.
    """
    first, second = np.meshgrid(axis, axis[::-1])
    return np.stack([first, second], axis=-1)


def manifold(model, size=20):
    """The learned manifold of a 2-D latent space, on a grid through the inverse Gaussian CDF.

    Args:
        model: a built `M1` with two latent dimensions.
        size: S, points along each axis.

    Returns:
        Raw data [S, S, D]; z1 grows to the right, z2 upwards.

    Raises:
        ValueError: if the model has another number of latent dimensions, or S is not positive.

    References:
        Kingma and Welling (2014), arXiv 1312.6114, figure 4.

    Examples:
        >>> import keras_dgm as dgm
        >>> m1 = dgm.M1(latent_dim=2, hidden_units=(16,), seed=0)
        >>> m1.build((None, 8))
        >>> dgm.generation.manifold(m1, size=5).shape
        (5, 5, 8)
    """
    m1 = model.as_m1()
    m1.check_latent_dim(2)
    size = checks.check_positive_integer(size, argument="size")
    z = plane(quantiles(size))
    return m1.generate(z.reshape(-1, 2)).reshape(size, size, -1)


def styles(model, classes, size=15, limit=5.0):
    """Every class held fixed while a 2-D z varies: style apart from content.

    Args:
        model: a built `M2` or `StackedM1M2` with two latent dimensions.
        classes: integers [C], from 0 to K - 1.
        size: S, points along each axis.
        limit: z goes from minus this to this along each axis.

    Returns:
        Raw data [C, S, S, D]; z1 grows to the right, z2 upwards, alike for all classes.

    Raises:
        ValueError: if the model has another number of latent dimensions, a class does not exist,
            or a size or limit is not positive.

    References:
        Kingma et al. (2014), arXiv 1406.5298, figure 1 (a).

    Examples:
        >>> import keras_dgm as dgm
        >>> m2 = dgm.M2(num_classes=3, latent_dim=2, hidden_units=(16,), seed=0)
        >>> m2.build((None, 8))
        >>> dgm.generation.styles(m2, classes=[0, 2], size=5).shape
        (2, 5, 5, 8)
    """
    model.check_latent_dim(2)
    classes = checks.check_labels(
        classes, num_classes=model.check_num_classes(), argument="classes", lowest=0
    )
    size = checks.check_positive_integer(size, argument="size")
    if not 0 < limit < float("inf"):
        raise ValueError(f"`limit` must be positive and finite, got {limit}")
    z = plane(np.linspace(-limit, limit, size)).reshape(-1, 2)
    y = np.repeat(classes, len(z))
    return model.generate(y, np.tile(z, [len(classes), 1])).reshape(len(classes), size, size, -1)
