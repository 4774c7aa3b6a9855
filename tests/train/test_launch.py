"""Workers on this host: how they end together, and go on together."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interruptions import SHORT, assert_same_runs

from keras_dgm.runs import run_folder
from train import launch
from train.cli import main


def processes(*programs):
    return [subprocess.Popen([sys.executable, "-c", program]) for program in programs]


def test_the_first_to_fail_ends_the_others(monkeypatch, capsys):
    monkeypatch.setattr(launch, "SECONDS_TO_END", 0.1)
    running = processes("import time; time.sleep(60)", "raise SystemExit(3)")
    try:
        assert launch.wait(running) == 3
        assert capsys.readouterr().err == "launch: worker 1 ended with 3; ending the others\n"
    finally:
        running[0].kill()
        assert running[0].wait() == -signal.SIGKILL


def test_one_that_is_killed(capsys):
    running = processes("import os; os.kill(os.getpid(), 9)")
    assert launch.wait(running) == 128 + signal.SIGKILL
    assert "worker 0 was ended by SIGKILL" in capsys.readouterr().err


def test_all_that_succeed():
    assert launch.wait(processes("", "")) == 0


WRONG = {
    "no worker": (["--workers", "0", "--", "fit"], "`workers` must be an integer of at least 1"),
    "no command": ([], "`command` must be fit, draws, scaling, after --, got ()"),
    "another": (["--", "table1"], "`command` must be fit, draws, scaling"),
}


@pytest.mark.parametrize("arguments, message", WRONG.values(), ids=WRONG)
def test_a_wrong_call(arguments, message, capsys):
    assert main(["launch", *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("config", [None, "{}", "[", '{"cluster": {"worker": ["a:1"]}}'])
def test_workers_that_nothing_names(config, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    assert main(["fit", "--strategy", "multi-worker", "--run-dir", str(tmp_path / "run")]) == 1
    assert "TF_CONFIG must name the workers" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


M2 = ["--model", "m2", "--m2.epochs", "5"]


@contextlib.contextmanager
def launched(folder):
    """A run of two workers, which is gone in the end; what it says is in FOLDER.errors."""
    command = [sys.executable, "-m", "train", "launch", "--", "fit", *SHORT, *M2]
    with folder.with_suffix(".errors").open("w") as errors:
        launcher = subprocess.Popen([*command, "--run-dir", str(folder)], stderr=errors)
    try:
        yield launcher
    finally:
        for process in [*workers_of(launcher), launcher.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        launcher.wait()


def workers_of(launcher):
    """The process ids of its workers, in order; none where it has ended."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    return [] if launcher.poll() is not None else [int(pid) for pid in children.read_text().split()]


def killed(folder, victim):
    """Kill a worker of a run on that folder after its next save, and return what the job says."""
    before = set((folder / "checkpoints").glob("m2-*.keras"))
    with launched(folder) as launcher:
        while not set((folder / "checkpoints").glob("m2-*.keras")) - before:
            assert launcher.poll() is None
            time.sleep(0.1)
        os.kill(workers_of(launcher)[victim], signal.SIGKILL)
        assert launcher.wait(timeout=60) == 128 + signal.SIGKILL
    return folder.with_suffix(".errors").read_text()


@pytest.mark.slow
def test_a_killed_worker_ends_the_job_which_resumes_bit_for_bit(tmp_path):
    folder, whole = tmp_path / "run", tmp_path / "whole"
    for victim in (1, 0):
        errors = killed(folder, victim)
        assert f"launch: worker {victim} was ended by SIGKILL; ending the others" in errors
        assert errors.count("error: another worker has ended or does not answer") == 1
    for each in (folder, whole):
        with launched(each) as launcher:
            assert launcher.wait(timeout=600) == 0
    assert_same_runs(folder, whole)
    history = (folder / "history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in history] == ["epoch", "0", "1", "2", "3", "4"]
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "history.csv", "lock", "model.keras", "result.json"} | {
        run_folder.TENSORBOARD
    }
