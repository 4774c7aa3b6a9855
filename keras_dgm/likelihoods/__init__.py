"""p(x|.), what an observation is drawn from given what a decoder puts out: one class a file.

`likelihood=` of a model takes a name of `NAMES` or an instance, of a class of your own too: it
subclasses `Likelihood` and is registered with `keras.saving.register_keras_serializable`.
"""

from keras_dgm import checks
from keras_dgm.likelihoods.base import Likelihood
from keras_dgm.likelihoods.bernoulli import Bernoulli
from keras_dgm.likelihoods.bounded_gaussian import BoundedGaussian
from keras_dgm.likelihoods.categorical import Categorical
from keras_dgm.likelihoods.columns import Columns
from keras_dgm.likelihoods.gaussian import Gaussian
from keras_dgm.likelihoods.negative_binomial import NegativeBinomial
from keras_dgm.likelihoods.poisson import Poisson

NAMES = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "bounded_gaussian": BoundedGaussian,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
}


def get(identifier: str | Likelihood) -> Likelihood:
    """The likelihood of a name of `NAMES`, with its default settings, or the instance itself.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(identifier, Likelihood):
        return identifier
    if isinstance(identifier, str) and identifier in NAMES:
        return NAMES[identifier]()
    raise ValueError(
        f"`likelihood` must be one of {tuple(NAMES)} or a Likelihood, "
        f"got {checks.shown(identifier)}"
    )


__all__ = [
    "NAMES",
    "Bernoulli",
    "BoundedGaussian",
    "Categorical",
    "Columns",
    "Gaussian",
    "Likelihood",
    "NegativeBinomial",
    "Poisson",
    "get",
]
