"""How good a trained model is: log p(x) and p(y|x), by importance sampling."""

from keras_dgm.evaluation.classification import posterior_probs
from keras_dgm.evaluation.likelihood import LogLikelihood, log_likelihood

__all__ = ["LogLikelihood", "log_likelihood", "posterior_probs"]
