"""What a trained model does in production: its endpoints, as signatures of a SavedModel."""

from keras_dgm.serving import saved_model
from keras_dgm.serving.endpoint import ClassId, Endpoint, Features, Input, Latent, Seed
from keras_dgm.serving.softplus import fast_softplus, finite_softplus

__all__ = [
    "ClassId",
    "Endpoint",
    "Features",
    "Input",
    "Latent",
    "Seed",
    "fast_softplus",
    "finite_softplus",
    "saved_model",
]
