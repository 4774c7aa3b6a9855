"""Layers that are fitted to the data before a model is trained."""

from keras_dgm.preprocessing.pca import PCA

__all__ = ["PCA"]
