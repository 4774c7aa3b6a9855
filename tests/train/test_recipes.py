"""The recipes, and the page that says why they are what they are."""

import re
from pathlib import Path

import pytest

from train import recipes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"


def test_every_recipe_has_its_place_on_the_page():
    headings = re.findall("^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(", ".join(headings).split(", ")) == sorted(recipes.RECIPES)


def test_a_data_set_has_the_recipe_of_its_name_or_the_default():
    assert recipes.default_name("digits") == "digits"
    assert recipes.default_name("mnist") == "mnist-smooth"
    assert recipes.default_name("path/to/own.npz") == "default"


def test_an_unknown_recipe_gets_the_closest():
    with pytest.raises(ValueError, match=r"`recipe` must be one of mnist, .*did you mean 'digits'"):
        recipes.find("digit")
