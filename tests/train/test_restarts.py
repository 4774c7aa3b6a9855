"""Random restarts of a run's M2."""

import dataclasses
import json

import keras
import pytest

from train import restarts
from train.cli import main
from train.config import FitConfig, check
from train.recipes import M2Recipe, Recipe


def config(count, **options):
    return FitConfig(seed=3, settings=Recipe(m2=M2Recipe(restarts=count)), **options)


def test_the_best_is_first_and_none_is_trained_twice(tmp_path):
    seeds = restarts.seeds(config(2))
    assert seeds[0] == 3 and len(set(seeds)) == 3 and seeds == restarts.seeds(config(2))
    known, asked = dict(zip(seeds, (-9.0, -7.0, -8.0), strict=True)), []
    (tmp_path / "checkpoints").mkdir()

    def start(seed, name):
        asked.append((seed, name))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return known[seed]

    with pytest.raises(KeyboardInterrupt):
        restarts.bounds(config(2), tmp_path, start)
    found = restarts.bounds(config(2), tmp_path, start)

    assert list(found.items()) == [(str(seeds[i]), known[seeds[i]]) for i in (1, 2, 0)]
    assert asked == [*((seed, f"start{i}") for i, seed in enumerate(seeds)), asked[2]]


def test_a_fifth_of_the_epochs_and_at_least_one():
    assert [restarts.epochs(M2Recipe(epochs=n)) for n in (1, 5, 6, 30)] == [1, 1, 2, 6]


def test_not_with_several_workers():
    with pytest.raises(ValueError, match=r"`m2.restarts` must be 0 with several workers, got 1"):
        check(dataclasses.replace(config(1), strategy="multi-worker"))


@pytest.mark.slow
def test_the_model_of_a_run_is_that_of_the_best_start(tmp_path, capsys):
    short = ["--m2.epochs", "10", "--m2.hidden-units", "10", "--no-baselines"]
    arguments = ["fit", "--num-labeled", "50", "--model", "m2", *short]
    folder = tmp_path / "run"

    assert main([*arguments, "--m2.restarts", "2", "--run-dir", str(folder)]) == 0

    result = json.loads((folder / "result.json").read_text())
    best = next(iter(result["restarts"]))
    assert len(result["restarts"]) == 3
    assert result["restarts"][best] == max(result["restarts"].values())
    assert keras.models.load_model(folder / "model.keras").seed == int(best)
    assert len((folder / "history.csv").read_text().splitlines()) == 11
    assert not (folder / "checkpoints").exists()
    assert "start2 epoch 2/2" in capsys.readouterr().out
