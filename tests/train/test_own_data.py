"""A stranger's table from the shell: fit, the verdict, predict."""

import json

import numpy as np
import pandas as pd
import pytest

from train import cli, verdict

FAST = ("--m2.steps", "40", "--m2.labels-first", "20", "--m2.hidden-units", "8")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV file of two kinds of flowers, with text, blanks and an identifier."""
    rng = np.random.default_rng(0)
    n = 200
    kind = rng.integers(2, size=n)
    frame = pd.DataFrame(
        {
            "id": np.arange(n),
            "length": 1000 + 10 * kind + rng.normal(size=n),
            "colour": np.where(kind == (rng.random(n) < 0.9), "red", "blue"),
            "seeds": rng.poisson(3, n),
            "flower": np.where(kind, "rose", "iris"),
        }
    )
    frame.loc[5:20, "length"] = np.nan
    frame.loc[rng.permutation(n)[:120], "flower"] = None
    path = tmp_path_factory.mktemp("table") / "flowers.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "flowers"
    arguments = ["fit", "--dataset", str(table), "--target", "flower", "--run-dir", str(folder)]
    assert cli.main([*arguments, *FAST]) == 0
    return folder


def test_a_run_on_a_table_ends_with_a_verdict(run):
    result = json.loads((run / "result.json").read_text())

    assert result["dataset"]["class_names"] == ["iris", "rose"]
    assert result["test_error"] < 0.3
    low, high = result["verdict"]["interval"]
    assert low <= result["test_error"] <= high
    assert set(result["baselines"]) >= {"k-NN", "logistic regression"}


def test_a_stack_on_a_table(table, tmp_path):
    folder = tmp_path / "stack"
    arguments = ["fit", "--dataset", str(table), "--target", "flower", "--model", "m1+m2"]
    short = ["--m1.epochs", "3", "--m1.hidden-units", "8"]

    assert cli.main([*arguments, *short, *FAST, "--run-dir", str(folder)]) == 0

    assert json.loads((folder / "result.json").read_text())["verdict"]["use"]


def test_predictions_stand_beside_the_rows(run, table, tmp_path):
    output = tmp_path / "labelled.csv"
    rows = pd.read_csv(table).drop(columns=["flower", "id"]).iloc[:30]
    rows.to_csv(tmp_path / "new.csv", index=False)

    assert cli.main(["predict", str(run), str(tmp_path / "new.csv"), "--output", str(output)]) == 0

    found = pd.read_csv(output)
    assert found.columns.tolist() == [
        *rows.columns,
        "class",
        "probability of iris",
        "probability of rose",
    ]
    probs = found[["probability of iris", "probability of rose"]].to_numpy()
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert (found["class"] == np.array(["iris", "rose"])[probs.argmax(axis=1)]).all()


def test_another_table_is_refused_by_name(run, table, tmp_path, capsys):
    rows = pd.read_csv(table).drop(columns="colour")
    rows.to_csv(tmp_path / "other.csv", index=False)

    status = cli.main(
        ["predict", str(run), str(tmp_path / "other.csv"), "--output", str(tmp_path / "o.csv")]
    )

    assert status == 1
    assert "colour" in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "fruit"], "fruit"),
        ([], "target"),
        (["--target", "flower", "--column-types", "seeds"], "COLUMN=TYPE"),
    ],
)
def test_a_bad_call(arguments, message, table, tmp_path, capsys):
    run = tmp_path / "run"

    assert cli.main(["fit", "--dataset", str(table), *arguments, "--run-dir", str(run)]) == 1

    assert message in capsys.readouterr().err
    assert not run.exists()


class Data:
    y_test = np.array([0] * 60 + [1] * 40 + [-1] * 5)


def test_a_verdict_names_what_is_better():
    baselines = {"k-NN": {"test_error": 0.2}, "RBF SVM": {"test_error": 0.1}}

    found = verdict.of_errors("M2", 0.5, baselines, Data, unseen=["rose"])

    assert found["use"] == "RBF SVM"
    assert found["most_frequent_error"] == pytest.approx(0.4)
    assert [reason.split()[0] for reason in found["reasons"]] == ["no", "RBF", "no"]
    assert "never predicted" in found["reasons"][0]


def test_a_verdict_with_nothing_to_add():
    """The interval is Wilson's: 10 of 100, [0.0552, 0.1744]."""
    found = verdict.of_errors("M2", 0.1, {"k-NN": {"test_error": 0.2}}, Data)

    assert found["use"] == "M2"
    assert found["reasons"] == []
    assert found["interval"] == pytest.approx([0.0552, 0.1744], abs=1e-4)
