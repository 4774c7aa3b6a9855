"""Data sets by name."""

import dataclasses
import difflib
import os

from keras_dgm import checks
from keras_dgm.data.dataset import Dataset
from keras_dgm.data.files import load_digits, load_frey_face
from keras_dgm.data.labels import draw_labels
from keras_dgm.data.npz import load_npz
from keras_dgm.data.tfds_sources import TFDS_SOURCES, load_tfds

SOURCES = ("digits", *TFDS_SOURCES, "frey_face")


def load(
    name: str | os.PathLike[str],
    num_labeled: int | None = None,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> Dataset:
    """Loads a data set, splits it and hides all but a few labels of its training set.

    | name | train / validation / test | D | K |
    |---|---|---|---|
    | `digits` | 1,197 / 200 / 400 | 8 x 8 | 10 |
    | `mnist` | 50,000 / 10,000 / 10,000 | 28 x 28 | 10 |
    | `svhn_cropped` | 63,257 / 10,000 / 26,032 | 32 x 32 x 3 | 10 |
    | `smallnorb` | 20,250 / 4,050 / 24,300 | 32 x 64: two cameras, side by side | 5 |
    | `lfw` | 8,823 / 2,205 / 2,205 | 32 x 32: grey, the central part | none |
    | `frey_face` | 1,565 / 200 / 200 | 28 x 20 | none |
    | a path that ends in `.npz` | see `keras_dgm.data.npz.load_npz` | | |

    Pixels are scaled to [0, 1]. Validation and test sets keep all their labels. Nothing is written
    anywhere, except what TFDS fetches and prepares with `download=True`.

    Args:
        name: a name of the table.
        num_labeled: the number of training labels to keep, the same for each class; None keeps all
            that the source has, 0 none. With one seed a smaller draw is a subset of a larger one.
        seed: an integer of at least 0; fixes the split and, apart from it, the drawn labels.
        data_dir: for `mnist`, `svhn_cropped`, `smallnorb` and `lfw` the folder of TFDS (by default
            the environment variable `TFDS_DATA_DIR`, or TFDS' default); for `frey_face` the folder
            of `frey_rawface.mat` (by default `KERAS_DGM_DATA_DIR`, or the parent of
            `TFDS_DATA_DIR`).
        download: whether TFDS may fetch data that is not there.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: if `name` is unknown, `num_labeled` is not divisible by K or larger than some
            class allows, or the file holds what it must not.
        DataNotFoundError: a ValueError and a FileNotFoundError, if the data is not there.
    """
    seed = checks.check_seed(seed)
    data = _load_all_labels(name, seed, data_dir, download)
    y_train = draw_labels(data.y_train, num_labeled, data.num_classes, seed)
    return dataclasses.replace(data, y_train=y_train)


def _load_all_labels(
    name: str | os.PathLike[str],
    seed: int,
    data_dir: str | os.PathLike[str] | None,
    download: bool,
) -> Dataset:
    if str(name).lower().endswith(".npz"):
        return load_npz(name, seed)
    if name == "digits":
        return load_digits(seed)
    if name == "frey_face":
        return load_frey_face(seed, data_dir)
    if name in TFDS_SOURCES:
        return load_tfds(str(name), seed, data_dir, download)
    close = difflib.get_close_matches(str(name).lower(), SOURCES, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(
        f"`name` must be one of {', '.join(SOURCES)}, or the path of an .npz file, "
        f"got {str(name)!r}{hint}"
    )
