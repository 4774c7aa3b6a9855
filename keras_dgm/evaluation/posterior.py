"""Classification by the model itself, beside the classifier that comes with it."""

import numpy as np
from scipy import special

from keras_dgm.evaluation.likelihood import log_likelihood


def posterior_probs(model, x, num_samples=100, **options):
    """p(y|x) = p(x, y) / sum_y p(x, y), by Bayes' rule on importance-sampled p(x, y).

    `model.predict(x)` is q(y|x), which approximates it.

    Args:
        model: a built model with classes, `M2` or `StackedM1M2`.
        x: [N, D] or [N, ...], raw data.
        num_samples: importance samples of p(x, y), for each class.
        **options: as of `log_likelihood`.

    Returns:
        A NumPy array [N, K].

    Raises:
        ValueError: if the model has no classes, or an argument is out of range.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> m2 = dgm.M2(num_classes=3, latent_dim=2, hidden_units=(16,), seed=0)
        >>> m2.build((None, 8))
        >>> probs = dgm.evaluation.posterior_probs(m2, np.zeros([5, 8]), num_samples=100, verbose=0)
        >>> probs.shape, bool(np.allclose(probs.sum(axis=1), 1, atol=1e-5))
        ((5, 3), True)
    """
    model.check_num_classes()
    estimate = log_likelihood(model, x, num_samples, **options)
    return np.asarray(special.softmax(estimate.log_p_xy, axis=-1))
