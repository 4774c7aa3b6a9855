"""A SavedModel through TensorFlow's C library, the loader and the session of TF Serving.

Imports no TensorFlow: the library inside its wheel is called with ctypes.
"""

import ctypes
import importlib.util
import math
import time
from collections.abc import Mapping
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

STRING = 7
DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
NUMBERS = {np.dtype(dtype): number for number, dtype in DTYPES.items()}
TSTRING_SIZE = 24
INVALID_ARGUMENT = 3


class Status(RuntimeError):
    """What the library reports; `code` is one of gRPC's."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


class Names(NamedTuple):
    """The tensors of one signature: names like `serving_default_images:0`, by their public name."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


class _Output(ctypes.Structure):
    _fields_ = [("operation", c_void_p), ("index", c_int)]


def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("`tensorflow` must be installed: its wheel holds the C library")
    folder = Path(spec.submodule_search_locations[0])
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    for name, result, arguments in (
        ("TF_NewStatus", c_void_p, []),
        ("TF_DeleteStatus", None, [c_void_p]),
        ("TF_GetCode", c_int, [c_void_p]),
        ("TF_Message", c_char_p, [c_void_p]),
        ("TF_NewGraph", c_void_p, []),
        ("TF_DeleteGraph", None, [c_void_p]),
        ("TF_NewSessionOptions", c_void_p, []),
        ("TF_DeleteSessionOptions", None, [c_void_p]),
        ("TF_SetConfig", None, [c_void_p, c_char_p, c_size_t, c_void_p]),
        ("TF_LoadSessionFromSavedModel", c_void_p,
         [c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p, c_void_p, c_void_p]),
        ("TF_CloseSession", None, [c_void_p, c_void_p]),
        ("TF_DeleteSession", None, [c_void_p, c_void_p]),
        ("TF_GraphOperationByName", c_void_p, [c_void_p, c_char_p]),
        ("TF_SessionRun", None,
         [c_void_p, c_void_p, POINTER(_Output), POINTER(c_void_p), c_int, POINTER(_Output),
          POINTER(c_void_p), c_int, c_void_p, c_int, c_void_p, c_void_p]),
        ("TF_AllocateTensor", c_void_p, [c_int, POINTER(c_int64), c_int, c_size_t]),
        ("TF_DeleteTensor", None, [c_void_p]),
        ("TF_TensorData", c_void_p, [c_void_p]),
        ("TF_TensorType", c_int, [c_void_p]),
        ("TF_NumDims", c_int, [c_void_p]),
        ("TF_Dim", c_int64, [c_void_p, c_int]),
        ("TF_StringInit", None, [c_void_p]),
        ("TF_StringCopy", None, [c_void_p, c_char_p, c_size_t]),
        ("TF_StringDealloc", None, [c_void_p]),
        ("TF_StringGetDataPointer", c_void_p, [c_void_p]),
        ("TF_StringGetSize", c_size_t, [c_void_p]),
    ):  # fmt: skip
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Servable:
    """A loaded SavedModel.

    Args:
        folder: of the SavedModel.
        signatures: its tensors, by signature.
        threads: within an operation and between them; None: all cores.

    Raises:
        Status: if the library cannot load it.
    """

    def __init__(self, folder, signatures: Mapping[str, Names], threads: int | None = None):
        self._c = _library()
        self._signatures = signatures
        self._status = self._c.TF_NewStatus()
        self._graph = self._c.TF_NewGraph()
        options = self._c.TF_NewSessionOptions()
        if threads is not None:
            # ConfigProto: intra_op_parallelism_threads = 2, inter_op_parallelism_threads = 5.
            config = bytes([2 << 3, threads, 5 << 3, threads])
            self._c.TF_SetConfig(options, config, len(config), self._status)
            self._check(self._status)
        tags = (c_char_p * 1)(b"serve")
        self._session = self._c.TF_LoadSessionFromSavedModel(
            options, None, str(folder).encode(), tags, 1, self._graph, None, self._status
        )
        self._c.TF_DeleteSessionOptions(options)
        self._check(self._status)

    def _check(self, status):
        if code := self._c.TF_GetCode(status):
            raise Status(code, self._c.TF_Message(status).decode(errors="replace"))

    def run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The outputs of a signature, by name; strings as arrays of bytes (dtype object).

        Safe to call from several threads.

        Raises:
            Status: as TF Serving would answer.
        """
        return self._run(signature, inputs, 1)[0]

    def clock(self, signature: str, inputs: Mapping[str, Any], times: int) -> list[float]:
        """Seconds that the library takes for each of some runs, without Python's conversions."""
        return self._run(signature, inputs, times)[1]

    def _run(self, signature, inputs, times):
        if signature not in self._signatures:
            raise Status(INVALID_ARGUMENT, f"Serving signature name: {signature!r} not found")
        names = self._signatures[signature]
        if set(inputs) != set(names.inputs):
            expected = f"expected {sorted(names.inputs)}, got {sorted(inputs)}"
            raise Status(INVALID_ARGUMENT, f"inputs of {signature!r}: {expected}")
        sent = [self._to_tensor(inputs[name]) for name in names.inputs]
        received = (c_void_p * len(names.outputs))()
        status = self._c.TF_NewStatus()
        call = (
            self._session, None,
            self._places(names.inputs.values()), (c_void_p * len(sent))(*sent), len(sent),
            self._places(names.outputs.values()), received, len(received),
            None, 0, None, status,
        )  # fmt: skip
        seconds = []
        try:
            for _ in range(times):
                self._delete(received)
                started = time.perf_counter()
                self._c.TF_SessionRun(*call)
                seconds.append(time.perf_counter() - started)
                self._check(status)
            outputs = {
                name: self._to_array(tensor)
                for name, tensor in zip(names.outputs, received, strict=True)
            }
            return outputs, seconds
        finally:
            self._c.TF_DeleteStatus(status)
            for tensor in sent:
                self._free_strings(tensor)
            self._delete(sent)
            self._delete(received)

    def _delete(self, tensors):
        for i, tensor in enumerate(tensors):
            if tensor:
                self._c.TF_DeleteTensor(tensor)
                tensors[i] = None

    def _places(self, tensors):
        places = (_Output * len(tensors))()
        for place, tensor in zip(places, tensors, strict=True):
            operation, index = tensor.split(":")
            place.operation = self._c.TF_GraphOperationByName(self._graph, operation.encode())
            place.index = int(index)
        return places

    def _to_tensor(self, values):
        array = np.asarray(values)
        shape = (c_int64 * array.ndim)(*array.shape)
        if array.dtype.kind in "OSU":
            size = array.size * TSTRING_SIZE
            tensor = self._c.TF_AllocateTensor(STRING, shape, array.ndim, size)
            data = self._c.TF_TensorData(tensor)
            for i, value in enumerate(array.ravel()):
                content = value.encode() if isinstance(value, str) else bytes(value)
                self._c.TF_StringInit(data + i * TSTRING_SIZE)
                self._c.TF_StringCopy(data + i * TSTRING_SIZE, content, len(content))
            return tensor
        array = np.ascontiguousarray(array)
        if array.dtype not in NUMBERS:
            raise Status(INVALID_ARGUMENT, f"inputs must be strings or numbers, got {array.dtype}")
        number = NUMBERS[array.dtype]
        tensor = self._c.TF_AllocateTensor(number, shape, array.ndim, array.nbytes)
        ctypes.memmove(self._c.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
        return tensor

    def _shape(self, tensor):
        return [self._c.TF_Dim(tensor, i) for i in range(self._c.TF_NumDims(tensor))]

    def _free_strings(self, tensor):
        if self._c.TF_TensorType(tensor) == STRING:
            data = self._c.TF_TensorData(tensor)
            for i in range(math.prod(self._shape(tensor))):
                self._c.TF_StringDealloc(data + i * TSTRING_SIZE)

    def _to_array(self, tensor):
        shape = self._shape(tensor)
        data, number = self._c.TF_TensorData(tensor), self._c.TF_TensorType(tensor)
        if number == STRING:
            array = np.empty(shape, object)
            for i in range(array.size):
                place = data + i * TSTRING_SIZE
                size = self._c.TF_StringGetSize(place)
                array.flat[i] = ctypes.string_at(self._c.TF_StringGetDataPointer(place), size)
            return array
        array = np.empty(shape, DTYPES[number])
        ctypes.memmove(array.ctypes.data, data, array.nbytes)
        return array

    def close(self):
        """Free the session and the graph."""
        self._c.TF_CloseSession(self._session, self._status)
        self._c.TF_DeleteSession(self._session, self._status)
        self._c.TF_DeleteGraph(self._graph)
        self._c.TF_DeleteStatus(self._status)
