"""Sources that are one file: `digits` of scikit-learn and `frey_rawface.mat`."""

import os
from pathlib import Path

import numpy as np

from keras_dgm.data.dataset import DataNotFoundError, Dataset, Examples, assemble, unlabeled

FREY_FILE = "frey_rawface.mat"


def load_digits(seed: int) -> Dataset:
    """Handwritten digits of 8 x 8 pixels: 1,197 train, 200 validation, 400 test; 10 classes.

    The test set of Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998),
    as it comes inside scikit-learn.
    """
    from sklearn.datasets import load_digits as read

    digits = read()
    examples = Examples(digits.images, digits.target)
    names = [str(name) for name in digits.target_names]
    return assemble("digits", examples, valid=200, test=400, seed=seed, scale=16, class_names=names)


def load_frey_face(seed: int, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Frames of one face, 28 x 20 pixels: 1,565 train, 200 validation, 200 test; no labels.

    B. Frey and S. Roweis; `frey_rawface.mat` as it is published, `ff` of shape [560, 1965]. The
    frames are those of a film, so a held-out frame has near neighbours among the training ones.

    Args:
        seed: fixes the split.
        data_dir: the folder of `frey_rawface.mat`. None looks in the folder that the environment
            variable `KERAS_DGM_DATA_DIR` names, then in the parent of `TFDS_DATA_DIR`.

    Raises:
        DataNotFoundError: if the file is in none of them.
        ValueError: if the file is not the Frey face file.
    """
    frames = _read_frey(_find_frey(data_dir)).T.reshape(-1, 28, 20)
    return assemble("frey_face", unlabeled(frames), valid=200, test=200, seed=seed, scale=255)


def _find_frey(data_dir: str | os.PathLike[str] | None) -> Path:
    folders = _frey_folders() if data_dir is None else [Path(data_dir).expanduser()]
    for folder in folders:
        if (folder / FREY_FILE).is_file():
            return folder / FREY_FILE
    looked = " and ".join(str(folder) for folder in folders) or "no folder, as neither is set"
    raise DataNotFoundError(
        f"frey_face needs {FREY_FILE}: set `data_dir` or the environment variable "
        f"KERAS_DGM_DATA_DIR to its folder (looked in {looked})"
    )


def _frey_folders() -> list[Path]:
    folders = []
    if os.environ.get("KERAS_DGM_DATA_DIR"):
        folders.append(Path(os.environ["KERAS_DGM_DATA_DIR"]).expanduser())
    if os.environ.get("TFDS_DATA_DIR"):
        folders.append(Path(os.environ["TFDS_DATA_DIR"]).expanduser().absolute().parent)
    return folders


def _read_frey(path: Path) -> np.ndarray:
    import scipy.io

    try:
        contents = scipy.io.loadmat(path, variable_names=["ff"])
    except Exception as error:  # scipy's reader fails in many ways on bytes that are not its own
        raise ValueError(f"{path} is not a readable .mat file: {error}") from error
    faces = contents.get("ff")
    if faces is None or faces.dtype != np.uint8 or faces.shape != (560, 1965):
        received = "no `ff`" if faces is None else f"{faces.dtype} {list(faces.shape)}"
        raise ValueError(f"{path} must hold `ff`, uint8 [560, 1965], got {received}")
    return faces
