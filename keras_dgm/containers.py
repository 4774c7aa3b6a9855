"""Arrays out of what people hold their data in; what is none is refused by its type."""

import decimal
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

# Bytes of a sparse matrix that is made dense, float32.
MAX_DENSE = 2 * 2**30


def as_array(values: Any, argument: str, *, missing: bool = False) -> np.ndarray:
    """What `values` holds, as an array that is not of objects.

    Arrays, tensors, lists of rows, pandas frames of numbers, masked arrays, and sparse matrices of
    SciPy, which become dense. None and pandas' NA among numbers are NaN.

    Args:
        values: what a caller passed in.
        argument: its name in error messages.
        missing: whether masked entries may be NaN; otherwise they are refused.

    Raises:
        ValueError: if it is something else, with its type and the remedy; if a sparse matrix is
            too large; or if an entry is neither a number nor, throughout, a text.
    """
    if values is None:
        raise ValueError(f"`{argument}` must be an array with one row an example; it is missing")
    refuse_others(values, argument)
    origin = type(values).__module__.split(".")[0]
    if origin == "scipy":
        return _dense(values, argument)
    if origin == "pandas":
        return _of_frame(values, argument)
    if isinstance(values, np.ma.MaskedArray):
        return _of_masked(values, argument, missing)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"`{argument}` must be an array with rows of one length: {error}"
        ) from None
    if array.dtype.kind != "O":
        return array
    if array.ndim == 0:
        raise ValueError(
            f"`{argument}` must be an array, got a {type(values).__name__}: give arrays, a "
            "tf.data.Dataset or a keras.utils.PyDataset"
        )
    return _of_objects(array, argument)


def refuse_others(values: Any, argument: str) -> None:
    """Refuse what is known to be no array.

    Raises:
        ValueError: with the type received, and the remedy.
    """
    remedy = _remedy(values)
    if remedy:
        kind = type(values).__name__
        raise ValueError(f"`{argument}` must be an array, got a {kind}: {remedy}")


def is_missing(entry: Any) -> bool:
    """Whether an entry is None, NaN or NA."""
    if type(entry).__name__ in ("NAType", "NaTType"):  # Of pandas, which need not be there.
        return True
    # NaN alone is not equal to itself.
    return entry is None or (isinstance(entry, numbers.Number) and bool(entry != entry))


def _remedy(values: Any) -> str:
    """What to do with something that is no array; nothing where it may be one."""
    if isinstance(values, Mapping):
        keys = ", ".join(map(repr, list(values)[:5]))
        return f"give the arrays in it one by one, by its keys {keys}"
    if isinstance(values, Iterator):
        return (
            "it can be read once only; make a tf.data.Dataset of it by `from_generator`, or a "
            "keras.utils.PyDataset"
        )
    if hasattr(values, "element_spec"):
        return "`fit`, `evaluate` and `predict` take datasets, this takes arrays"
    of_name = {
        "RaggedTensor": "its `to_tensor()` has rows of one length",
        "SparseTensor": "`tf.sparse.to_dense` makes it one",
        "set": "it has no order",
    }
    if isinstance(values, (list, tuple)) and any(np.ndim(v) > 1 for v in _arrays_in(values)):
        return (
            "np.concatenate makes one array of parts with a row an example, np.stack of examples; "
            "of a single array give the array itself"
        )
    return of_name.get(type(values).__name__, "")


def _arrays_in(values: Any) -> list[Any]:
    """The entries of a list that have a shape."""
    return [entry for entry in values if hasattr(entry, "shape")]


def _dense(values: Any, argument: str) -> np.ndarray:
    """A sparse matrix of SciPy, float32."""
    size = 4 * int(np.prod(values.shape, dtype=np.int64))
    if size > MAX_DENSE:
        raise ValueError(
            f"`{argument}` must take at most {MAX_DENSE >> 20} MB as a dense array, got "
            f"{size >> 20} MB in a {type(values).__name__} of shape {values.shape}: give its rows "
            "batch by batch, as a keras.utils.PyDataset"
        )
    return values.astype(np.float32).toarray()


def _of_frame(frame: Any, argument: str) -> np.ndarray:
    """The numbers of a frame or a series, float64 where its types allow it."""
    import pandas as pd

    types = frame.dtypes if frame.ndim == 2 else [frame.dtype]
    if all(pd.api.types.is_numeric_dtype(dtype) for dtype in types):
        return frame.to_numpy(np.float64, na_value=np.nan)
    return _of_objects(frame.to_numpy(object), argument, getattr(frame, "columns", None))


def _of_masked(array: np.ma.MaskedArray, argument: str, missing: bool) -> np.ndarray:
    """A masked array, its masked entries NaN."""
    mask = np.ma.getmaskarray(array)
    if not mask.any():
        return np.ma.getdata(array)
    if not missing:
        where = tuple(int(i) for i in np.argwhere(mask)[0])
        raise ValueError(
            f"`{argument}` must have no masked entry, got one at index {where}: a model with "
            "`missing=True` takes them for missing"
        )
    return np.where(mask, np.nan, np.ma.getdata(array))


def _of_objects(array: npt.NDArray[Any], argument: str, columns: Any = None) -> np.ndarray:
    """Objects as floats, None and NA as NaN."""
    found = np.empty(array.shape, np.float64)
    for index, entry in np.ndenumerate(array):
        if is_missing(entry):
            found[index] = np.nan
        elif isinstance(entry, (numbers.Real, decimal.Decimal, np.bool_)):
            found[index] = float(entry)
        else:
            where = f"index {tuple(map(int, index))}"
            if columns is not None:
                where = f"row {index[0]} of column {columns[index[1]]!r}"
            raise ValueError(
                f"`{argument}` must hold real numbers, got {entry!r} at {where}; "
                "keras_dgm.data.from_frame makes numbers of a table with texts"
            )
    return found
