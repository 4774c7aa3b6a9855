"""`python -m train likelihood` on a short run."""

import json

import keras
import numpy as np
import pytest
from scipy.stats import sem

import keras_dgm as dgm
from train import likelihood
from train.cli import main

SHORT = ["--m1.epochs", "2", "--m1.hidden-units", "10", "--m1.num-samples", "3"]
SHORT += ["--m2.epochs", "2", "--m2.hidden-units", "10", "--num-labeled", "50", "--no-baselines"]

pytestmark = pytest.mark.slow


@pytest.fixture
def run(run, monkeypatch):
    monkeypatch.setattr(likelihood, "BLOCK", 20)
    return run


def measure(run, *more):
    code = main(["likelihood", str(run), "--num-samples", "25", "--examples", "50", *more])
    return code, json.loads((run / "likelihood.json").read_text())


def test_the_file_holds_the_estimate_of_every_example(run, capsys):
    code, record = measure(run)

    assert code == 0
    assert {len(record[name]) for name in likelihood.PER_EXAMPLE} == {50}
    model, x = keras.models.load_model(run / "model.keras"), dgm.data.load("digits").x_test[:50]
    expected = dgm.evaluation.log_likelihood(model, x[20:40], 25, seed=20, verbose=0)
    np.testing.assert_allclose(record["log_p"][20:40], expected.log_p, atol=1e-3)
    np.testing.assert_allclose(record["khat"][20:40], expected.khat, atol=1e-3)
    np.testing.assert_allclose(record["log_likelihood"], np.mean(record["log_p"]))
    np.testing.assert_allclose(record["test_set_stderr"], sem(record["log_p"]))
    np.testing.assert_allclose(record["mean_bias"], np.mean(record["bias"]))
    y = dgm.data.load("digits").y_test[:50]
    assert np.isclose(record["error_of_p"], np.mean(np.array(record["predicted"]) != y))
    error_of_q = np.mean(model.predict(x, verbose=0).argmax(-1) != y)
    assert np.isclose(record["error_of_q"], error_of_q)
    output = capsys.readouterr().out
    assert f"{record['log_likelihood']:.2f} ± {record['monte_carlo_stderr']:.3f} nats" in output
    assert "by p(y|x)" in output and "effective sample size" in output and "k = 3" in output


def test_an_interrupted_estimate_goes_on(run, monkeypatch, tmp_path):
    _, whole = measure(run)
    part = {**whole, **{k: whole[k][:20] for k in likelihood.PER_EXAMPLE}}
    (run / "likelihood.json").write_text(json.dumps(part))
    blocks = []
    add_block = likelihood._add_block
    monkeypatch.setattr(
        likelihood, "_add_block", lambda *a: blocks.append(len(a[0]["log_p"])) or add_block(*a)
    )

    summary = tmp_path / "new" / "summary.json"
    _, again = measure(run, "--summary", str(summary))

    assert blocks == [20, 40]
    assert again["log_p"] == whole["log_p"]
    kept = json.loads(summary.read_text())
    assert kept == {k: again[k] for k in again if k not in likelihood.PER_EXAMPLE}
    assert kept["log_likelihood"] == whole["log_likelihood"]


def test_an_estimate_of_other_settings_is_kept(run, capsys):
    _, record = measure(run)

    code, kept = measure(run, "--seed", "1")

    assert code == 1 and kept == record
    assert "--overwrite" in capsys.readouterr().err
    code, other = measure(run, "--seed", "1", "--overwrite")
    assert code == 0 and other["log_p"] != record["log_p"]


def test_a_model_without_classes_has_no_error(tmp_path, capsys):
    folder = tmp_path / "m1"
    assert main(["fit", *SHORT, "--model", "m1", "--run-dir", str(folder)]) == 0

    code, record = measure(folder)

    assert code == 0 and len(record["log_p"]) == 50
    assert record["predicted"] == [] and "error_of_p" not in record
    assert "by p(y|x)" not in capsys.readouterr().out


WRONG = {
    "few samples": (
        ["--num-samples", "24"],
        "`num_samples` must be an integer of at least 25, for",
    ),
    "no examples": (["--examples", "0"], "`examples` must be an integer of at least 1, got 0"),
    "a negative seed": (["--seed", "-1"], "`seed` must"),
}


@pytest.mark.parametrize("arguments, message", WRONG.values(), ids=WRONG)
def test_wrong_settings(arguments, message, run, capsys):
    assert main(["likelihood", str(run), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_folder_without_a_run(tmp_path, capsys):
    assert main(["likelihood", str(tmp_path)]) == 1
    assert "`run` must be the folder of a finished run" in capsys.readouterr().err
