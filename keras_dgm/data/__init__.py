"""Data sets for semi-supervised learning: `load` returns NumPy arrays, split, with few labels.

`from_frame` takes a table in memory. `npy_batches`, `tfrecord_batches` and `image_folder_batches`
read files that need not fit into memory. TensorFlow is imported with these and with folders of
images, pandas with tables, and not before.
"""

from importlib import import_module
from typing import Any

from keras_dgm.data.columns import Column, TableWarning, infer_columns
from keras_dgm.data.dataset import DataNotFoundError, Dataset
from keras_dgm.data.labels import draw_labels
from keras_dgm.data.readers import read_table
from keras_dgm.data.schema import TableSchema, encode_rows
from keras_dgm.data.sources import SOURCES, load
from keras_dgm.data.tables import from_frame, load_table

_WITH_TENSORFLOW = {
    "image_folder_batches": "image_folders",
    "load_image_folder": "image_folders",
    "npy_batches": "streams",
    "tfrecord_batches": "streams",
}

__all__ = [
    "SOURCES",
    "Column",
    "DataNotFoundError",
    "Dataset",
    "TableSchema",
    "TableWarning",
    "draw_labels",
    "encode_rows",
    "from_frame",
    "image_folder_batches",
    "infer_columns",
    "load",
    "load_image_folder",
    "load_table",
    "npy_batches",
    "read_table",
    "tfrecord_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _WITH_TENSORFLOW:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_TENSORFLOW[name]}"), name)
