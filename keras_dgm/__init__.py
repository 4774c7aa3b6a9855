"""Semi-supervised deep generative models: the VAE, M1, M2 and M1+M2 of Kingma et al. (2014)."""

import keras as _keras

if _keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_dgm needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow in the environment "
        f"before Keras is imported; its backend is {_keras.backend.backend()!r}"
    )

from keras_dgm import (
    classifiers,
    data,
    evaluation,
    generation,
    likelihoods,
    preprocessing,
    serving,
)
from keras_dgm._version import __version__
from keras_dgm.models import ADGM, M1, M2, SDGM, VAE, ConditionalM1, StackedM1M2, Unsupported
from keras_dgm.training.callbacks import KLWarmUp
from keras_dgm.trunks import Convolutional

__all__ = [
    "ADGM",
    "M1",
    "M2",
    "SDGM",
    "VAE",
    "ConditionalM1",
    "Convolutional",
    "KLWarmUp",
    "StackedM1M2",
    "Unsupported",
    "__version__",
    "classifiers",
    "data",
    "evaluation",
    "generation",
    "likelihoods",
    "preprocessing",
    "serving",
]
