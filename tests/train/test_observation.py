"""How a model sees x, from a recipe."""

import numpy as np
import pytest

import keras_dgm as dgm
from train import recipes
from train.observation import likelihood_of, observed_as
from train.recipes import Recipe

X = np.random.default_rng(0).random([30, 6], np.float32)


@pytest.mark.parametrize(
    "name", [n for n, r in recipes.RECIPES.items() if r.likelihood != "columns"]
)
def test_the_likelihood_of_a_recipe_is_that_of_its_model(name):
    recipe = recipes.find(name)
    wide = np.random.default_rng(0).random([120, 110], np.float32)
    model = dgm.M1(2, (3,), **observed_as(recipe, wide))

    assert repr(model.likelihood) == repr(likelihood_of(recipe))
    assert (model.preprocessor is None) == (recipe.pca is None)


def test_pca_is_computed_from_the_examples():
    recipe = Recipe(likelihood="gaussian", pca=2)
    z = np.asarray(observed_as(recipe, X)["preprocessor"](X))

    assert z.shape == (30, 2)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.05)


def test_a_scale_that_belongs_to_no_likelihood():
    with pytest.raises(ValueError, match="`likelihood_scale` belongs to the gaussian"):
        likelihood_of(Recipe(likelihood="bernoulli", likelihood_scale=0.1))
