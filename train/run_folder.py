"""The folder of a run: what is written there, and when it may be."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
from pathlib import Path

CONFIG = "config.json"
RESULT = "result.json"
MODEL = "model.keras"
M1_MODEL = "m1.keras"
HISTORY = "history.csv"
M1_HISTORY = "m1_history.csv"
TENSORBOARD = "tensorboard"
LIKELIHOOD = "likelihood.json"
FIGURES = "figures"
CHECKPOINTS = "checkpoints"
LOCK = "lock"
FILES = (CONFIG, RESULT, MODEL, M1_MODEL, HISTORY, M1_HISTORY, LIKELIHOOD, LOCK)
ARTIFACTS = (*FILES, TENSORBOARD, FIGURES, CHECKPOINTS)
# What a process that was killed leaves of a file that it was writing.
TEMPORARY = "tmp-"


@contextlib.contextmanager
def opened(folder, overwrite=False, resume=False):
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
        contents = sorted(contents, key=lambda name: name != CONFIG)
        for name in () if resume and CONFIG in contents else contents:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield folder


def _check_contents(folder, overwrite, resume):
    """The names in the folder, without the lock."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`run-dir` must be a folder, got the file {folder}")
    contents = {path.name for path in folder.iterdir()} if folder.exists() else set()
    contents -= {LOCK}
    known = {name for name in contents if name.removeprefix(TEMPORARY) in ARTIFACTS}
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


def _take(lock, folder):
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


@contextlib.contextmanager
def atomic(path):
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


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path, content):
    """Write JSON, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")


def as_json(content):
    """What comes back when `content` has been written to a JSON file and read again."""
    return json.loads(json.dumps(content, default=str))


def read_json(path):
    """The content of a JSON file of an earlier run; None where there is no such file.

    Raises:
        ValueError: if the file is damaged.
    """
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} must hold JSON, got a damaged file: {error}") from None
