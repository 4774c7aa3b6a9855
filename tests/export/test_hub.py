"""A model as a folder of the Hugging Face Hub."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import yaml

from export import card, cli, hub

DESCRIBED = {
    "name": "mine: a table",
    "model": "M2",
    "labels": ["no", "yes"],
    "data": {"name": "table.csv", "examples": {"train": 80, "valid": 10, "test": 20}},
    "error": {"error": 0.25, "interval": [0.1, 0.5], "examples": 20},
}


def source(**changes):
    found = {"class_names": ("no", "yes"), "image_shape": None, "columns": ("age",)}
    return SimpleNamespace(**{**found, **changes})


def metadata(text):
    opening, header, rest = text.split("---\n", 2)
    assert opening == ""
    return yaml.safe_load(header), rest


def test_the_header_is_the_metadata_that_the_hub_reads():
    found, _ = metadata(hub.header(DESCRIBED, source()))

    assert found["library_name"] == "keras" and found["pipeline_tag"] == "tabular-classification"
    (index,) = found["model-index"]
    (result,) = index["results"]
    assert index["name"] == "mine: a table" and result["task"]["type"] == found["pipeline_tag"]
    assert result["dataset"]["name"] == "table.csv"
    assert result["metrics"] == [{"type": "accuracy", "value": 0.75}]


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"image_shape": (8, 8)}, "image-classification"),
        ({"class_names": ()}, "feature-extraction"),
        ({"columns": ()}, None),
    ],
)
def test_the_task_is_said_where_the_hub_has_a_name_for_it(changes, tag):
    found, _ = metadata(hub.header({**DESCRIBED, "error": None}, source(**changes)))

    assert found.get("pipeline_tag") == tag and "model-index" not in found


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "note").touch()

    with pytest.raises(ValueError, match="`output` must be a new or empty folder"):
        hub.write(source(), tmp_path / "model.keras", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


@pytest.mark.slow
def test_keras_loads_the_folder_and_its_card_says_how_the_model_errs(trained, tmp_path, capsys):
    folder = tmp_path / "hub"

    assert cli.main(["hub", str(trained.folder), "--output", str(folder)]) == 0

    assert "hf upload" in capsys.readouterr().out
    loaded = keras.saving.load_model(folder)
    x = trained.data.x_test
    expected = trained.model.predict(x, verbose=0)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    found, text = metadata((folder / hub.README).read_text("utf-8"))
    right = np.mean(expected.argmax(1) == trained.data.y_test)
    ((result,),) = (index["results"] for index in found["model-index"])
    assert result["metrics"][0]["value"] == pytest.approx(right)
    assert f"{100 * (1 - right):.2f} % of 400" in text and "| `images` | float32 |" in text


@pytest.mark.slow
def test_the_hub_s_library_takes_both_cards(trained, bundle, tmp_path):
    cards = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    assert cli.main(["hub", str(trained.folder), "--output", str(tmp_path / "hub")]) == 0

    for file in (tmp_path / "hub" / hub.README, bundle / card.MARKDOWN):
        (result,) = cards.ModelCard.load(file).data.eval_results
        assert result.task_type == "image-classification" and result.metric_type == "accuracy"
