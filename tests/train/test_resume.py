"""What an interrupted run leaves, and how it goes on."""

import os
import resource
import shutil
import signal

import keras
import numpy as np
import pytest
from interruptions import (
    SHORT,
    assert_same_runs,
    finish,
    start,
    stop,
    survive,
    wait_for_saves,
)

from keras_dgm.runs import run_folder
from train import checkpoints, pipeline
from train.callbacks import StopOnSignal
from train.cli import main

M2 = ["--model", "m2"]
# Eight kills come in both stages.
STACK = ["--model", "m1+m2", "--m2.class-sum", "adaptive", "--m1.epochs", "8", "--m2.epochs", "30"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run of M2 that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish(folder, *M2)
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that was killed twice and then stopped by SIGTERM; what that gave."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    survive(folder, *M2, kills=2, seed=0)
    process = start(folder, *M2)
    wait_for_saves(process, folder, 1)
    return folder, stop(process, signal.SIGTERM)


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    return {path: path.read_bytes() for path in files}


@pytest.mark.slow
def test_sigterm_saves_and_exits_as_shells_expect(stopped):
    folder, (status, output) = stopped
    assert status == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; --resume goes on from here" in output
    epochs = [checkpoints.epochs_of(save) for save in folder.glob("checkpoints/*.keras")]
    assert len(epochs) == 3 and max(epochs) == len((folder / "history.csv").read_text().split()) - 1


@pytest.mark.slow
def test_a_killed_run_resumes_bit_for_bit(whole, stopped, tmp_path):
    folder = shutil.copytree(stopped[0], tmp_path / "run")
    finish(folder, *M2)
    assert_same_runs(folder, whole)


@pytest.mark.slow
def test_a_run_killed_in_its_lesson_resumes_bit_for_bit(whole, tmp_path):
    taught = [*M2, "--m2.class-sum", "adaptive", "--teacher", str(whole / "model.keras")]
    survive(tmp_path / "killed", *taught, kills=2, seed=0)
    for name in ("killed", "whole"):
        finish(tmp_path / name, *taught)
    assert_same_runs(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.slow
def test_a_damaged_save_is_passed_over_with_a_warning(stopped, tmp_path):
    folder = shutil.copytree(stopped[0] / "checkpoints", tmp_path / "saves")
    *_, before, newest = sorted(folder.glob("*.keras"), key=checkpoints.epochs_of)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 255
    for damaged in (content, content[:1000], b""):
        newest.write_bytes(damaged)
        with pytest.warns(UserWarning, match=f"{newest.name} is damaged"):
            assert checkpoints.Checkpoints(folder, "m2", 0).newest == before


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again(whole, capsys):
    before = (whole / "result.json").read_bytes(), (whole / "model.keras").stat().st_mtime_ns
    finish(whole, *M2)
    assert before == (
        (whole / "result.json").read_bytes(),
        (whole / "model.keras").stat().st_mtime_ns,
    )
    assert "test error on digits" in capsys.readouterr().out


WRONG = {
    "another setting": (["--m2.epochs", "30"], "`m2.epochs` must be 14 to resume"),
    "another model": (["--model", "m1"], "`model` must be 'm2' to resume"),
    "overwrite": (["--overwrite"], "`overwrite` must not be given with `resume`"),
    "no time": (["--checkpoint-seconds", "-1"], "`checkpoint_seconds` must be"),
}


@pytest.mark.slow
@pytest.mark.parametrize("arguments, message", WRONG.values(), ids=WRONG)
def test_what_cannot_be_resumed_is_left_alone(arguments, message, stopped, capsys):
    folder, _ = stopped
    before = contents(folder)
    arguments = [*M2, "--run-dir", str(folder), *arguments]
    assert main(["fit", *SHORT, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert contents(folder) == before


def test_a_damaged_configuration(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{")
    assert main(["fit", *SHORT, "--run-dir", str(tmp_path)]) == 1
    assert "config.json must hold JSON, got a damaged file" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--resume", "--overwrite"])
def test_a_folder_in_use_by_another_process(flag, stopped, capsys):
    folder, _ = stopped
    before = contents(folder)
    options = [*SHORT[:-1], flag, *M2, "--run-dir", str(folder)]
    with run_folder.opened(folder, resume=True):
        assert main(["fit", *options]) == 1
    errors = capsys.readouterr().err
    assert "`run-dir` must not be in use by another process" in errors
    assert f"process {os.getpid()} on " in errors
    assert contents(folder) == before


def test_a_folder_that_is_read_only(capsys):
    assert main(["fit", *SHORT, "--run-dir", "/proc/run"]) == 1
    assert "`run-dir` must be writable, got /proc/run" in capsys.readouterr().err


def fit_line(callbacks, epochs=5):
    """Fit a straight line, the least of models."""
    model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones([4, 1])
    return model, model.fit(x, x, epochs=epochs, callbacks=callbacks, verbose=0).history


def test_ctrl_c_ends_with_the_epoch_and_a_save(tmp_path, capsys):
    raises = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: signal.raise_signal(signal.SIGINT)
    )
    saves = checkpoints.Checkpoints(tmp_path / "saves", "line", seconds=1000)
    before = signal.getsignal(signal.SIGINT)
    with StopOnSignal() as stopping:
        _, history = fit_line([raises, stopping, saves])
    assert stopping.received == signal.SIGINT and len(history["loss"]) == 1
    assert [save.name for save in saves.saves()] == ["line-1.keras"]
    assert "again to stop at once" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_the_last_saves_are_kept_and_no_weight_that_is_not_finite(tmp_path):
    saves = checkpoints.Checkpoints(tmp_path, "line", seconds=0, keep=2)
    model, _ = fit_line([saves], epochs=11)
    assert [save.name for save in saves.saves()] == ["line-10.keras", "line-11.keras"]
    model.layers[0].kernel.assign([[np.nan]])
    with pytest.raises(FloatingPointError, match="line has weights that are not finite"):
        saves.save(12)
    assert [save.name for save in saves.saves()] == ["line-10.keras", "line-11.keras"]


def test_a_full_disk_leaves_the_earlier_saves(tmp_path):
    """A limit on the size of files stands in for the disk."""
    saves = checkpoints.Checkpoints(tmp_path, "line", seconds=0)
    fit_line([saves], epochs=1)
    before = contents(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            fit_line([saves], epochs=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == before


def test_a_fault_of_the_disk_is_one_line(monkeypatch, tmp_path, capsys):
    def full(config):
        raise OSError(28, "No space left on device", str(config.folder))

    monkeypatch.setattr(pipeline, "fit", full)
    assert main(["fit", "--run-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"error: [Errno 28] No space left on device: '{tmp_path}'\n"


def test_saves_are_apart_in_time(tmp_path):
    saves = checkpoints.Checkpoints(tmp_path, "line", seconds=1000)
    fit_line([saves], epochs=5)
    assert [save.name for save in saves.saves()] == ["line-5.keras"]


@pytest.mark.slow
def test_kills_in_both_stages(tmp_path):
    finish(tmp_path / "whole", *STACK)
    survive(tmp_path / "run", *STACK, kills=8, seed=1)
    finish(tmp_path / "run", *STACK)
    assert_same_runs(tmp_path / "run", tmp_path / "whole")
