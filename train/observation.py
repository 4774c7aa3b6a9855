"""How a model sees x, made from a recipe here alone."""

from keras_dgm import likelihoods
from keras_dgm.preprocessing import PCA


def likelihood_of(recipe):
    """p(x|.) of a `Recipe`.

    Raises:
        ValueError: if its scale does not belong to it.
    """
    if recipe.likelihood == "bernoulli":
        if recipe.likelihood_scale is not None:
            raise ValueError(
                "`likelihood_scale` belongs to the gaussian likelihoods, "
                f"got {recipe.likelihood_scale} with likelihood={recipe.likelihood!r}"
            )
        return likelihoods.Bernoulli(binarize=recipe.binarize)
    return likelihoods.NAMES[recipe.likelihood](scale=recipe.likelihood_scale)


def observed_as(recipe, x=None):
    """The arguments of a model that say how it sees x.

    Args:
        recipe: a `Recipe`.
        x: the training examples, [N, D], from which PCA is computed; needed with PCA alone.
    """
    arguments = {"likelihood": likelihood_of(recipe)}
    if recipe.pca is not None:
        arguments["preprocessor"] = PCA(recipe.pca, whiten=True)
        arguments["preprocessor"].adapt(x)
    return arguments
