"""How a model sees x, made from a recipe here alone."""

import numpy as np

from keras_dgm import likelihoods
from keras_dgm.data.columns import columns_of
from keras_dgm.preprocessing import PCA, TableEncoder


def likelihood_of(recipe):
    """p(x|.) of a `Recipe`; None where it depends on the columns of the data.

    Raises:
        ValueError: if its scale does not belong to it.
    """
    if recipe.likelihood in ("bernoulli", "columns"):
        if recipe.likelihood_scale is not None:
            raise ValueError(
                "`likelihood_scale` belongs to the gaussian likelihoods, "
                f"got {recipe.likelihood_scale} with likelihood={recipe.likelihood!r}"
            )
        of_columns = recipe.likelihood == "columns"
        return None if of_columns else likelihoods.Bernoulli(binarize=recipe.binarize)
    return likelihoods.NAMES[recipe.likelihood](scale=recipe.likelihood_scale)


def observed_as(recipe, x=None, columns=(), every=None):
    """The arguments of a model that say how it sees x.

    Args:
        recipe: a `Recipe`.
        x: the training examples, [N, D]; needed where something is computed from them.
        columns: of a table, the type of each; by default, of other data, found.
        every: all examples that the model will see, which say whether some entry is missing and
            what columns hold; by default x.
    """
    if recipe.likelihood == "columns":
        every = x if every is None else every
        encoder = TableEncoder(columns or columns_of(every))
        encoder.adapt(x)
        return {
            "likelihood": encoder.likelihood(),
            "preprocessor": encoder,
            "missing": bool(np.isnan(every).any()),
        }
    arguments = {"likelihood": likelihood_of(recipe)}
    if recipe.pca is not None:
        arguments["preprocessor"] = PCA(recipe.pca, whiten=True)
        arguments["preprocessor"].adapt(x)
    return arguments
