"""The folder in which an export is made: inside its output, and gone afterwards, come what may."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".export-"
# Tells the folders of exports from others of such a name.
MARK = ".keras_dgm_export"
# In such a folder, what was replaced in the output.
ATTIC = "earlier"
# What a file system of its own has at its root.
OF_A_MOUNT_POINT = {"lost+found"}
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_children: set[subprocess.Popen] = set()


def content(output: Path) -> list[str]:
    """The names in a folder that an export has to mind, sorted; none where there is no folder."""
    if not output.is_dir():
        return []
    names = {path.name for path in output.iterdir()} - OF_A_MOUNT_POINT
    return sorted(name for name in names if not name.startswith(PREFIX))


class Moves:
    """Moves into place, all of which are undone if an exception leaves this context.

    Args:
        attic: an empty folder, of the same file system, for what is replaced, by its name.
    """

    def __init__(self, attic: Path):
        self._attic = attic
        self._undo: list[tuple[Path, Path]] = []

    def __enter__(self) -> "Moves":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            return
        for old, new in reversed(self._undo):
            with contextlib.suppress(OSError):  # the others can still go back
                os.rename(old, new)

    def put(self, part: Path, target: Path) -> None:
        """Move a part to its place; a file replaces a file in one step.

        Raises:
            OSError: if it cannot be.
        """
        if os.path.lexists(target) and not (target.is_dir() or part.is_dir()):
            saved = self._attic / target.name
            shutil.copy2(target, saved, follow_symlinks=False)
            os.rename(part, target)
            self._undo.append((saved, target))
            return
        self.take_away(target)
        self.rename(part, target)

    def take_away(self, target: Path) -> None:
        """Move what is there, if anything, into the attic.

        Raises:
            OSError: if it cannot be.
        """
        if os.path.lexists(target):
            self.rename(target, self._attic / target.name)

    def rename(self, old: Path, new: Path) -> None:
        """As `os.rename`."""
        os.rename(old, new)
        self._undo.append((new, old))


class Workplace:
    """A folder inside `output`, which is made where it is not there; a context.

    What else makes temporary files makes them there. On leaving, by an error or a signal too, it
    is removed, and `output` with it if it was made and holds nothing. SIGINT and SIGTERM end the
    process with the status that a shell gives them. What a killed one left is removed by the next.

    Args:
        output: a folder, or a link to one, that may not be there yet.

    Raises:
        OSError: if it cannot be made or written to.
    """

    def __init__(self, output: Path):
        # Of a link, also one to nowhere, what it points at.
        self._output = output.resolve()
        self._uninterrupted, self._pending = False, 0

    def __enter__(self) -> Path:
        lineage = [self._output, *self._output.parents]
        self._made = [folder for folder in lineage if not folder.exists()]
        self._handlers = {}
        if threading.current_thread() is threading.main_thread():
            # What is ignored, as by a job in a shell's background, stays so.
            numbers = [n for n in SIGNALS if signal.getsignal(n) != signal.SIG_IGN]
            self._handlers = {n: signal.signal(n, self._interrupted) for n in numbers}
        self._folder, self._lock, self._tempdir = None, None, tempfile.tempdir
        try:
            self._output.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self._output)
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._output))
            # Marked once it is locked: what is marked and not locked is of the dead.
            self._lock = _lock(self._folder)
            (self._folder / MARK).touch()
            (self._folder / ATTIC).mkdir()
            (self._folder / "temporary").mkdir()
            tempfile.tempdir = str(self._folder / "temporary")
            made = self._folder / "new"
            made.mkdir()
        except BaseException:
            self.__exit__()
            raise
        return made

    def __exit__(self, *_) -> None:
        tempfile.tempdir = self._tempdir
        self._clean()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """A stretch at whose end alone a signal ends the process."""
        self._uninterrupted = True
        try:
            yield
        finally:
            self._uninterrupted = False
            if self._pending:
                self._interrupted(self._pending)

    def _interrupted(self, number, _=None):
        if self._uninterrupted:
            self._pending = number
            return
        for child in list(_children):
            child.kill()
        self._clean()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        # An exception would be lost in whatever the libraries are doing.
        os._exit(128 + number)

    def _clean(self):
        if self._folder is not None:
            _remove(self._folder)
        if self._lock is not None:
            os.close(self._lock)
        self._folder = self._lock = None
        for folder in self._made:  # the innermost first
            with contextlib.suppress(OSError):
                folder.rmdir()


def run(command: list[str], text: str, timeout: float, cwd: Path) -> subprocess.CompletedProcess:
    """As `subprocess.run`, with the input `text`, of a process that ends if a signal ends this one.

    Raises:
        subprocess.TimeoutExpired: after `timeout` seconds.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=cwd
    ) as process:
        _children.add(process)
        try:
            output, errors = process.communicate(text, timeout)
        finally:
            process.kill()
            _children.remove(process)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def remove_leftovers(output: Path) -> None:
    """Remove the folders of exports that were killed, not those of running ones.

    What such a one had taken away, and not replaced yet, goes back.
    """
    for mark in output.glob(f"{PREFIX}*/{MARK}"):
        lock = _lock(mark.parent)
        if lock is not None:
            for part in (mark.parent / ATTIC).glob("*"):
                if not os.path.lexists(output / part.name):
                    os.rename(part, output / part.name)
            _remove(mark.parent)
            os.close(lock)


def _remove(folder: Path) -> None:
    """Remove a workplace, its mark last, by which a half removed one is still known."""
    with contextlib.suppress(OSError):
        for part in folder.iterdir():
            if part.name != MARK:
                shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> int | None:
    """A lock on a folder that ends with the process; None where another holds it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
