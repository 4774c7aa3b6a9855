"""`python -m train score` on a short run."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy.stats import mannwhitneyu

import keras_dgm as dgm
from train import score
from train.cli import main

SHORT = ["--m1.epochs", "3", "--m1.hidden-units", "20", "--m2.epochs", "2"]
SHORT += ["--m2.hidden-units", "10", "--num-labeled", "50", "--no-baselines"]


@pytest.fixture
def noise(tmp_path):
    """A file of images of 4 x 4 pixels in [-1, 1], on which the digits' structure is lost."""
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "noise.npz", x=rng.uniform(-1, 1, [40, 16]), x_test=rng.uniform(-1, 1, [30, 16])
    )
    return tmp_path / "noise.npz"


@pytest.mark.slow
def test_the_figures_are_those_of_the_scores(run, noise, tmp_path, capsys):
    summary = tmp_path / "new" / "digits.json"
    arguments = ["score", str(run), "--against", str(noise), "digits", "--summary", str(summary)]
    assert main([*arguments, "--examples", "100"]) == 0

    record = json.loads((run / "score.json").read_text())
    assert record == json.loads(summary.read_text())
    of_noise, of_digits = record["against"]["noise"], record["against"]["digits"]
    assert of_noise["changes"] == ["resized from (4, 4) to (8, 8)"]  # A Gaussian takes any number.
    assert of_digits["changes"] == [] and of_digits["auroc"] == dict.fromkeys(score.DETECTORS, 0.5)
    assert of_noise["auroc"]["bound"] > 0.9 and of_noise["outside"] > 0.5
    assert record["test"]["examples"] == 100 and record["validation_examples"] == 100
    model, data = keras.models.load_model(run / "model.keras"), dgm.data.load("digits")
    found = model.score(data.x_test[:100])
    assert record["test"]["mean_score"] == pytest.approx(found.mean(), rel=1e-4)
    assert record["test"]["outside"] <= 0.1
    output = capsys.readouterr().out
    assert f"{of_noise['auroc']['bound']:.3f}" in output and "noise was resized from" in output


def test_auroc_is_the_chance_that_one_looks_stranger():
    rng = np.random.default_rng(0)
    own, theirs = rng.normal(size=50), rng.normal(0.7, 1, size=40)
    found = score.auroc({"bound": own}, {"bound": theirs})["bound"]

    assert found == pytest.approx(mannwhitneyu(theirs, own).statistic / (50 * 40))


def test_a_simple_image_is_a_small_file():
    x = np.stack([np.zeros(64), np.random.default_rng(0).random(64)])
    plain, noisy = score.png_bits(x, (8, 8))

    assert plain < noisy and plain % 8 == 0


def test_resized_images_are_those_of_the_other_shape():
    x = np.repeat([[0.25], [0.75]], 16, axis=1).astype(np.float32)

    np.testing.assert_allclose(score.resized(x, (4, 4), (6, 5)), np.repeat(x[:, :1], 30, axis=1))
    with pytest.raises(ValueError, match="`against` must have as many channels"):
        score.resized(x, (4, 4), (6, 5, 3))


def test_another_range_is_mapped_onto_that_of_the_likelihood(noise):
    m1 = dgm.M1(latent_dim=2, hidden_units=(4,), seed=0)
    m1.build((None, 16))
    run = SimpleNamespace(
        model=m1,
        data=SimpleNamespace(image_shape=(4, 4)),
        folder=SimpleNamespace(schema=None, data_dir=None),
    )

    x, changes = score.other(noise, run, None)

    theirs = np.load(noise)["x_test"]
    low, high = theirs.min(), theirs.max()
    np.testing.assert_allclose(x, (theirs - low) / (high - low), atol=1e-6)
    assert changes == [f"mapped from [{low:g}, {high:g}] onto [0, 1]"]


def test_another_table_is_encoded_as_in_training(tmp_path):
    rows = [f"{i % 50},{'ab'[i % 2]},{'xy'[i % 2]}" for i in range(60)]
    (tmp_path / "old.csv").write_text("\n".join(["size,kind,class", *rows]))
    (tmp_path / "new.csv").write_text("kind,size\nb,3\na,1000\n")
    data = dgm.data.load(tmp_path / "old.csv", target="class")
    folder = SimpleNamespace(schema=data.schema.get_config(), path=tmp_path)

    x, changes = score.other(tmp_path / "new.csv", SimpleNamespace(folder=folder), None)

    assert x.tolist() == [[3, 1], [1000, 0]] and changes == []


@pytest.mark.slow
def test_wrong_settings(run, tmp_path, capsys):
    def failing(*arguments):
        assert main(["score", *map(str, arguments)]) == 1
        return capsys.readouterr().err

    np.savez(tmp_path / "table.npz", x=np.random.default_rng(0).random((60, 5)))
    assert "`against` must be of 64 features" in failing(run, "--against", tmp_path / "table.npz")
    assert "`name` must be one of" in failing(run, "--against", "nothing")
    assert "`run` must be the folder" in failing(tmp_path, "--against", "digits")
