"""How good a trained model is, in numbers: log p(x), p(y|x), errors, calibration, collapse."""

from keras_dgm.evaluation.calibration import Calibration, calibration, confusion
from keras_dgm.evaluation.collapse import kl_per_dimension
from keras_dgm.evaluation.likelihood import LogLikelihood, log_likelihood
from keras_dgm.evaluation.posterior import posterior_probs

__all__ = [
    "Calibration",
    "LogLikelihood",
    "calibration",
    "confusion",
    "kl_per_dimension",
    "log_likelihood",
    "posterior_probs",
]
