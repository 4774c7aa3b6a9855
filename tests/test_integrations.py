"""The code of docs/howto/integrations.md runs, and does what the page says."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_dgm.classifiers import SemiSupervisedClassifier

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "howto" / "integrations.md").read_text()
PARTS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What `make test` installs, whose versions are pinned.
PINNED = {"keras-tuner", "huggingface_hub"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs the code of a part of the page in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_part(title):
        names = {}
        for code in (CODE.search(PAGE)[1], *CODE.findall(PARTS[title])):
            exec(code, names)
        return names

    return run_part


def test_the_versions_of_what_is_pinned_are_those_of_the_pins():
    pins = (ROOT / "requirements-test.txt").read_text()

    for name in PINNED:
        version = re.search(rf"{name} (\d[\d.]*) \|", PAGE)[1]
        assert re.search(rf"^{name.replace('_', '[-_]')}=={version} ", pins, re.MULTILINE), name


def test_keras_wrapper_says_what_to_take_instead():
    from keras.wrappers import SKLearnClassifier

    import keras_dgm as dgm

    x, y = np.eye(4, dtype="float32"), np.array([0, 1, -1, -1])

    def build(X, y):
        model = dgm.M2(2, 2, (4,))
        model.compile("adam")
        return model

    with pytest.raises(ValueError, match="SemiSupervisedClassifier"):
        SKLearnClassifier(build).fit(x, y)


@pytest.mark.slow
def test_mlflow_has_the_bound_of_each_epoch_and_the_model(run):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("alembic", reason="mlflow's database needs alembic")

    names = run("MLflow")

    found, number = mlflow.MlflowClient(), names["run"].info.run_id
    bounds = found.get_metric_history(number, "val_elbo")
    assert [bound.step for bound in bounds] == [0, 1]
    assert all(-1e4 < bound.value < 0 for bound in bounds)
    assert found.get_run(number).data.params["latent_dim"] == "5"
    file = mlflow.artifacts.download_artifacts(run_id=number, artifact_path="m2.keras")
    assert_same(keras.saving.load_model(file), names)


@pytest.mark.slow
def test_wandb_has_the_bound_and_the_best_model(run, tmp_path):
    """An offline run shows nothing once it is finished; its file has the names of what it holds."""
    pytest.importorskip("wandb", reason="wandb is not installed")

    run("Weights & Biases")

    (recorded,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    assert b"epoch/val_elbo" in recorded.read_bytes()
    assert (tmp_path / "best.keras").exists()


@pytest.mark.slow
def test_keras_tuner_chooses_by_the_error_and_by_the_bound(run):
    pytest.importorskip("keras_tuner", reason="keras-tuner is not installed")

    names = run("KerasTuner")

    for name, sign in (("by_error", "accuracy"), ("by_bound", "elbo")):
        trials = names[name].oracle.get_best_trials(2)
        assert trials[0].score >= trials[1].score
        assert trials[0].metrics.exists(f"val_{sign}")
    measured = names["model"].evaluate(*names["validation_data"], verbose=0, return_dict=True)
    best = names["by_error"].oracle.get_best_trials()[0].score
    assert measured["accuracy"] == pytest.approx(best, abs=1e-6)


@pytest.mark.slow
def test_keras_loads_a_folder_of_the_hub(run):
    names = run("Hugging Face Hub")

    assert_same(names["loaded"], names)


@pytest.mark.slow
def test_scikit_learn_scores_labelled_rows_alone(run):
    names = run("scikit-learn")

    assert isinstance(names["classifier"], SemiSupervisedClassifier)
    assert names["scores"].shape == (2,) and names["scores"].min() > 0.3  # chance is 0.1


def assert_same(loaded, names):
    """The loaded model predicts as the model of the page does."""
    x = names["data"].x_test[:20]
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), names["model"].predict(x, verbose=0)
    )
