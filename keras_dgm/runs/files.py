"""Files that are there as a whole or not at all, and JSON."""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# The most bytes of a JSON file in a .keras file, and how many times its size its content may be.
MAX_JSON = 2**26
MAX_INFLATION = 100

# What a process that was killed leaves of a file that it was writing.
TEMPORARY = "tmp-"


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """A file to write; once complete and on the disk, it takes the place of `path`."""
    path = Path(path)
    temporary = path.with_name(TEMPORARY + path.name)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | os.PathLike, content: Any, indent: int | None = 2) -> None:
    """Write JSON, atomically.

    Args:
        path: of the file.
        content: what JSON can hold; tuples become arrays, NumPy's scalars numbers and booleans.
        indent: of each level; None: all in one line.

    Raises:
        TypeError: if it holds something else, a `Path` say, or an array.
        ValueError: if it holds NaN or an infinity.
    """
    text = _dumps(content, indent)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def as_json(content: Any) -> Any:
    """What comes back when `content` has been written to a JSON file and read again."""
    return json.loads(_dumps(content))


def read_json(path: str | os.PathLike, *, missing_ok: bool = False) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        missing_ok: whether None is returned where there is no such file.

    Raises:
        ValueError: if the file is damaged.
        OSError: if there is none, or it cannot be read.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if missing_ok:
            return None
        raise
    except ValueError as error:
        raise ValueError(f"{path} must hold JSON, got a damaged file: {error}") from None


def _dumps(content: Any, indent: int | None = None) -> str:
    return json.dumps(content, indent=indent, default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"JSON cannot hold a {type(value).__name__}, got {value!r}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_model_file(path: str | os.PathLike, argument: str) -> None:
    """Refuse a `.keras` file whose content takes memory out of proportion, before it is read.

    Args:
        path: of the file.
        argument: what is at fault, in the error message.

    Raises:
        ValueError: if it is no zip archive, or its content is far larger than the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
    except Exception as error:  # zipfile fails in many ways on bytes that are not its own
        raise ValueError(f"`{argument}` must be a .keras file, got {path}: {error}") from None
    size = os.path.getsize(path)
    largest = {name: n for name, n in sizes.items() if name.endswith(".json") and n > MAX_JSON}
    if largest or sum(sizes.values()) > MAX_INFLATION * size:
        raise ValueError(
            f"`{argument}` must be a .keras file of at most {MAX_INFLATION} times its size, with "
            f"JSON of at most {MAX_JSON >> 20} MB, got {path} of {size} bytes, which holds "
            f"{sum(sizes.values())}"
        )


def sha256(path: Any) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
