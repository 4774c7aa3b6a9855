"""PNG and JPEG files as arrays."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_dgm.data.dataset import DataNotFoundError

SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_BYTES = 2 * 2**30

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_GREY_PNG = (0, 4)  # colour types: grey, grey with alpha

Name = str | os.PathLike[str]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class ImageFiles:
    """Images before they are decoded.

    Attributes:
        paths: of N images.
        shape: (height, width, channels) of what an image becomes.
        resized: whether images have to be brought to that size.
    """

    paths: tuple[str, ...]
    shape: Shape
    resized: bool

    def decode(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """The images of these rows, uint8 [B, height, width, channels].

        Raises:
            ValueError: if one is broken, with its path.
        """
        images = np.empty([len(rows), *self.shape], np.uint8)
        for image, row in zip(images, rows, strict=True):
            image[...] = self._decode(self.paths[row])
        return images

    def _decode(self, path: str) -> np.ndarray:
        height, width, channels = self.shape
        try:
            image = tf.io.decode_image(
                tf.io.read_file(path), channels=channels, expand_animations=False
            )
        except tf.errors.OpError as error:
            raise broken(path, error.message) from None
        if self.resized:
            image = tf.image.resize(image, (height, width), antialias=True)
            image = tf.saturate_cast(tf.round(image), tf.uint8)
        elif image.shape != self.shape:
            raise broken(path, f"got an image of {image.shape} pixels")
        return image.numpy()


def read_images(path: Name, image_shape: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """The images of a folder and its sub-folders, for a trained model.

    Args:
        path: the folder.
        image_shape: (height, width) or (height, width, 3) of the images that the model is of; those
            of another size are resized, stretched where the proportions differ.

    Returns:
        Their paths, sorted, and float32 [N, D] in [0, 1].

    Raises:
        DataNotFoundError: if there is no such folder.
        ValueError: if it holds anything else or no image, an image is broken, or they take more
            than 2 GB of memory; the message names the file.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise DataNotFoundError(f"{root} does not exist: it must be a folder of images")
    folders = [root, *(folder for folder in root.rglob("*") if folder.is_dir())]
    files = sorted(check(entry) for f in folders for entry in visible(f) if not entry.is_dir())
    if not files:
        raise ValueError(f"{root} must hold an image at least, got none")
    height, width, channels = (*image_shape, 1)[:3]
    resized = any(shape_of(file)[:2] != (height, width) for file in files)
    images = ImageFiles(tuple(map(str, files)), (height, width, channels), resized)
    check_memory(root, images.shape, len(files))
    x = images.decode(range(len(files))).reshape(len(files), -1)
    return list(images.paths), x / np.float32(255)


def visible(folder: Path) -> list[Path]:
    """The entries of a folder, sorted, but those that systems hide."""
    entries = sorted(folder.iterdir())
    return [e for e in entries if not e.name.startswith(".") and e.name != "Thumbs.db"]


def check(file: Path) -> Path:
    """The file, refused by a ValueError unless it is named as an image is."""
    if file.suffix.lower() not in SUFFIXES or not file.is_file():
        raise ValueError(f"{file} must be a PNG or JPEG file")
    return file


def shape_of(path: Path) -> Shape:
    """Height, width and channels, 1 or 3, as the head of the file has them.

    Raises:
        ValueError: if the file is broken, with its path.
    """
    with path.open("rb") as file:
        head = file.read(26)
        if head.startswith(_PNG) and head[12:16] == b"IHDR" and len(head) == 26:
            width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
            return height, width, 1 if head[25] in _GREY_PNG else 3
        if not head.startswith(_JPEG):
            raise broken(path, f"a file that begins with {head[:8]!r}")
        contents = head + file.read()
    try:
        height, width, channels = tf.io.extract_jpeg_shape(contents).numpy().tolist()
    except tf.errors.OpError as error:
        raise broken(path, error.message) from None
    return height, width, 1 if channels == 1 else 3


def check_memory(path: Name, shape: Shape, count: int) -> None:
    """Refuses images that take too much memory by a ValueError with the limit."""
    needed = 4 * count * math.prod(shape)
    if needed > MAX_BYTES:
        raise ValueError(
            f"{path} must take at most {MAX_BYTES >> 20} MB of memory, got {needed >> 20} MB for "
            f"{count} images of {shape[1]} x {shape[0]}: give a smaller `image_size`, or train "
            "from `keras_dgm.data.image_folder_batches`"
        )


def broken(path: Name, reason: str) -> ValueError:
    """What is raised for a file that is no sound image."""
    # Of TensorFlow's messages without the operations that they come from.
    said = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", reason.splitlines()[0]).strip()
    return ValueError(f"{path} must be a sound PNG or JPEG file, got: {said}")
