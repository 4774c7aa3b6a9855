"""Which pixels of an image are observed: booleans [D], in the order of a flattened image."""

import numpy as np


def centre(image_shape, fraction=0.5):
    """The middle of the image: `fraction` of its height and of its width.

    Args:
        image_shape: (height, width) or (height, width, channels).
        fraction: above 0 and below 1.

    Raises:
        ValueError: if `fraction` is out of range.

    Examples:
        >>> from keras_dgm.generation import centre
        >>> centre((4, 4)).astype(int).reshape(4, 4).tolist()
        [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    if not 0 < fraction < 1:
        raise ValueError(f"`fraction` must lie between 0 and 1, got {fraction}")
    mask = np.zeros(image_shape, bool)
    height, width = image_shape[:2]
    rows, columns = round(height * fraction), round(width * fraction)
    top, left = (height - rows) // 2, (width - columns) // 2
    mask[top : top + rows, left : left + columns] = True
    return mask.ravel()


def left_half(image_shape):
    """The left half of the image.

    Args:
        image_shape: (height, width) or (height, width, channels).

    Examples:
        >>> from keras_dgm.generation import left_half
        >>> left_half((2, 4)).astype(int).reshape(2, 4).tolist()
        [[1, 1, 0, 0], [1, 1, 0, 0]]
    """
    mask = np.zeros(image_shape, bool)
    mask[:, : image_shape[1] // 2] = True
    return mask.ravel()
