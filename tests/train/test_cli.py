"""`python -m train` from end to end, and what a wrong call gets."""

import csv
import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_dgm as dgm
from keras_dgm.runs import files
from train import cli, fitting, given, report
from train.cli import main
from train.config import FitConfig

SHORT = ["--m1.epochs", "4", "--m1.hidden-units", "20", "--m2.epochs", "6"]
SHORT += ["--m2.hidden-units", "20", "--num-labeled", "50"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run of M1+M2 on digits: its folder and what the command printed."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    command = [sys.executable, "-m", "train", "fit", *SHORT, "--run-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return folder, done.stdout, done.stderr


def test_the_run_folder_is_complete(run):
    folder, _, _ = run
    config = json.loads((folder / "config.json").read_text())
    assert (config["dataset"], config["num_labeled"], config["model"]) == ("digits", 50, "m1+m2")
    assert config["settings"]["m1"]["hidden_units"] == [20]
    result = json.loads((folder / "result.json").read_text())
    assert 0 <= result["test_error"] <= 1
    assert np.isfinite([result["bound"], result["m1_bound"]]).all()
    assert 0 < result["active_dims"] <= config["settings"]["m1"]["latent_dim"]
    assert result["m1_seconds_per_epoch"] > 0 and result["m2_seconds_per_epoch"] > 0
    assert result["seed"] == 0
    assert result["versions"]["keras_dgm"] == dgm.__version__
    assert result["dataset"]["class_names"] == [str(i) for i in range(10)]
    history = list(csv.DictReader((folder / "history.csv").open()))
    assert len(history) == 6 and {"elbo", "accuracy", "val_accuracy"} <= set(history[0])
    assert len(list(csv.DictReader((folder / "m1_history.csv").open()))) == 4
    assert list((folder / "tensorboard").rglob("events*"))


def test_the_saved_model_has_the_reported_error(run):
    folder, _, _ = run
    model = keras.models.load_model(folder / "model.keras")
    data = dgm.data.load("digits", 50, seed=0)
    error = np.mean(model.predict(data.x_test, verbose=0).argmax(-1) != data.y_test)
    result = json.loads((folder / "result.json").read_text())
    np.testing.assert_allclose(error, result["test_error"], atol=1e-6)


def test_the_table_names_the_baselines_on_the_same_labels(run):
    folder, output, errors = run
    result = json.loads((folder / "result.json").read_text())
    for name in ("k-NN", "logistic regression", "RBF SVM", "label spreading"):
        assert f"{100 * result['baselines'][name]['test_error']:.2f} %" in output
        assert name in output
    assert f"{100 * result['test_error']:.2f} %" in output
    assert str(folder / "model.keras") in output
    assert "Traceback" not in errors


@pytest.mark.slow
def test_the_same_seed_gives_the_same_result(run, tmp_path, capsys):
    folder, _, _ = run
    again = tmp_path / "again"
    assert main(["fit", *SHORT, "--run-dir", str(again), "--no-baselines"]) == 0
    results = [json.loads((f / "result.json").read_text()) for f in (folder, again)]
    assert results[0]["test_error"] == results[1]["test_error"]
    np.testing.assert_allclose(results[0]["bound"], results[1]["bound"], rtol=1e-4)


@pytest.mark.slow
def test_m1_alone_and_m2_alone(tmp_path, capsys):
    for model in ("m1", "m2"):
        arguments = ["--model", model, "--run-dir", str(tmp_path / model), "--no-baselines"]
        # M2 on pixels can still be no better than chance after the 6 epochs of `SHORT`.
        assert main(["fit", *SHORT, "--m2.epochs", "20", *arguments]) == 0
        result = json.loads((tmp_path / model / "result.json").read_text())
        assert 0 <= result["test_error"] < 0.9
    assert "M1 + RBF SVM" in capsys.readouterr().out


@pytest.mark.slow
def test_models_with_an_auxiliary_variable(tmp_path, capsys):
    for model in ("adgm", "sdgm"):
        arguments = ["--model", model, "--run-dir", str(tmp_path / model), "--no-baselines"]
        of_a = ["--m2.auxiliary-dim", "5", "--m2.num-samples", "2", "--m2.epochs", "20"]
        assert main(["fit", *SHORT, *of_a, *arguments]) == 0
        result = json.loads((tmp_path / model / "result.json").read_text())
        assert 0 <= result["test_error"] < 0.8
        loaded = keras.models.load_model(tmp_path / model / "model.keras")
        assert (loaded.auxiliary_dim, loaded.num_samples) == (5, 2)
    assert "SDGM" in capsys.readouterr().out


@pytest.mark.slow
def test_m2_on_an_m1_of_an_earlier_run(run, tmp_path, capsys):
    folder, _, _ = run
    arguments = ["--m1-from", str(folder / "m1.keras"), "--run-dir", str(tmp_path / "again")]
    assert main(["fit", *SHORT, *arguments, "--no-baselines"]) == 0
    models = [keras.models.load_model(f / "model.keras") for f in (folder, tmp_path / "again")]
    for weight, again in zip(*(model.m1.weights for model in models), strict=True):
        np.testing.assert_array_equal(weight, again)
    assert "m1 epoch" not in capsys.readouterr().out


def test_an_m1_of_another_seed_is_a_warning(run):
    data = dgm.data.load("digits", 50, 1)
    with pytest.warns(UserWarning, match=r"was trained with seed 0: .* seed 1 holds out"):
        given.load_m1(run[0] / "m1.keras", data, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--m1-from", "model.keras"], "`m1_from` must be an M1 of 64 features"),
        (["--m1-from", "history.csv"], "`m1_from` must be a saved M1"),
        (
            ["--m1-from", "m1.keras", "--model", "m2"],
            "`model` must be one of m1+m2, m1+adgm, m1+sd",
        ),
    ],
)
def test_an_m1_that_is_none(arguments, message, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(run[0])
    assert main(["fit", *SHORT, *arguments, "--run-dir", str(tmp_path / "run")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_teacher_says_the_missing_labels_of_a_fifth_as_many_epochs(run, tmp_path, monkeypatch):
    teacher, trained = run[0] / "model.keras", {}
    train = fitting._fit

    def watched(config, name, model, recipe, examples, *others):
        trained[name] = model, recipe.epochs, examples[0][1]
        return train(config, name, model, recipe, examples, *others)

    monkeypatch.setattr(fitting, "_fit", watched)
    folder = tmp_path / "pupil"
    arguments = ["--model", "m2", "--teacher", str(teacher), "--run-dir", str(folder)]
    assert main(["fit", *SHORT, *arguments, "--no-baselines"]) == 0

    (pupil, epochs, lesson), (model, epochs_after, labels) = trained["lesson"], trained["m2"]
    data = dgm.data.load("digits", 50, 0)
    predicted = keras.models.load_model(teacher).predict(data.x_train, verbose=0).argmax(axis=-1)
    assert pupil is model and (epochs, epochs_after) == (2, 6)
    np.testing.assert_array_equal(labels, data.y_train)
    np.testing.assert_array_equal(lesson, np.where(labels < 0, predicted, labels))
    for name in ("config.json", "result.json"):
        found = json.loads((folder / name).read_text())
        assert found["teacher_sha256"] == files.sha256(teacher)
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--teacher", "history.csv"], "`teacher` must be a saved classifier"),
        (["--teacher", "m1.keras"], "`teacher` must be a classifier of 64 features and the cl"),
        (["--teacher", "none.keras"], "`teacher` must be a saved classifier"),
        (["--teacher", "model.keras", "--model", "m1"], "`model` must be one with classes"),
        (["--teacher", "model.keras", "--m2.restarts", "2"], "`m2.restarts` must be 0 with `te"),
        (["--teacher", "model.keras", "--m2.labels-first", "9"], "`m2.labels_first` must be 0"),
        (["--teacher", "model.keras", "--m2.committee"], "`m2.committee` must be off"),
        (["--teacher", "model.keras", "--num-labeled", "None"], "where every label is known"),
        (["--recipe", "mnist-m2-taught"], "`teacher` must be given with `recipe` mnist-m2-taught"),
    ],
)
def test_a_teacher_that_is_none(arguments, message, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(run[0])
    assert main(["fit", *SHORT, *arguments, "--run-dir", str(tmp_path / "run")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("other", [{"num_classes": 3}, {"features": 10}])
def test_a_teacher_of_other_data_or_classes(other, tmp_path):
    data = dgm.data.load("digits", 50, 0)
    K = other.get("num_classes", 10)
    model = dgm.M2(num_classes=K, latent_dim=2, hidden_units=(4,))
    model.build((None, other.get("features", 64)))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"`teacher` must be a classifier of 64 features and the"):
        given.lesson_of(FitConfig(teacher=tmp_path / "model.keras"), data)


def test_a_teacher_that_knows_other_labels_is_a_warning(run):
    data = dgm.data.load("digits", 50, 1)
    config = FitConfig(num_labeled=50, seed=1, teacher=run[0] / "model.keras")
    with pytest.warns(UserWarning, match=r"was trained with `seed` 0, and this run has 1: it may"):
        given.lesson_of(config, data)


@pytest.mark.parametrize(
    ("flag", "file"), [("--m1-from", "m1.keras"), ("--teacher", "model.keras")]
)
def test_what_a_run_builds_on_is_not_overwritten(flag, file, run, capsys):
    folder = run[0]
    arguments = [flag, str(folder / file), "--run-dir", str(folder), "--overwrite"]
    assert main(["fit", *SHORT, *arguments]) == 1
    assert "must be outside of the run folder that `overwrite` empties" in capsys.readouterr().err
    assert (folder / file).exists()


@pytest.mark.slow
def test_draws_report_mean_and_standard_error(tmp_path, capsys):
    arguments = ["--seeds", "0", "1", "--run-dir", str(tmp_path / "draws"), "--no-baselines"]
    assert main(["draws", *SHORT, *arguments]) == 0
    results = json.loads((tmp_path / "draws" / "draws.json").read_text())
    assert [result["seed"] for result in results] == [0, 1]
    mean = np.mean([result["test_error"] for result in results])
    output = capsys.readouterr().out
    (shown,) = re.findall(r"([\d.]+) ±", output)
    assert float(shown) == pytest.approx(100 * mean, abs=0.006) and "2 draws" in output


def own_file(tmp_path, **arrays):
    path = tmp_path / "own.npz"
    np.savez(path, **arrays)
    return str(path)


RNG = np.random.default_rng(0)
X = RNG.normal(size=[60, 5]).astype("float32")
Y = np.arange(60) % 3

WRONG = {
    "unknown data set": (["--dataset", "mnst"], "did you mean 'mnist'"),
    "unknown recipe": (["--recipe", "digit"], "`recipe` must be one of"),
    "labels not divisible": (["--num-labeled", "55"], "`num_labeled` must"),
    "more labels than there are": (["--num-labeled", "5000"], "`num_labeled` must"),
    "no labels": (["--num-labeled", "0"], "`num_labeled` must"),
    "negative seed": (["--seed", "-1"], "`seed` must"),
    "no epochs": (["--m1.epochs", "0"], "`m1.epochs` must"),
    "a layer of no units": (["--m2.hidden-units", "0"], "`m2.hidden_units` must"),
    "a rate of nothing": (["--m2.learning-rate", "0"], "`m2.learning_rate` must"),
    "unknown activation": (["--m1.activation", "softmin"], "`m1.activation` must"),
    "pca of bits": (["--dataset", "mnist", "--pca", "5"], "`likelihood` must"),
    "scale of a bernoulli": (["--likelihood", "bernoulli"], "`likelihood_scale`"),
    "a weight below nothing": (["--m2.adversarial-weight", "-1"], "`m2.adversarial_weight` must"),
    "a committee of an SDGM": (["--model", "sdgm", "--m2.committee"], "`m2.committee` must be off"),
    "squares of an ADGM's weights": (
        ["--model", "adgm", "--m2.classifier-l2", "1"],
        "`m2.classifier_l2` must be off",
    ),
    "no radius to look in": (["--m2.adversarial-radius", "0"], "`m2.adversarial_radius` must be"),
    "priors of another number": (["--m2.class-prior", "0.5", "0.5"], "`class_prior` must be 10"),
    "labels a batch without steps": (["--m2.labels-per-batch", "9"], "`m2.labels_per_batch` must"),
    "a committee of workers": (
        ["--m2.committee", "--strategy", "multi-worker"],
        "`m2.committee` must be off",
    ),
    "convolutions of z1": (["--m2.filters", "4"], "`m2.filters` must be empty with `model` m1+m2"),
    "convolutions of components": (
        ["--m1.filters", "4", "--pca", "5"],
        "`m1.filters` must be empty with `pca`, got (4,)",
    ),
    "convolutions of a part": (
        ["--m1.filters", "4", "--model", "conditional"],
        "`m1.filters` must be empty with `model` conditional",
    ),
    "a committee of convolutions": (
        ["--m2.filters", "4", "--m2.committee", "--model", "m2"],
        "`m2.filters` must be empty with `m2.committee`",
    ),
    "images that cannot be halved": (
        ["--m1.filters", "4", "4", "4", "4"],
        "`image_shape` must have a height and a width divisible by 16",
    ),
    "no such file": (["--dataset", "nowhere.npz"], "nowhere.npz"),
    "faces have no labels": (["--dataset", "frey_face", "--data-dir", "."], "frey_rawface.mat"),
}


@pytest.mark.parametrize("arguments, message", WRONG.values(), ids=WRONG)
def test_wrong_calls_end_at_once_in_one_line(arguments, message, tmp_path, capsys):
    assert main(["fit", "--run-dir", str(tmp_path / "run"), *arguments]) == 1
    errors = capsys.readouterr().err
    assert message in errors and errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flag", ["--likelihood", "--model"])
def test_an_unknown_choice_gets_the_valid_ones(flag, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["fit", flag, "poisson"])
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert ("gaussian" if flag == "--likelihood" else "m1+m2") in output.out + output.err


def test_an_unknown_command(capsys):
    assert main(["fti"]) == 2
    assert "fit" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"y": Y}, "`x`"),
        ({"x": X, "y": Y + 0.5}, "integer"),
        ({"x": X, "y": Y - 5}, "-5"),
        ({"x": np.where(X == X.max(), np.inf, X), "y": Y}, "finite"),
        ({"x": X * [1, 1, np.nan, 1, 1], "y": Y}, "none in column 2"),
        ({"x": X[:50], "y": Y}, "60"),
        ({"x": X.astype(object), "y": Y}, "Object arrays"),
    ],
    ids=[
        "no x",
        "labels between numbers",
        "labels below -1",
        "infinite",
        "an empty column",
        "lengths",
        "objects",
    ],
)
def test_a_bad_file_is_refused_and_kept(arrays, message, tmp_path, capsys):
    path = own_file(tmp_path, **arrays)
    before = open(path, "rb").read()
    assert main(["fit", "--dataset", path, "--run-dir", str(tmp_path / "run")]) == 1
    assert message in capsys.readouterr().err
    assert open(path, "rb").read() == before
    assert not (tmp_path / "run").exists()


def test_missing_entries_need_the_likelihood_of_columns(tmp_path, capsys):
    path = own_file(tmp_path, x=np.where(X == X.max(), np.nan, X), y=Y)
    arguments = ["--dataset", path, "--likelihood", "gaussian"]
    assert main(["fit", *arguments, "--run-dir", str(tmp_path / "run")]) == 1
    assert "`likelihood` must be columns" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_values_outside_the_unit_interval_under_bernoulli(tmp_path, capsys):
    path = own_file(tmp_path, x=X, y=Y)
    arguments = ["--dataset", path, "--likelihood", "bernoulli"]
    assert main(["fit", *arguments, "--run-dir", str(tmp_path / "run")]) == 1
    assert "[0, 1]" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_table_of_ones_own(tmp_path, capsys):
    centres = 3 * RNG.normal(size=[3, 5])
    x = np.where(X > 1.8, np.nan, centres[Y] + 0.3 * X)  # Some entries are missing.
    path = own_file(tmp_path, x=x, y=Y)
    arguments = ["--dataset", path, "--num-labeled", "9", "--run-dir", str(tmp_path / "run")]
    steps = ["--m2.steps", "20", "--m2.labels-first", "10", "--m2.no-committee"]
    assert main(["fit", *SHORT[:4], *steps, "--model", "m1+m2", "--no-baselines", *arguments]) == 0
    assert "M1+M2" in capsys.readouterr().out


FILTERS = ["--m1.filters", "8", "--m1.hidden-units", "20", "--m1.learning-rate", "5e-3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, name",
    [
        (["--model", "m1+sdgm", "--m2.auxiliary-dim", "3", *FILTERS], "M1+SDGM"),
        (["--model", "m1+adgm", "--m2.auxiliary-dim", "3", *FILTERS], "M1+ADGM"),
        (["--model", "m2", "--m2.filters", "3", "4"], "M2"),
        (["--model", "m1", *FILTERS], "M1 + RBF SVM"),
    ],
)
def test_convolutions_and_stacks_from_the_shell(arguments, name, tmp_path, capsys):
    folder = tmp_path / "run"
    short = [
        "--m1.epochs",
        "2",
        "--m2.epochs",
        "2",
        "--m2.hidden-units",
        "8",
        "--num-labeled",
        "50",
    ]

    assert main(["fit", *short, *arguments, "--no-baselines", "--run-dir", str(folder)]) == 0

    assert name in capsys.readouterr().out
    model = keras.models.load_model(folder / "model.keras")
    x = dgm.data.load("digits", 50, seed=0).x_test
    result = json.loads((folder / "result.json").read_text())
    assert model.input_dim == 64 and np.isfinite(model.embed(x)).all()
    assert 0 <= result["test_error"] <= 1


@pytest.mark.slow
def test_an_npz_of_flat_images(tmp_path):
    """As of USPS: rows of pixels, and which of them are the test set."""
    x = RNG.uniform(-1, 1, [60, 16]).astype("float32")
    path = own_file(tmp_path, x=x, y=Y, split=(np.arange(60) >= 40).astype(np.int8))
    arguments = ["--dataset", path, "--recipe", "usps", "--num-labeled", "9", "--image-size", "4"]
    short = ["--model", "m2", "--m2.epochs", "2", "--m2.filters", "3", "--no-baselines"]

    assert main(["fit", *arguments, *short, "--run-dir", str(tmp_path / "run")]) == 0

    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["dataset"]["image_shape"] == [4, 4]
    assert result["dataset"]["num_test"] == 20


def test_convolutions_want_images(tmp_path, capsys):
    path = own_file(tmp_path, x=X, y=Y)
    arguments = ["--dataset", path, "--recipe", "usps", "--run-dir", str(tmp_path / "run")]
    assert main(["fit", *arguments]) == 1
    error = capsys.readouterr().err
    assert "`m1.filters` must be empty with" in error and "are no images, got (32, 64)" in error


def test_a_folder_in_use_is_left_alone(run, tmp_path, capsys):
    folder, _, _ = run
    before = (folder / "result.json").read_bytes()
    assert main(["fit", "--run-dir", str(folder)]) == 1
    assert "--overwrite" in capsys.readouterr().err
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["fit", "--overwrite", "--run-dir", str(tmp_path)]) == 1
    assert "thesis.txt" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert (folder / "result.json").read_bytes() == before


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["fit", "--run-dir", str(tmp_path / "file" / "run")]) == 1
    assert "`run-dir` must be writable" in capsys.readouterr().err


def test_absent_data_is_said_at_once_with_what_to_set(tmp_path):
    command = [sys.executable, "-m", "train", "fit", "--dataset", "mnist"]
    environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 1
    assert "TFDS_DATA_DIR" in done.stderr
    assert done.stderr.count("\n") == 1


def test_draws_of_files_whose_names_hold_dots():
    folders = {
        cli.DrawsConfig(dataset="own.v2.npz", model=model, num_labeled=10).folder
        for model in ("m2", "m1+m2")
    }
    assert {folder.name for folder in folders} == {
        "own.v2-m2-10-0.draws",
        "own.v2-m1+m2-10-0.draws",
    }


def test_a_single_draw_has_no_spread():
    config = cli.DrawsConfig(model="m2")
    assert "± " not in report.of_draws(config, [{"test_error": 0.03}]).splitlines()[-1]


def test_draws_are_compared_in_pairs():
    """Errors differ by far more from draw to draw than the differences do."""
    drawn = [
        {"test_error": error, "baselines": {"k-NN": {"test_error": error + more}}}
        for error, more in [(0.1, 0.01), (0.2, 0.03), (0.3, 0.02)]
    ]

    lines = report.of_draws(cli.DrawsConfig(model="m2"), drawn).splitlines()

    assert lines[1].split() == ["M2", "20.00", "±", "5.77", "%"]
    assert lines[-2] == "more than M2, paired over the draws:"
    assert lines[-1].split() == ["k-NN", "2.00", "±", "0.58", "%"]
