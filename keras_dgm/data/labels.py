"""Few labels out of many."""

import numpy as np
import numpy.typing as npt

from keras_dgm import checks


def draw_labels(
    y: npt.ArrayLike, num_labeled: int | None, num_classes: int, seed: int = 0
) -> np.ndarray:
    """Keeps `num_labeled / K` labels of each class, drawn at random, and hides the others.

    With one seed a smaller draw is a subset of a larger one.

    Args:
        y: integers [N] from 0 to K-1, -1 where the label is unknown.
        num_labeled: the number of labels to keep; None keeps all, 0 hides all.
        num_classes: K.
        seed: an integer of at least 0 that fixes the draw.

    Returns:
        int32 [N], -1 where the label is unknown or hidden. Never `y` itself.

    Raises:
        ValueError: if `num_labeled` is negative, not divisible by K or larger than the labels of
            some class allow, or `y` is not as described.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.data import draw_labels
        >>> y = draw_labels(np.repeat([0, 1, 2], 10), num_labeled=6, num_classes=3, seed=0)
        >>> np.unique(y, return_counts=True)[1].tolist()  # Of -1, 0, 1, 2.
        [24, 2, 2, 2]
    """
    y = checks.check_labels(y, num_classes=num_classes)
    if num_labeled is None:
        return y.copy()
    per_class = _labels_per_class(y, num_labeled, num_classes)
    rng = np.random.default_rng(checks.check_seed(seed))
    kept = np.full(len(y), -1, np.int32)
    for label in range(num_classes):
        kept[rng.permutation(np.flatnonzero(y == label))[:per_class]] = label
    return kept


def _labels_per_class(y: np.ndarray, num_labeled: int, num_classes: int) -> int:
    if isinstance(num_labeled, bool) or not isinstance(num_labeled, (int, np.integer)):
        raise ValueError(f"`num_labeled` must be None or an integer, got {num_labeled!r}")
    if num_labeled < 0:
        raise ValueError(f"`num_labeled` must be None or at least 0, got {num_labeled}")
    if num_labeled == 0:
        return 0
    if num_classes == 0:
        raise ValueError(
            f"`num_labeled` must be None or 0 for data without labels, got {num_labeled}"
        )
    if num_labeled % num_classes:
        raise ValueError(
            f"`num_labeled` must be divisible by the {num_classes} classes, got {num_labeled}"
        )
    available = np.bincount(y[y >= 0], minlength=num_classes)
    rarest = int(np.argmin(available))
    if num_labeled > num_classes * available[rarest]:
        raise ValueError(
            f"`num_labeled` must be at most {num_classes * available[rarest]}, {num_classes} times "
            f"the {available[rarest]} labels of class {rarest}, got {num_labeled}"
        )
    return int(num_labeled) // num_classes
