"""Layers that are fitted to the data before a model is trained, and can be inverted."""

from keras_dgm.preprocessing.inverse import inverse_of
from keras_dgm.preprocessing.pca import PCA
from keras_dgm.preprocessing.standardize import Standardize
from keras_dgm.preprocessing.table_encoder import TableEncoder

__all__ = ["PCA", "Standardize", "TableEncoder", "inverse_of"]
