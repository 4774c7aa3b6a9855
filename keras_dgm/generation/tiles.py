"""Many images in one."""

import math

import numpy as np


def tile(images, image_shape, gap=0, fill=0.0):
    """Images side by side in one.

    Args:
        images: [R, C, D], R rows of C images.
        image_shape: (height, width) or (height, width, channels) of one.
        gap: pixels between neighbours.
        fill: what the gaps hold.

    Returns:
        [R H + (R - 1) gap, C W + (C - 1) gap], with a last axis of channels where there are any.

    Raises:
        ValueError: if `images` has another shape, or `image_shape` another number of pixels.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.generation import tile
        >>> tile(np.zeros([2, 3, 64]), image_shape=(8, 8), gap=1).shape
        (17, 26)
    """
    images = np.asarray(images)
    if images.ndim != 3 or math.prod(image_shape) != images.shape[-1]:
        raise ValueError(
            f"`images` must have shape [R, C, {math.prod(image_shape)}], for an `image_shape` of "
            f"{tuple(image_shape)}; got {images.shape}"
        )
    rows, columns, _ = images.shape
    height, width, *channels = image_shape
    padded = np.full([rows, height + gap, columns, width + gap, *channels], fill, images.dtype)
    padded[:, :height, :, :width] = images.reshape(
        rows, columns, height, width, *channels
    ).swapaxes(1, 2)
    sheet = padded.reshape(rows * (height + gap), columns * (width + gap), *channels)
    return sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap]
