"""Data sets for semi-supervised learning: `load` returns NumPy arrays, split, with few labels."""

from keras_dgm.data.dataset import DataNotFoundError, Dataset
from keras_dgm.data.labels import draw_labels
from keras_dgm.data.sources import SOURCES, load

__all__ = ["SOURCES", "DataNotFoundError", "Dataset", "draw_labels", "load"]
