"""The recipes, and the page that says why they are what they are."""

import re
from pathlib import Path

import pytest

from keras_dgm.data.sources import SOURCES
from train import cli, recipes
from train.config import FitConfig

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"


def test_every_recipe_has_its_place_on_the_page():
    headings = re.findall("^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(", ".join(headings).split(", ")) == sorted(recipes.RECIPES)


def test_a_data_set_has_the_recipe_of_its_name_or_the_default():
    assert recipes.default_name("digits") == "digits"
    assert recipes.default_name("mnist") == "mnist-smooth"
    assert recipes.default_name("path/to/own.npz") == "default"


def test_a_recipe_has_the_data_set_that_it_is_for():
    found = {name: recipes.default_dataset(name) for name in recipes.RECIPES}

    assert found.pop("usps") is None and found.pop("svhn") is None
    assert set(found.values()) == set(SOURCES)
    assert found["mnist-sdgm"] == "mnist" and found["frey-aevb"] == "frey_face"
    assert found["default"] == found["digits"] == "digits"


def test_the_command_takes_the_data_set_of_the_recipe(capsys):
    def config(*args):
        return cli.parse(FitConfig, "fit", list(args))

    assert config().dataset == "digits"
    assert config("--recipe", "mnist-sdgm").dataset == "mnist"
    assert config("--recipe", "mnist-sdgm", "--dataset", "digits").dataset == "digits"
    assert config("--recipe", "frey-aevb").model == config("--dataset", "lfw").model == "m1"
    assert config("--recipe", "usps", "--dataset", "own.npz").dataset == "own.npz"
    with pytest.raises(SystemExit):
        config("--recipe", "usps")
    assert "--dataset" in capsys.readouterr().err


def test_an_unknown_recipe_gets_the_closest():
    with pytest.raises(ValueError, match=r"`recipe` must be one of mnist, .*did you mean 'digits'"):
        recipes.find("digit")
