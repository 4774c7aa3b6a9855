"""A stranger's table from the shell: fit, the verdict, predict."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm.classifiers import members
from train import cli

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
    with pytest.MonkeyPatch.context() as patch:
        # As of a wide table.
        patch.setattr(members, "WIDE", 1)
        patch.setattr(members, "COMPONENTS", 2)
        assert cli.main([*arguments, *FAST]) == 0
    return folder


def test_a_run_on_a_table_ends_with_a_verdict(run):
    result = json.loads((run / "result.json").read_text())

    assert result["dataset"]["class_names"] == ["iris", "rose"]
    assert result["test_error"] < 0.3
    assert sum(member["weight"] for member in result["committee"].values()) == pytest.approx(1)
    assert {"M2", "M2 of components", "logistic regression"} <= set(result["committee"])
    low, high = result["interval"]
    assert low <= result["test_error"] <= high
    assert set(result["baselines"]) >= {"k-NN", "logistic regression", "extra trees"}
    assert np.sum(result["confusion"]) == result["dataset"]["num_test"]


@pytest.mark.slow
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


def test_too_few_labels_say_how_many_will_do(tmp_path, capsys):
    path = tmp_path / "few.csv"
    rows = [f"{n / 7},{'abcdefghij'[n] if n < 10 else ''}" for n in range(60)]
    path.write_text("\n".join(["size,kind", *rows]))
    arguments = ["fit", "--dataset", str(path), "--target", "kind"]
    arguments += ["--run-dir", str(tmp_path / "r")]

    assert cli.main(arguments) == 1
    told = capsys.readouterr().err
    assert "at least 14 labels for 10 classes" in told
    assert f"got 10 in {path}: label more rows, or name a file to test on (--test FILE)" in told
    assert cli.main([*arguments, "--test", str(path)]) == 1
    assert "at least 11 labels for 10 classes" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def write_run(folder, model, dataset, facts):
    """The folder of a run, as far as `predict` reads it, of a model that was not trained."""
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"dataset": dataset, "seed": 0}))
    (folder / "result.json").write_text(json.dumps({"dataset": facts}))
    return folder


def test_what_predict_cannot_do_without_is_named(tmp_path, capsys):
    """A model of two columns, not trained, that has never seen a missing entry."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=60), "hue": ["red", "blue", "grey"] * 20})
    schema = dgm.data.from_frame(frame.assign(label=["a", "b"] * 30), "label").schema
    model = dgm.M2(2, 2, (4,), likelihood="gaussian", seed=0)
    model.build((None, 2))
    facts = {"class_names": ["a", "b"], "schema": schema.get_config()}
    run = write_run(tmp_path / "run", model, "own.csv", facts)
    new, output = tmp_path / "new.csv", tmp_path / "o.csv"
    arguments = ["predict", str(run), str(new), "--output", str(output)]

    for rows, told in [
        ("1.5,red\n,blue\n", "column 'size', line 3: must be a number, for no entry was missing"),
        ("1.5,red\n2,pink\n", "column 'hue', line 3: must be one of the entries of training"),
    ]:
        new.write_text("size,hue\n" + rows)
        assert cli.main(arguments) == 1
        error = capsys.readouterr().err
        assert f"error: {new}, {told}" in error
        assert "train on a table in which entries of that column are missing" in error
        assert not output.exists()
    new.write_text("size,hue\n1.5,red\n2,blue\n")
    assert cli.main(arguments) == 0


def test_images_get_their_classes(tmp_path, capsys):
    """A model of 6 x 4 grey pixels, not trained, on two pictures, one larger and in colour."""
    model = dgm.M2(2, 2, (4,), likelihood="gaussian", seed=0)
    model.build((None, 24))
    facts = {"class_names": ["ant", "bee"], "image_shape": [6, 4]}
    run = write_run(tmp_path / "run", model, "insects", facts)
    pictures = tmp_path / "new"
    (pictures / "more").mkdir(parents=True)
    grey = np.arange(24, dtype=np.uint8).reshape(6, 4, 1)
    (pictures / "a.png").write_bytes(tf.io.encode_png(grey).numpy())
    (pictures / "more" / "b.jpg").write_bytes(tf.io.encode_jpeg(np.zeros([9, 9, 3], "u1")).numpy())
    output = tmp_path / "classes.csv"

    assert cli.main(["predict", str(run), str(pictures), "--output", str(output)]) == 0

    found = pd.read_csv(output)
    assert found["image"].tolist() == [str(pictures / "a.png"), str(pictures / "more" / "b.jpg")]
    expected = model.predict(np.stack([grey.ravel() / 255, np.zeros(24)]), verbose=0)
    np.testing.assert_allclose(found["probability of bee"], expected[:, 1], atol=1e-5)
    (pictures / "note.txt").write_text("")
    assert cli.main(["predict", str(run), str(pictures), "--output", str(output)]) == 1
    assert "note.txt must be a PNG or JPEG file" in capsys.readouterr().err
