"""How much of latent space a model uses."""

from typing import Any

import numpy as np
import numpy.typing as npt


def kl_per_dimension(model: Any, x: npt.ArrayLike, batch_size: int = 1000) -> np.ndarray:
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

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> m1 = dgm.M1(latent_dim=3, hidden_units=(16,), seed=0)
        >>> m1.build((None, 8))
        >>> dgm.evaluation.kl_per_dimension(m1, np.zeros([10, 8])).shape
        (3,)
    """
    model.check_built()
    x = model.check_features(x)
    kl = model.in_batches(model.kl_per_dimension, x, batch_size=batch_size)
    return np.sort(kl.mean(axis=0))[::-1]
