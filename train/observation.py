"""How a model sees x, made from a recipe here alone."""

from keras_dgm.distributions import Likelihood
from keras_dgm.preprocessing import PCA


def likelihood_of(recipe):
    """p(x|.) of a `Recipe`.

    Raises:
        ValueError: if its scale does not belong to it.
    """
    return Likelihood(recipe.likelihood, recipe.likelihood_scale)


def observed_as(recipe, x=None):
    """The arguments of a model that say how it sees x.

    Args:
        recipe: a `Recipe`.
        x: the training examples, [N, D], from which PCA is computed; needed with PCA alone.
    """
    likelihood = likelihood_of(recipe)
    arguments = {
        "likelihood": likelihood.name,
        "likelihood_scale": likelihood.scale,
        "binarize": recipe.binarize,
    }
    if recipe.pca is not None:
        arguments["preprocessor"] = PCA(recipe.pca, whiten=True)
        arguments["preprocessor"].adapt(x)
    return arguments
