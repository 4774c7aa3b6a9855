"""Images in folders, one folder a class."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.data.batches import order_outside_graph, untuned
from keras_dgm.data.dataset import DataNotFoundError, Dataset, Examples, assemble, own_splits

SUFFIXES = (".png", ".jpg", ".jpeg")
UNLABELED = ("unlabeled", "unlabelled")
MAX_BYTES = 2 * 2**30

_PNG = b"\x89PNG\r\n\x1a\n"
_GREY_PNG = (0, 4)  # colour types: grey, grey with alpha

Name = str | os.PathLike[str]
Size = int | tuple[int, int]


@dataclass(frozen=True)
class _Folder:
    """The images of a folder, before they are decoded.

    Attributes:
        paths: of N images.
        y: int32 [N], the class of each, -1 where it is unknown.
        class_names: K names.
        shape: (height, width, channels) of what an image becomes.
        resized: whether images have to be brought to that size.
    """

    paths: tuple[str, ...]
    y: np.ndarray
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    resized: bool

    def decode(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """The images of these rows, uint8 [B, height, width, channels]."""
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
            raise _broken(path, error.message) from None
        if self.resized:
            image = tf.image.resize(image, (height, width), antialias=True)
            image = tf.saturate_cast(tf.round(image), tf.uint8)
        elif image.shape != self.shape:
            raise _broken(path, f"got an image of {image.shape} pixels")
        return image.numpy()


def load_image_folder(
    path: Name,
    image_size: Size | None = None,
    seed: int = 0,
    *,
    test: Name | None = None,
    colour: bool | None = None,
) -> Dataset:
    """Loads PNG and JPEG images, one sub-folder a class.

    A sub-folder `unlabeled` holds images without a class. Pixels are scaled to [0, 1]. An absent
    test set is 20 % of the labelled images, the validation set 10 % of them, drawn in proportion to
    the classes; the others, and the unlabelled ones, are for training.

    Args:
        path: the folder.
        image_size: what images are resized to, stretched where the proportions differ: a side, or
            (height, width). None keeps the size of the files, which then must be one.
        seed: fixes what is held out.
        test: a second folder of the same classes, whose images are the test set.
        colour: whether images have three channels, or one; None: three if a file has them.

    Raises:
        DataNotFoundError: if there is no such folder.
        ValueError: if a folder holds anything else, a class has no image, there is but one class,
            an image is broken, the images have several sizes and `image_size` is None, or they take
            more than 2 GB of memory; the message names the file.
    """
    folder = _scan(path, image_size, colour)
    second = None
    if test is not None:
        second = _scan(test, folder.shape[:2], folder.shape[2] == 3, folder.class_names)
    _check_memory(path, folder.shape, len(folder.paths) + len(second.paths if second else ()))
    num_valid, num_test = own_splits(folder.y)
    return assemble(
        Path(path).name,
        _examples(folder),
        valid=num_valid,
        test=num_test if second is None else _examples(second),
        seed=checks.check_seed(seed),
        scale=255,
        class_names=folder.class_names,
    )


def image_folder_batches(
    path: Name,
    batch_size: int,
    *,
    image_size: Size | None = None,
    colour: bool | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """Shuffled batches of all the images of a folder, read as they are needed, for `fit`.

    The images come in another order each epoch; every batch holds its share of the labelled ones.

    Args:
        path: the folder, as for `load_image_folder`.
        batch_size: the last batch may be smaller.
        image_size: as for `load_image_folder`.
        colour: as for `load_image_folder`.
        seed: of the orders.

    Returns:
        A dataset of (x, y): float32 [B, D] in [0, 1], D being height x width x channels, and int32
        [B], -1 where the class is unknown. Classes are numbered in the order of the names of their
        folders. A file that turns out broken raises `tf.errors.InvalidArgumentError` with its path.

    Raises:
        DataNotFoundError: if there is no such folder.
        ValueError: as `load_image_folder`, but for broken images and the memory.
    """
    batch_size = checks.check_positive_integer(batch_size, argument="batch_size")
    folder = _scan(path, image_size, colour)
    width, labels = math.prod(folder.shape), tf.constant(folder.y)
    labeled = tf.constant(folder.y >= 0)

    def read(rows: np.ndarray) -> np.ndarray:
        return folder.decode(rows).reshape(len(rows), width) / np.float32(255)

    def decode(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.numpy_function(read, [rows], tf.float32)
        return tf.ensure_shape(x, [None, width]), tf.gather(labels, rows)

    def rows_of(epoch_seed: tf.Tensor) -> tf.data.Dataset:
        order = order_outside_graph(labeled, epoch_seed, 0)
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
    batches = seeds.flat_map(rows_of).map(decode, num_parallel_calls=2, deterministic=True)
    steps = math.ceil(len(folder.paths) / batch_size)
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)
    return batches.with_options(untuned())


def _examples(folder: _Folder) -> Examples:
    return Examples(folder.decode(range(len(folder.paths))), folder.y)


def _scan(
    path: Name,
    image_size: Size | None,
    colour: bool | None,
    class_names: tuple[str, ...] | None = None,
) -> _Folder:
    root = Path(path).expanduser()
    if not root.is_dir():
        raise DataNotFoundError(f"{root} does not exist: it must be a folder of images")
    folders = {folder.name: _images(folder) for folder in _visible(root) if _is_class(folder)}
    found = tuple(name for name in folders if name.lower() not in UNLABELED)
    if not folders or (len(found) == 1 and class_names is None):
        raise ValueError(
            f"{root} must hold one sub-folder a class, and at least two or {UNLABELED[0]!r} alone, "
            f"got {', '.join(folders) or 'none'}"
        )
    if class_names is not None and not set(found) <= set(class_names):
        strange = sorted(set(found) - set(class_names))[0]
        raise ValueError(f"{root / strange} must be one of the classes {', '.join(class_names)}")
    class_names = found if class_names is None else class_names
    number = {name: index for index, name in enumerate(class_names)}
    paths = [file for files in folders.values() for file in files]
    y = [number.get(name, -1) for name, files in folders.items() for _ in files]
    shapes = [_shape(file) for file in paths]
    size = _size(image_size) or _only_size(paths, shapes)
    channels = 3 if (any(s[2] == 3 for s in shapes) if colour is None else colour) else 1
    return _Folder(
        paths=tuple(map(str, paths)),
        y=np.array(y, np.int32),
        class_names=class_names,
        shape=(*size, channels),
        resized=any(shape[:2] != size for shape in shapes),
    )


def _visible(folder: Path) -> list[Path]:
    entries = sorted(folder.iterdir())
    return [e for e in entries if not e.name.startswith(".") and e.name != "Thumbs.db"]


def _is_class(entry: Path) -> bool:
    if not entry.is_dir():
        raise ValueError(f"{entry} must be in the sub-folder of a class, or in {UNLABELED[0]!r}")
    return True


def _images(folder: Path) -> list[Path]:
    files = _visible(folder)
    for file in files:
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            raise ValueError(f"{file} must be a PNG or JPEG file")
    if not files:
        raise ValueError(f"{folder} must hold an image at least, got an empty folder")
    return files


def _shape(path: Path) -> tuple[int, int, int]:
    """Height, width and channels, 1 or 3, as the head of the file has them."""
    with path.open("rb") as file:
        head = file.read(26)
        if head.startswith(_PNG) and head[12:16] == b"IHDR" and len(head) == 26:
            width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
            return height, width, 1 if head[25] in _GREY_PNG else 3
        contents = head + file.read()
    try:
        height, width, channels = tf.io.extract_jpeg_shape(contents).numpy().tolist()
    except tf.errors.OpError as error:
        raise _broken(path, error.message) from None
    return height, width, 1 if channels == 1 else 3


def _size(image_size: Size | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    sides = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if len(sides) != 2:
        raise ValueError(f"`image_size` must be a side or (height, width), got {image_size!r}")
    height, width = (checks.check_positive_integer(s, argument="image_size") for s in sides)
    return height, width


def _only_size(paths: Sequence[Path], shapes: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    height, width, _ = shapes[0]
    for path, shape in zip(paths, shapes, strict=True):
        if shape[:2] != (height, width):
            raise ValueError(
                f"{path} must be of the size of {paths[0]}, {width} x {height}, got {shape[1]} x "
                f"{shape[0]}: give `image_size` to have all images resized"
            )
    return height, width


def _check_memory(path: Name, shape: tuple[int, int, int], count: int) -> None:
    needed = 4 * count * math.prod(shape)
    if needed > MAX_BYTES:
        raise ValueError(
            f"{path} must take at most {MAX_BYTES >> 20} MB of memory, got {needed >> 20} MB for "
            f"{count} images of {shape[1]} x {shape[0]}: give a smaller `image_size`, or train "
            "from `keras_dgm.data.image_folder_batches`"
        )


def _broken(path: Name, reason: str) -> ValueError:
    return ValueError(f"{path} must be a sound PNG or JPEG file, got: {reason.splitlines()[0]}")
