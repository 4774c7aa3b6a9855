"""What a trained model generates and how it sees data, as arrays.

`keras_dgm.generation.figures` draws them with matplotlib, which the rest does without.
"""

from keras_dgm.generation.imputation import error_of_missing, fill_with_mean, imputations, impute
from keras_dgm.generation.latent import project
from keras_dgm.generation.logger import ImageLogger
from keras_dgm.generation.masks import centre, left_half
from keras_dgm.generation.samples import manifold, samples, styles
from keras_dgm.generation.tiles import tile

__all__ = [
    "ImageLogger",
    "centre",
    "error_of_missing",
    "fill_with_mean",
    "imputations",
    "impute",
    "left_half",
    "manifold",
    "project",
    "samples",
    "styles",
    "tile",
]
