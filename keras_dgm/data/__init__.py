"""Data sets for semi-supervised learning: `load` returns NumPy arrays, split, with few labels."""

from keras_dgm.data.dataset import DataNotFoundError, Dataset
from keras_dgm.data.labels import draw_labels
from keras_dgm.data.sources import SOURCES, load
from keras_dgm.data.streams import npy_batches, tfrecord_batches

__all__ = [
    "SOURCES",
    "DataNotFoundError",
    "Dataset",
    "draw_labels",
    "load",
    "npy_batches",
    "tfrecord_batches",
]
