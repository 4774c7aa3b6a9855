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

KEYS = ("x", "y", "x_valid", "y_valid", "x_test", "y_test", "class_names")


def load_npz(path: str | os.PathLike[str], seed: int) -> Dataset:
    """Loads `x` and, optionally, `y`, `x_valid`, `y_valid`, `x_test`, `y_test`, `class_names`.

    Features have shape [N, ...] and are flattened. uint8 features with a maximum above 1 are taken
    for pixels and divided by 255; other numbers are kept as they are. NaN is a missing entry.

    Labels are integers [N], -1 for unlabelled; where they are absent, every example is unlabelled.
    K is the length of `class_names`, or else one more than the highest label of all splits; where
    a number below it has no label, the others are renumbered, keep their number as their name, and
    a warning says so.

    An absent test set is 20 % of the labelled examples in `x`, an absent validation set 10 % of
    them, drawn in proportion to the classes; examples with y = -1 all stay in the training set, and
    so does the last labelled example of each class. Without any label the same parts of all
    examples are held out.

    Args:
        path: the file; it is only read, and nothing in it is ever unpickled.
        seed: fixes what is held out.

    Raises:
        DataNotFoundError: if there is no such file.
        ValueError: if the file is not a complete .npz, has no `x`, holds object arrays, or holds
            features or labels that break the rules above.
    """
    path = Path(path).expanduser()
    arrays = _read(path)
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
