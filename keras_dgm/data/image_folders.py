"""Images in folders, one folder a class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.data.batches import order_outside_graph, untuned
from keras_dgm.data.dataset import DataNotFoundError, Dataset, Examples, assemble, own_splits
from keras_dgm.data.image_files import (
    ImageFiles,
    Name,
    Shape,
    check,
    check_memory,
    shape_of,
    visible,
)

UNLABELED = ("unlabeled", "unlabelled")

Size = int | tuple[int, int]


@dataclass(frozen=True)
class _Folder:
    """The images of a folder, and their classes.

    Attributes:
        images: N of them.
        y: int32 [N], the class of each, -1 where it is unknown.
        class_names: K names.
    """

    images: ImageFiles
    y: np.ndarray
    class_names: tuple[str, ...]


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
    shape = folder.images.shape
    second = None
    if test is not None:
        second = _scan(test, shape[:2], shape[2] == 3, folder.class_names)
    check_memory(path, shape, len(folder.y) + len(second.y if second else ()))
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
    width, labels = math.prod(folder.images.shape), tf.constant(folder.y)
    labeled = tf.constant(folder.y >= 0)

    def read(rows: np.ndarray) -> np.ndarray:
        return folder.images.decode(rows).reshape(len(rows), width) / np.float32(255)

    def decode(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.numpy_function(read, [rows], tf.float32)
        return tf.ensure_shape(x, [None, width]), tf.gather(labels, rows)

    def rows_of(epoch_seed: tf.Tensor) -> tf.data.Dataset:
        order = order_outside_graph(labeled, epoch_seed, 0)
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
    batches = seeds.flat_map(rows_of).map(decode, num_parallel_calls=2, deterministic=True)
    steps = math.ceil(len(folder.y) / batch_size)
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)
    return batches.with_options(untuned())


def _examples(folder: _Folder) -> Examples:
    return Examples(folder.images.decode(range(len(folder.y))), folder.y)


def _scan(
    path: Name,
    image_size: Size | None,
    colour: bool | None,
    class_names: tuple[str, ...] | None = None,
) -> _Folder:
    root = Path(path).expanduser()
    if not root.is_dir():
        raise DataNotFoundError(f"{root} does not exist: it must be a folder of images")
    folders = {folder.name: _images(folder) for folder in visible(root) if _is_class(folder)}
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
    shapes = [shape_of(file) for file in paths]
    size = _size(image_size) or _only_size(paths, shapes)
    channels = 3 if (any(s[2] == 3 for s in shapes) if colour is None else colour) else 1
    resized = any(shape[:2] != size for shape in shapes)
    images = ImageFiles(tuple(map(str, paths)), (*size, channels), resized)
    return _Folder(images, np.array(y, np.int32), class_names)


def _is_class(entry: Path) -> bool:
    if not entry.is_dir():
        raise ValueError(f"{entry} must be in the sub-folder of a class, or in {UNLABELED[0]!r}")
    return True


def _images(folder: Path) -> list[Path]:
    files = [check(file) for file in visible(folder)]
    if not files:
        raise ValueError(f"{folder} must hold an image at least, got an empty folder")
    return files


def _size(image_size: Size | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    sides = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(sides) != 2:
        raise ValueError(f"`image_size` must be a side or (height, width), got {image_size!r}")
    height, width = (checks.check_positive_integer(s, argument="image_size") for s in sides)
    return height, width


def _only_size(paths: Sequence[Path], shapes: Sequence[Shape]) -> tuple[int, int]:
    height, width, _ = shapes[0]
    for path, shape in zip(paths, shapes, strict=True):
        if shape[:2] != (height, width):
            raise ValueError(
                f"{path} must be of the size of {paths[0]}, {width} x {height}, got {shape[1]} x "
                f"{shape[0]}: give `image_size` to have all images resized"
            )
    return height, width
