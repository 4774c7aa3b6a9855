"""The folder of a run: what is written there, when it may be, and what it says."""

import contextlib
import dataclasses
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from keras_dgm.runs import files

CONFIG = "config.json"
RESULT = "result.json"
MODEL = "model.keras"
M1_MODEL = "m1.keras"
HISTORY = "history.csv"
M1_HISTORY = "m1_history.csv"
TENSORBOARD = "tensorboard"
LIKELIHOOD = "likelihood.json"
SCORE = "score.json"
FIGURES = "figures"
CHECKPOINTS = "checkpoints"
LOCK = "lock"
FILES = (CONFIG, RESULT, MODEL, M1_MODEL, HISTORY, M1_HISTORY, LIKELIHOOD, SCORE, LOCK)
ARTIFACTS = (*FILES, TENSORBOARD, FIGURES, CHECKPOINTS)
# What is read of it, where it is there.
CONFIG_TYPES = {
    "dataset": str,
    "num_labeled": int,
    "seed": int,
    "data_dir": str,
    "settings": dict,
    "options": dict,
}
RESULT_TYPES = {"dataset": dict}
DATASET_TYPES = {"class_names": list, "image_shape": list, "schema": dict}


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """What the folder of a finished run says, its types checked.

    Attributes:
        path: the folder.
        config: the content of config.json.
        result: the content of result.json.
    """

    path: Path
    config: dict[str, Any]
    result: dict[str, Any]

    @property
    def model(self) -> Path:
        """The file of the model."""
        return self.path / MODEL

    @property
    def history(self) -> Path:
        """The file of the history of its training."""
        return self.path / HISTORY

    @property
    def m1_history(self) -> Path | None:
        """That of the M1 under a stack; None: none was trained."""
        path = self.path / M1_HISTORY
        return path if path.is_file() else None

    @property
    def dataset(self) -> str | None:
        """What `keras_dgm.data.load` was told."""
        return self.config.get("dataset")

    @property
    def num_labeled(self) -> int | None:
        """How many labels were kept; None: all."""
        return self.config.get("num_labeled")

    @property
    def seed(self) -> int:
        """Of the split of the data."""
        return self.config.get("seed") or 0

    @property
    def data_dir(self) -> str | None:
        """Where the data was; None: where `keras_dgm.data.load` looks by itself."""
        return self.config.get("data_dir")

    @property
    def options(self) -> dict[str, Any]:
        """What else `keras_dgm.data.load` was told."""
        return self.config.get("options") or {}

    @property
    def schema(self) -> dict[str, Any] | None:
        """How the rows of its table become examples; None of other data."""
        return (self.result.get("dataset") or {}).get("schema")

    @property
    def class_names(self) -> list | None:
        """Those of the data set."""
        return (self.result.get("dataset") or {}).get("class_names")

    @property
    def image_shape(self) -> list | None:
        """That of the data set; None: tables."""
        return (self.result.get("dataset") or {}).get("image_shape")


def read(folder: str | os.PathLike, argument: str = "run") -> RunFolder:
    """What the folder of a finished run says.

    Args:
        folder: its path.
        argument: the name of `folder` in error messages.

    Raises:
        ValueError: if a file is missing or damaged, or a value is of another type.
    """
    folder = Path(folder)
    config, result = read_config(folder), read_result(folder)
    if config is None or result is None:
        missing = CONFIG if config is None else RESULT
        raise ValueError(
            f"`{argument}` must be the folder of a finished run of python -m train fit, "
            f"got {folder}, which is no such run folder: it has no {missing}"
        )
    return RunFolder(folder, config, result)


def read_config(folder: Path) -> dict[str, Any] | None:
    """The content of config.json; None of a run that has not begun. Raises as `read`."""
    return _read(folder / CONFIG, CONFIG_TYPES)


def read_result(folder: Path) -> dict[str, Any] | None:
    """The content of result.json; None of a run that has not finished. Raises as `read`."""
    path = folder / RESULT
    result = _read(path, RESULT_TYPES)
    _check_types((result or {}).get("dataset") or {}, path, DATASET_TYPES)
    return result


def _read(path: Path, types: Mapping[str, type]) -> dict[str, Any] | None:
    content = files.read_json(path, missing_ok=True)
    if content is None and not path.exists():
        return None
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold an object, got {content!r}")
    _check_types(content, path, types)
    return content


def _check_types(content: dict[str, Any], path: Path, types: Mapping[str, type]) -> None:
    """Refuse values that are neither absent nor of these types."""
    for key, kind in types.items():
        value = content.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ValueError(f"{path} must hold {key} as a {kind.__name__}, got {value!r}")


@contextlib.contextmanager
def opened(
    folder: str | os.PathLike, overwrite: bool = False, resume: bool = False
) -> Iterator[Path]:
    """A run folder that is this process's alone.

    It is empty, of an earlier run's with `overwrite`, or as an interrupted run left it with
    `resume`; nothing else is touched.

    Raises:
        ValueError: if the folder cannot be written, is in use or holds something else.
    """
    folder = Path(folder)
    _check_contents(folder, overwrite, resume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a+")
    except OSError as error:
        raise ValueError(f"`run-dir` must be writable, got {folder} ({error.strerror})") from error
    with lock:
        _take(lock, folder)
        contents = _check_contents(folder, overwrite, resume)
        # The settings go first: without them nothing else is resumed from.
        stale = sorted(contents, key=lambda name: name != CONFIG)
        for name in () if resume and CONFIG in contents else stale:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield folder


def _check_contents(folder: Path, overwrite: bool, resume: bool) -> set[str]:
    """The names in the folder, without the lock."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`run-dir` must be a folder, got the file {folder}")
    contents = {path.name for path in folder.iterdir()} if folder.exists() else set()
    contents -= {LOCK}
    known = {name for name in contents if name.removeprefix(files.TEMPORARY) in ARTIFACTS}
    if contents and not (overwrite or resume):
        raise ValueError(
            f"`run-dir` must be new or empty (or add --overwrite or --resume), got {folder}, "
            f"which holds {', '.join(sorted(contents))}"
        )
    if contents != known:
        raise ValueError(
            f"`run-dir` must hold nothing but an earlier run to be overwritten or resumed, "
            f"got {folder}, which holds {', '.join(sorted(contents - known))}"
        )
    return contents


def _take(lock: IO[str], folder: Path) -> None:
    """Hold the lock until its file is closed, by the end of the process if not before."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        raise ValueError(
            f"`run-dir` must not be in use by another process, got {folder}, "
            f"which {lock.read().strip() or 'another process'} has locked"
        ) from error
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    lock.flush()
