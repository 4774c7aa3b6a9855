"""Runs in processes of their own that tests kill."""

import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np

from train.cli import main

# Validation, and a save after each epoch.
SHORT = ["--num-labeled", "50", "--m1.epochs", "14", "--m1.hidden-units", "20"]
SHORT += ["--m1.kl-warmup", "5"]
SHORT += ["--m2.epochs", "14", "--m2.hidden-units", "20"]
SHORT += ["--no-baselines", "--checkpoint-seconds", "0", "--resume"]


def start(folder, *arguments):
    """A run on that folder, or what remains of it, in a process of its own."""
    command = [sys.executable, "-m", "train", "fit", *SHORT, *arguments]
    return subprocess.Popen(
        [*command, "--run-dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(folder, *arguments):
    """The same in this process, to its end."""
    assert main(["fit", *SHORT, *arguments, "--run-dir", str(folder)]) == 0


def wait_for_saves(process, folder, count, within=False):
    """Return after `count` saves of this process, or within the next, or when it has ended."""
    seen = set((folder / "checkpoints").glob("*"))
    while process.poll() is None:
        new = set((folder / "checkpoints").glob("*")) - seen
        saving = {path for path in new if path.name.startswith("tmp-")}
        seen |= new - saving
        count -= len(new - saving)
        if count <= 0 and (saving or not within):
            return
        time.sleep(0.0005)


def stop(process, number=signal.SIGKILL):
    """Send a signal, and return the exit status and what was printed."""
    process.send_signal(number)
    output, _ = process.communicate()
    return process.returncode, output


def survive(folder, *arguments, kills, seed):
    """Kill a run at random moments, every other one within a save, and resume it each time."""
    draw = random.Random(seed)
    for number in range(kills):
        process = start(folder, *arguments)
        if number % 2:
            wait_for_saves(process, folder, draw.randrange(3))
            time.sleep(0.2 * draw.random())
        else:
            wait_for_saves(process, folder, draw.randrange(3), within=True)
        stop(process)


def assert_same_runs(folder, expected):
    """Equal weights, states and histories, to the last bit."""
    assert {path.name for path in folder.iterdir()} == {path.name for path in expected.iterdir()}
    for name in sorted(path.name for path in expected.glob("*.keras")):
        one, other = (keras.models.load_model(f / name) for f in (folder, expected))
        assert one.optimizer is None or one.optimizer.iterations == other.optimizer.iterations
        for weight, value in zip(one.variables, other.variables, strict=True):
            np.testing.assert_array_equal(weight, value, err_msg=weight.path)
        np.testing.assert_array_equal(one.seed_generator.state, other.seed_generator.state)
    for history in expected.glob("*.csv"):
        assert (folder / history.name).read_text() == history.read_text()
