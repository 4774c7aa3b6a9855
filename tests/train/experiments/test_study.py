"""`python -m train study`: what it writes, skips and refuses."""

import json

import pytest

from train.cli import main

STUDY = ["study", "--datasets", "digits", "--depths", "1", "2", "--latent-dims", "3"]
STUDY += ["--sampled-dims", "2", "--units", "8"]


@pytest.mark.slow
def test_a_study_goes_on_where_it_stopped(tmp_path, capsys):
    arguments = [*STUDY, "--epochs", "2", "--output", str(tmp_path)]
    assert main(arguments) == 0
    names = {path.name for path in tmp_path.iterdir()}
    pieces = {f"digits-{name}.json" for name in ("depth1-latent2", "depth1-latent3")}
    pieces |= {"digits-depth2-latent3.json"}
    pictures = {"samples-digits-latent2.png", "manifold-digits.png", "bound-digits.svg"}
    charts = {"collapse-digits-depth1.svg", "collapse-digits-depth2.svg"}
    assert names == pieces | pictures | charts
    piece = json.loads((tmp_path / "digits-depth2-latent3.json").read_text())
    assert len(piece["kl"]) == 3 and piece["test_bound"] < 1000
    capsys.readouterr()

    (tmp_path / "manifold-digits.png").unlink()
    other = json.loads((tmp_path / "digits-depth1-latent3.json").read_text())
    other["settings"]["activation"] = "elu"
    (tmp_path / "digits-depth1-latent3.json").write_text(json.dumps(other))
    assert main(arguments) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "there already" in line] == [
        f"{tmp_path}/digits-depth2-latent3.json: there already"
    ]
    assert sum("nats" in line for line in lines) == 2
    assert (tmp_path / "manifold-digits.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "`epochs` must be an integer of at least 1, got 0"),
        (["--units", "0"], "`units` must be an integer of at least 1, got 0"),
        (["--latent-dims", "0"], "`latent_dims` must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_studies(arguments, message, tmp_path, capsys):
    assert main([*STUDY, "--output", str(tmp_path / "out"), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
