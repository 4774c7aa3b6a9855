"""Pictures of the arrays of `keras_dgm.generation`, with matplotlib.

Every function returns a `matplotlib.figure.Figure`, to be saved with `savefig`; none touches
pyplot's global state.
"""

from keras_dgm.generation.figures.plots import (
    bounds_by_latent_dim,
    calibration,
    component_collapse,
    confusion,
    projection,
    training_curves,
)
from keras_dgm.generation.figures.sheets import (
    analogies,
    completions,
    hide,
    manifold,
    samples,
    sheet,
    styles,
)

__all__ = [
    "analogies",
    "bounds_by_latent_dim",
    "calibration",
    "completions",
    "component_collapse",
    "confusion",
    "hide",
    "manifold",
    "projection",
    "samples",
    "sheet",
    "styles",
    "training_curves",
]
