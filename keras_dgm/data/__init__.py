"""Data sets for semi-supervised learning: `load` returns NumPy arrays, split, with few labels.

`npy_batches` and `tfrecord_batches` read files that need not fit into memory. TensorFlow is
imported with them, and not before: `load` does without.
"""

from typing import Any

from keras_dgm.data.dataset import DataNotFoundError, Dataset
from keras_dgm.data.labels import draw_labels
from keras_dgm.data.sources import SOURCES, load

STREAMS = ("npy_batches", "tfrecord_batches")

__all__ = ["SOURCES", "DataNotFoundError", "Dataset", "draw_labels", "load", *STREAMS]


def __getattr__(name: str) -> Any:
    if name not in STREAMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from keras_dgm.data import streams

    return getattr(streams, name)
