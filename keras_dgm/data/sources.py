"""Data sets by name."""

import dataclasses
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_dgm import checks
from keras_dgm.data.dataset import Dataset
from keras_dgm.data.files import load_digits, load_frey_face
from keras_dgm.data.labels import draw_labels
from keras_dgm.data.npz import load_npz
from keras_dgm.data.readers import SUFFIXES, read_table
from keras_dgm.data.tables import load_table
from keras_dgm.data.tfds_sources import TFDS_SOURCES, load_tfds

SOURCES = ("digits", *TFDS_SOURCES, "frey_face")


def load(
    name: str | os.PathLike[str],
    num_labeled: int | None = None,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
    *,
    test: str | os.PathLike[str] | None = None,
    target: str | int | None = None,
    column_types: Mapping[str, str] | None = None,
    missing_token: str | float | None = None,
    header: bool | None = None,
    image_size: int | tuple[int, int] | None = None,
    colour: bool | None = None,
) -> Dataset:
    """Loads a data set, splits it and hides all but a few labels of its training set.

    | name | train / validation / test | D | K |
    |---|---|---|---|
    | `digits` | 1,197 / 200 / 400 | 8 x 8 | 10 |
    | `mnist` | 50,000 / 10,000 / 10,000 | 28 x 28 | 10 |
    | `fashion_mnist` | 50,000 / 10,000 / 10,000 | 28 x 28 | 10 |
    | `svhn_cropped` | 63,257 / 10,000 / 26,032 | 32 x 32 x 3 | 10 |
    | `smallnorb` | 20,250 / 4,050 / 24,300 | 32 x 64: two cameras, side by side | 5 |
    | `lfw` | 8,823 / 2,205 / 2,205 | 32 x 32: grey, the central part | none |
    | `frey_face` | 1,565 / 200 / 200 | 28 x 20 | none |
    | a path that ends in `.npz` | see `keras_dgm.data.npz.load_npz` | | |
    | a path that ends in `.csv`, `.tsv` or `.parquet` | see `keras_dgm.data.from_frame` | | |
    | the path of a folder of images | see `keras_dgm.data.load_image_folder` | | |

    Pixels are scaled to [0, 1]; columns of tables are not. Validation and test sets keep all their
    labels. Nothing is written anywhere, except what TFDS fetches and prepares with `download=True`.

    Args:
        name: a name of the table.
        num_labeled: the number of training labels to keep, the same for each class; None keeps all
            that the source has, 0 none. With one seed a smaller draw is a subset of a larger one.
        seed: an integer of at least 0; fixes the split and, apart from it, the drawn labels.
        data_dir: for the sources of TFDS its folder (by default the environment variable
            `TFDS_DATA_DIR`, or TFDS' default); for `frey_face` the folder of `frey_rawface.mat` (by
            default `KERAS_DGM_DATA_DIR`, or the parent of `TFDS_DATA_DIR`).
        download: whether TFDS may fetch data that is not there.
        test: of a table or a folder of images, a second one whose examples are the test set.
        target: of a table, the column of the classes: a name, or a number from 0, or from -1 for
            the last.
        column_types: of a table, a type by name of column in place of the one found.
        missing_token: of a table, what stands for a missing entry, beside the usual ones.
        header: of a CSV or TSV file, whether its first row is a header; None decides by the rows.
        image_size: of a folder of images, what they are resized to: a side, or (height, width); of
            an `.npz` file of flat rows, of what images they are.
        colour: of a folder of images, whether they have three channels; None: if a file has them.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: if `name` is unknown, `num_labeled` is not divisible by K or larger than some
            class allows, or the file holds what it must not.
        DataNotFoundError: a ValueError and a FileNotFoundError, if the data is not there.

    Examples:
        >>> import keras_dgm as dgm
        >>> data = dgm.data.load("digits", num_labeled=50, seed=0)
        >>> data
        Dataset(digits: 1197 train (50 labelled), 200 validation, 400 test, 64 features, 10 classes)
        >>> data.y_train.min(), data.image_shape
        (np.int32(-1), (8, 8))
    """
    seed = checks.check_seed(seed)
    of_tables = {
        "target": target,
        "column_types": column_types,
        "missing_token": missing_token,
        "header": header,
    }
    of_images = {"image_size": image_size, "colour": colour}
    if str(name).lower().endswith(SUFFIXES):
        _refuse_options(name, of_images)
        data = load_table(
            name,
            _given_target(name, target, header),
            test,
            seed=seed,
            column_types=column_types,
            missing_token=missing_token,
            header=header,
        )
    elif _is_folder(name):
        _refuse_options(name, of_tables)
        # TensorFlow is imported with it.
        from keras_dgm.data.image_folders import load_image_folder

        data = load_image_folder(name, image_size, seed, test=test, colour=colour)
    else:
        _check_name(name)
        is_npz = str(name).lower().endswith(".npz")
        others = {"test": test, **of_tables, **of_images}
        _refuse_options(name, {**others, "image_size": None} if is_npz else others)
        data = _load_source(name, seed, data_dir, download, image_size)
    y_train = draw_labels(data.y_train, num_labeled, data.num_classes, seed)
    return dataclasses.replace(data, y_train=y_train)


def _is_folder(name: str | os.PathLike[str]) -> bool:
    is_other = name in SOURCES or str(name).lower().endswith(".npz")
    return bool(str(name)) and not is_other and Path(name).expanduser().is_dir()


def _refuse_options(name: str | os.PathLike[str], options: dict[str, Any]) -> None:
    for option, value in options.items():
        if value is not None:
            raise ValueError(f"`{option}` must be None for {str(name)!r}, got {value!r}")


def _given_target(
    name: str | os.PathLike[str], target: str | int | None, header: bool | None
) -> str | int:
    if target is not None:
        return target
    columns = read_table(name, header).columns
    shown = ", ".join(map(repr, columns[:20])) + (", ..." if len(columns) > 20 else "")
    raise ValueError(
        f"`target` must name the column of the classes of {name}, one of {shown}; it was not given"
    )


def _load_source(
    name: str | os.PathLike[str],
    seed: int,
    data_dir: str | os.PathLike[str] | None,
    download: bool,
    image_size: int | tuple[int, int] | None,
) -> Dataset:
    if str(name).lower().endswith(".npz"):
        return load_npz(name, seed, image_size)
    if name == "digits":
        return load_digits(seed)
    if name == "frey_face":
        return load_frey_face(seed, data_dir)
    return load_tfds(str(name), seed, data_dir, download)


def _check_name(name: str | os.PathLike[str]) -> None:
    if name in SOURCES or str(name).lower().endswith(".npz"):
        return
    close = difflib.get_close_matches(str(name).lower(), SOURCES, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(
        f"`name` must be one of {', '.join(SOURCES)}, or the path of an .npz, .csv, .tsv or "
        f".parquet file or of a folder of images, got {str(name)!r}{hint}"
    )
