"""Where an export is made: folders as containers have them, and nothing left by whoever fails."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from export import workplace
from export.workplace import Moves, Workplace

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, time
from pathlib import Path
from export.workplace import Workplace
work = Workplace(Path(sys.argv[1]))
with work as folder:
    (folder / "part").write_text("half")
    if sys.argv[2] == "placing":
        with work.uninterrupted():
            print("ready", flush=True)
            time.sleep(1)
            (folder / "part").rename(Path(sys.argv[1], "whole"))
    print("ready", flush=True)
    while True:
        try:
            time.sleep(60)
        except BaseException:  # as a library may
            pass
"""


def export_to(output):
    """What an export does: parts, made inside, end in the folder."""
    with Workplace(output) as folder:
        assert os.stat(folder).st_dev == os.stat(output).st_dev
        (folder / "part").write_text("whole")
        with tempfile.NamedTemporaryFile() as file:
            assert Path(file.name).is_relative_to(output.resolve())
        os.rename(folder / "part", output / "part")


def test_a_new_folder(tmp_path):
    export_to(tmp_path / "a" / "b")

    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["part"]


def test_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    export_to(Path())

    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_a_link_to_a_folder_and_one_to_nowhere_yet(tmp_path):
    (tmp_path / "there").mkdir()
    for name, target in (("link", "there"), ("dangling", "later/on")):
        (tmp_path / name).symlink_to(tmp_path / target)

        export_to(tmp_path / name)

        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target / "part").read_text() == "whole"


def test_another_file_system(tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir() or os.stat(memory).st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("needs /dev/shm")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        export_to(Path(folder))
        assert [path.name for path in Path(folder).iterdir()] == ["part"]


def test_the_root_of_a_file_system_counts_as_empty(tmp_path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".export-x").mkdir()

    assert workplace.content(tmp_path) == []
    (tmp_path / "thesis").mkdir()
    assert workplace.content(tmp_path) == ["thesis"]


def test_a_failure_leaves_nothing_that_it_made(tmp_path):
    (tmp_path / "theirs").mkdir()
    before = tempfile.tempdir
    for output in (tmp_path / "a" / "b", tmp_path / "theirs"):
        with pytest.raises(ValueError, match="fails"), Workplace(output):
            raise ValueError("fails")

    assert [path.name for path in tmp_path.rglob("*")] == ["theirs"]
    assert tempfile.tempdir == before


def test_a_folder_that_cannot_be_is_found_at_once(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(OSError, match="file"), Workplace(tmp_path / "file" / "out"):
        raise AssertionError("must not be entered")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_leftovers_of_the_killed_are_removed_and_not_those_of_the_living(tmp_path):
    output = tmp_path / "out"
    with Workplace(output):
        (living,) = output.iterdir()
        for name in (".export-dead", ".export-theirs"):
            (output / name / "new").mkdir(parents=True)
        (output / ".export-dead" / workplace.MARK).touch()
        with Workplace(output):
            assert living.is_dir() and not (output / ".export-dead").exists()
        assert living.is_dir()
    assert (output / ".export-theirs" / "new").is_dir()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["making", "placing"])
def test_a_signal_ends_it_whatever_is_done_to_exceptions(tmp_path, kind, moment):
    output = tmp_path / "new" / "out"
    command = [sys.executable, "-c", PROGRAM, output, moment]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(kind)
        assert process.wait(timeout=20) == 128 + kind

    left = [path.name for path in tmp_path.rglob("*")]
    assert left == ([] if moment == "making" else ["new", "out", "whole"])


def test_an_ignored_signal_stays_ignored(tmp_path):
    def ignore():  # as a shell does for a job in the background of a script
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    command = [sys.executable, "-c", PROGRAM, tmp_path / "out", "placing"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, preexec_fn=ignore) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"ready\n"  # it lives on
        process.terminate()
        assert process.wait(timeout=20) == 128 + signal.SIGTERM


def test_a_signal_ends_what_was_started_too(tmp_path):
    held = tmp_path / "held"
    child = f"""
import fcntl, os, time
file = open({str(held)!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
os.rename({str(held)!r}, {str(held) + ".ready"!r})
time.sleep(60)
"""
    program = f"""
import sys
from pathlib import Path
from export.workplace import Workplace, run
with Workplace(Path({str(tmp_path / "out")!r})):
    run([sys.executable, "-c", {child!r}], "", 60, Path())
"""
    ready = tmp_path / "held.ready"
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as process:
        wait_for(ready.exists)
        process.terminate()
        assert process.wait(timeout=20) == 128 + signal.SIGTERM

    with ready.open() as file:
        wait_for(lambda: is_free(file))


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_free(file):
    """Whether nobody, such as a living process, holds the lock of a file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_a_killed_one_is_cleaned_up_after(tmp_path):
    output = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, output, "making"], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.kill()
    assert list(output.iterdir())

    export_to(output)

    assert [path.name for path in output.iterdir()] == ["part"]


KILLED = """
import os, signal, sys
from pathlib import Path
from export.workplace import ATTIC, Moves, Workplace
output = Path(sys.argv[1])
with Workplace(output) as folder:
    (folder / "litert").mkdir()
    rename, left = os.rename, [int(sys.argv[2])]
    def count(*arguments):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        rename(*arguments)
    os.rename = count
    with Moves(folder.parent / ATTIC) as moves:
        moves.put(folder / "litert", output / "litert")
"""


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_what_a_killed_one_had_taken_away_comes_back(tmp_path, renames):
    output = tmp_path / "out"
    (output / "litert").mkdir(parents=True)
    (output / "litert" / "notes.txt").write_text("mine")

    done = subprocess.run([sys.executable, "-c", KILLED, output, str(renames)], cwd=ROOT)
    assert done.returncode == (0 if renames == 2 else -signal.SIGKILL)
    assert (output / "litert").exists() == (renames != 1)
    export_to(output)

    assert {path.name for path in output.iterdir()} == {"litert", "part"}
    assert contents(output / "litert") == ({} if renames == 2 else {"notes.txt": "mine"})


def test_what_was_moved_goes_back_on_an_error(tmp_path):
    new, there, attic = (tmp_path / name for name in ("new", "there", "attic"))
    for folder in (new, there, attic, new / "folder", there / "folder"):
        folder.mkdir()
    for file in ("file", "folder/inside"):
        (new / file).write_text("new")
        (there / file).write_text("old")
    (new / "more").write_text("new")

    def move(error):
        with Moves(attic) as moves:
            for name in ("file", "folder", "more"):
                moves.put(new / name, there / name)
            if error:
                raise error

    with pytest.raises(OSError, match="busy"):
        move(OSError("busy"))
    assert contents(there) == {"file": "old", "folder/inside": "old"}

    (new / "file").write_text("new")
    move(None)
    assert contents(there) == {"file": "new", "folder/inside": "new", "more": "new"}


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}
