"""What a trained model does in production, as signatures of a SavedModel."""

from keras_dgm.serving import saved_model
from keras_dgm.serving.inference import Inference, finite_softplus

__all__ = ["Inference", "finite_softplus", "saved_model"]
