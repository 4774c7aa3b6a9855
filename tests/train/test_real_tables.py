"""Real CSV files through the shell: fit, the verdict, predict, a bundle."""

import json

import numpy as np
import pandas as pd
import pytest

import export.cli
from train import cli

FAST = ("--m2.steps", "60", "--m2.labels-first", "20", "--m2.hidden-units", "16")

# File, number of its target, labels to keep, of how many classes.
FILES = [
    ("horse-colic.csv", "22", 30, 3),
    ("german.csv", "-1", 40, 2),
    ("breast-cancer.csv", "-1", 40, 2),
    ("wheat-seeds.csv", "-1", 30, 3),
    ("banknote_authentication.csv", "4", 20, 2),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "target", "labels", "classes"), FILES)
def test_four_commands(csv_dir, tmp_path, capsys, name, target, labels, classes):
    path, run, output = csv_dir / name, tmp_path / "run", tmp_path / "labelled.csv"
    arguments = ["fit", "--dataset", str(path), "--target", target, "--num-labeled", str(labels)]

    assert cli.main([*arguments, *FAST, "--run-dir", str(run)]) == 0

    said = capsys.readouterr().out
    result = json.loads((run / "result.json").read_text())
    assert len(result["dataset"]["class_names"]) == classes
    use = result["verdict"]["use"]
    assert use == "M2" or use in result["baselines"]
    assert use in said and all(reason in said for reason in result["verdict"]["reasons"])
    assert result["test_error"] < result["verdict"]["most_frequent_error"] + 0.2

    assert cli.main(["predict", str(run), str(path), "--output", str(output)]) == 0

    rows, found = pd.read_csv(path, header=None), pd.read_csv(output, header=None)
    assert found.shape == (len(rows), rows.shape[1] + 1 + classes)
    assert set(found[rows.shape[1]].astype(str)) <= set(result["dataset"]["class_names"])
    bundle = tmp_path / "bundle"
    assert export.cli.main(["bundle", str(run), "--output", str(bundle)]) == 0
    assert {file.stem for file in bundle.rglob("*.onnx")} >= {"classify", "embed"}
    request = json.loads(next(bundle.rglob("predict_columns.json")).read_text())
    assert int(target) % rows.shape[1] not in map(int, request["inputs"])


@pytest.fixture(scope="module")
def seeds(csv_dir):
    """Wheat seeds with names of columns and of classes; -999 in place of every tenth width."""
    frame = pd.read_csv(csv_dir / "wheat-seeds.csv", header=None)
    names = "area perimeter compactness length width asymmetry groove kind"
    frame.columns = names.split()
    frame["kind"] = frame["kind"].map({1: "Kama", 2: "Rosa", 3: "Canadian"})
    frame.loc[::10, "width"] = -999
    return frame


@pytest.mark.slow
def test_a_second_file_and_the_flags(seeds, tmp_path):
    train, test, run = tmp_path / "train.tsv", tmp_path / "test.parquet", tmp_path / "run"
    is_test = np.arange(len(seeds)) % 4 == 0
    seeds[~is_test].to_csv(train, sep="\t", index=False)
    seeds[is_test].to_parquet(test)
    arguments = ["fit", "--dataset", str(train), "--target", "-1", "--test", str(test)]
    flags = ["--missing-token", "-999", "--column-types", "area=ignore"]

    assert cli.main([*arguments, *flags, *FAST, "--run-dir", str(run)]) == 0

    facts = json.loads((run / "result.json").read_text())["dataset"]
    assert facts["num_test"] == is_test.sum()
    assert facts["class_names"] == ["Canadian", "Kama", "Rosa"]
    assert facts["schema"]["left_out"] == {"area": "as asked for"}
    output = tmp_path / "labelled.csv"
    seeds[is_test].drop(columns="kind").to_csv(tmp_path / "new.csv", index=False)
    assert cli.main(["predict", str(run), str(tmp_path / "new.csv"), "--output", str(output)]) == 0
    assert np.mean(pd.read_csv(output)["class"].to_numpy() == seeds[is_test]["kind"]) > 0.7


@pytest.mark.slow
def test_new_columns_and_types_are_refused(seeds, tmp_path, capsys):
    path, run = tmp_path / "seeds.csv", tmp_path / "run"
    seeds.to_csv(path, index=False)
    assert (
        cli.main(["fit", "--dataset", str(path), "--target", "kind", *FAST, "--run-dir", str(run)])
        == 0
    )
    for changed, said in (
        (seeds.assign(colour="red"), "colour"),
        (seeds.assign(length="long"), "length"),
    ):
        changed.to_csv(tmp_path / "new.csv", index=False)
        capsys.readouterr()
        output = tmp_path / "labelled.csv"
        call = ["predict", str(run), str(tmp_path / "new.csv"), "--output", str(output)]
        assert cli.main(call) == 1
        assert said in capsys.readouterr().err and not output.exists()
