"""A user's own data in an .npz file."""

import math
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_dgm import checks
from keras_dgm.data.columns import IDENTIFIER_ROWS
from keras_dgm.data.dataset import (
    DataNotFoundError,
    Dataset,
    Examples,
    assemble,
    own_splits,
    unlabeled,
)

KEYS = ("x", "y", "x_valid", "y_valid", "x_test", "y_test", "class_names", "split")
# What `split` says of an example, and what the arrays of such examples are called.
PARTS = {"train": "", "valid": "_valid", "test": "_test"}


def load_npz(
    path: str | os.PathLike[str], seed: int, image_size: int | tuple[int, int] | None = None
) -> Dataset:
    """Loads `x` and, optionally, `y`, `x_valid`, `y_valid`, `x_test`, `y_test`, `class_names`.

    Features have shape [N, ...] and are flattened. uint8 features with a maximum above 1 are taken
    for pixels and divided by 255; other numbers are kept as they are. NaN is a missing entry.

    Labels are integers [N], -1 for unlabelled; where they are absent, every example is unlabelled.
    K is the length of `class_names`, or else one more than the highest label of all splits; where
    a number below it has no label, the others are renumbered, keep their number as their name, and
    a warning says so.

    Instead of `x_valid` and the others there may be `split`, [N]: of each example in `x` the text
    train, valid or test, or 0 for training and 1 for testing.

    An absent test set is 20 % of the labelled examples in `x`, an absent validation set 10 % of
    them, drawn in proportion to the classes; examples with y = -1 all stay in the training set, and
    so does the last labelled example of each class. Without any label the same parts of all
    examples are held out.

    Args:
        path: the file; it is only read, and nothing in it is ever unpickled.
        seed: fixes what is held out.
        image_size: of flat rows, the side or the (height, width) of the images that they are.

    Raises:
        DataNotFoundError: if there is no such file.
        ValueError: if the file is not a complete .npz, has no `x`, holds object arrays, or holds
            features or labels that break the rules above.
    """
    path = Path(path).expanduser()
    arrays = _as_images(_parted(_read(path)), image_size)
    names = _given_names(arrays)
    train = _examples(arrays, "", names)
    width = math.prod(train.x.shape[1:])
    valid = _examples(arrays, "_valid", names, width) if "x_valid" in arrays else None
    test = _examples(arrays, "_test", names, width) if "x_test" in arrays else None
    if names is None:
        classes = _classes([split.y for split in (train, valid, test) if split is not None])
        names = tuple(map(str, classes))
        train = _renumbered(train, classes)
        valid = valid and _renumbered(valid, classes)
        test = test and _renumbered(test, classes)
    num_valid, num_test = own_splits(train.y)
    return assemble(
        path.stem,
        train,
        valid=num_valid if valid is None else valid,
        test=num_test if test is None else test,
        seed=seed,
        scale=_scale(arrays),
        class_names=names,
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        raise DataNotFoundError(f"{path} does not exist: `name` must be that of an .npz file")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} must be a complete .npz file, got a truncated or other one")
    try:
        opened = np.load(path, allow_pickle=False)
    except Exception as error:  # zipfile fails in many ways on bytes that are not its own
        raise ValueError(f"{path} must be a complete .npz file, got: {error}") from error
    with opened as archive:
        arrays = {key: _member(archive, key, path) for key in KEYS if key in archive.files}
        if "x" not in arrays:
            held = ", ".join(archive.files[:10]) or "nothing"
            raise ValueError(f"{path} must hold an array `x`, got {held}")
    for features, labels in (("x_valid", "y_valid"), ("x_test", "y_test")):
        if labels in arrays and features not in arrays:
            raise ValueError(
                f"{path} must hold `{features}` beside `{labels}`, got `{labels}` alone"
            )
    return arrays


def _parted(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of each part of the data by their own names, where `split` says which is which."""
    split = arrays.pop("split", None)
    if split is None:
        return arrays
    others = sorted(set(arrays) & {"x_valid", "y_valid", "x_test", "y_test"})
    if others:
        raise ValueError(f"`split` must stand alone, got `{others[0]}` beside it")
    names = np.array(list(PARTS))
    marks = names[[0, 2]][split] if _is_of(split, (0, 1), "iub") else split
    if not _is_of(marks, names, "U") or marks.shape != arrays["x"].shape[:1]:
        raise ValueError(
            "`split` must be train, valid or test, or 0 for training and 1 for testing, for each "
            f"example in `x`, got {split.dtype} of shape {split.shape}"
        )
    whole = {key: arrays.pop(key) for key in ("x", "y") if key in arrays}
    found = [part for part in PARTS if (marks == part).any()]
    if "train" not in found:
        raise ValueError("`split` must leave an example to train on, got none")
    parts = {
        key + PARTS[part]: values[marks == part] for part in found for key, values in whole.items()
    }
    return {**arrays, **parts}


def _is_of(array: np.ndarray, values: Any, kinds: str) -> bool:
    """Whether a vector holds these values alone, in one of these kinds of types."""
    return array.ndim == 1 and array.dtype.kind in kinds and bool(np.isin(array, values).all())


def _as_images(
    arrays: dict[str, np.ndarray], image_size: int | tuple[int, int] | None
) -> dict[str, np.ndarray]:
    """Flat rows as images [N, height, width, channels]."""
    if image_size is None:
        return arrays
    given = (image_size, image_size) if isinstance(image_size, int) else image_size
    sides = checks.check_widths(given, argument="image_size", at_least=2)
    images = dict(arrays)
    for key in ("x", "x_valid", "x_test"):
        if key not in arrays:
            continue
        x = arrays[key]
        if (
            x.ndim != 2
            or len(sides) != 2
            or x.shape[1] not in [c * math.prod(sides) for c in (1, 3, 4)]
        ):
            raise ValueError(
                "`image_size` must be that of rows of 1, 3 or 4 numbers a pixel, got "
                f"{image_size!r} for `{key}` of shape {x.shape}"
            )
        images[key] = x.reshape(len(x), *sides, -1)
    return images


def _member(archive: Any, key: str, path: Path) -> np.ndarray:
    try:
        return np.asarray(archive[key])
    except Exception as error:  # so do numpy and zipfile on a member
        raise ValueError(
            f"`{key}` in {path} must be a complete array of numbers or strings, for nothing is "
            f"ever unpickled, got: {error}"
        ) from error


def _given_names(arrays: dict[str, np.ndarray]) -> tuple[str, ...] | None:
    if "class_names" not in arrays:
        return None
    names = arrays["class_names"]
    if names.ndim != 1 or names.dtype.kind != "U":
        raise ValueError(
            f"`class_names` must be a vector of strings, got {names.dtype} of shape {names.shape}"
        )
    return tuple(str(name) for name in names)


def _examples(
    arrays: dict[str, np.ndarray],
    suffix: str,
    names: tuple[str, ...] | None,
    width: int | None = None,
) -> Examples:
    received = arrays["x" + suffix]
    x = checks.check_features(received, argument="x" + suffix, width=width, missing=True)
    x = x.reshape(received.shape)
    if "y" + suffix not in arrays:
        return unlabeled(x)
    y = checks.check_labels(
        arrays["y" + suffix],
        num_classes=None if names is None else len(names),
        argument="y" + suffix,
        length=len(x),
    )
    return Examples(x, y)


def _classes(labels: list[np.ndarray]) -> np.ndarray:
    """The labels that there are, in order."""
    every = np.concatenate(labels)
    classes = np.unique(every[every >= 0])
    if len(classes) and classes[-1] >= len(classes):
        _warn_of_gap(classes, int(np.count_nonzero(every >= 0)))
    return classes


def _warn_of_gap(classes: np.ndarray, labeled: int) -> None:
    absent = int(np.setdiff1d(np.arange(len(classes)), classes)[0])
    if len(classes) == labeled >= IDENTIFIER_ROWS:
        raise ValueError(
            "`y` must hold fewer classes than labels, got "
            f"{labeled} different ones, of which none is {absent}"
        )
    warnings.warn(
        f"`y` has no label {absent}: its {len(classes)} different labels, from {classes[0]} to "
        f"{classes[-1]}, become the classes 0 to {len(classes) - 1}, whose names they are",
        stacklevel=6,
    )


def _renumbered(examples: Examples, classes: np.ndarray) -> Examples:
    """The same, each label as its place among the classes."""
    places = np.searchsorted(classes, examples.y)
    return Examples(examples.x, np.where(examples.y >= 0, places, -1).astype(np.int32))


def _scale(arrays: dict[str, np.ndarray]) -> float:
    """255 for pixels, 1 for anything else; one scale for all splits."""
    features = {key: arrays[key] for key in ("x", "x_valid", "x_test") if key in arrays}
    pixels = {key for key, x in features.items() if x.dtype == np.uint8}
    if pixels and len(pixels) < len(features):
        received = ", ".join(f"{key} {x.dtype}" for key, x in features.items())
        raise ValueError(f"either all of the features must be uint8 or none, got {received}")
    return 255 if any(features[key].max() > 1 for key in pixels) else 1
