"""LiteRT (TFLite) files of a model's functions: float32, float16, dynamic-range and int8."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from export import metadata
from keras_dgm.serving import Endpoint

SUFFIX = ".tflite"
FORMATS = ("float32", "float16", "dynamic", "int8")
# int8 throughout, inputs and outputs too, for devices that compute no floats.
INTEGERS = "integers"
# What int8 files compute in float: probabilities, whose 256 steps would not do for many classes,
# and what tells valid rows from others, of which int8 has no notion.
FLOAT_OPERATIONS = (
    "SOFTMAX", "LOG_SOFTMAX", "SELECT", "SELECT_V2", "EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL",
    "GREATER", "GREATER_EQUAL", "ROUND", "FLOOR", "ABS", "SUB", "DIV",
)  # fmt: skip
QUANTIZE = schema.BuiltinOperator.QUANTIZE
DEQUANTIZE = schema.BuiltinOperator.DEQUANTIZE
Samples = Mapping[str, Mapping[str, np.ndarray]]


class Functions:
    """Functions that become LiteRT files; a context, in which they are traced once.

    Args:
        endpoints: by the name of their signature.
        rows: of a batch; None: any number.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], rows: int | None = None):
        self._folder = tempfile.TemporaryDirectory(prefix="litert-")
        with quiet():
            archive = keras.export.ExportArchive()
            for name, endpoint in endpoints.items():
                archive.add_endpoint(name, endpoint.function, input_signature=endpoint.specs(rows))
            archive.write_out(self._folder.name, verbose=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def write(
        self,
        path: Path,
        names: list[str],
        precision: str = "float32",
        samples: Samples | None = None,
        variables: bool = False,
    ) -> None:
        """Write a file of built-in operations with a signature for each of some functions.

        Args:
            path: of the file.
            names: of the functions.
            precision: one of `FORMATS`, or `INTEGERS`.
            samples: for int8 and integers, the inputs [N, ...] by signature and name that
                calibrate it.
            variables: whether the functions change variables.
        """
        if precision not in (*FORMATS, INTEGERS):
            raise ValueError(
                f"`precision` must be one of {(*FORMATS, INTEGERS)}, got {precision!r}"
            )
        with quiet():
            converter = tf.lite.TFLiteConverter.from_saved_model(
                self._folder.name, signature_keys=names
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            converter.experimental_enable_resource_variables = variables
            if precision != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if precision in ("int8", INTEGERS):
                if not samples:
                    raise ValueError(f"`samples` must be given for {precision}, got none")
                converter.representative_dataset = lambda: _calibration(names, samples)
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            if precision == INTEGERS:
                converter.inference_input_type = converter.inference_output_type = tf.int8
            try:
                content = eight_bits(converter) if precision == "int8" else converter.convert()
            except Exception as error:  # the converter's own has no public name
                raise ValueError(f"{path.name} cannot be converted to LiteRT: {error}") from error
        path.write_bytes(content)


def _calibration(names: list[str], samples: Samples) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in names:
        inputs = samples[name]
        for row in range(len(next(iter(inputs.values())))):
            yield name, {key: values[row : row + 1] for key, values in inputs.items()}


def eight_bits(converter: Any) -> bytes:
    """A file of int8 weights and activations but for `FLOAT_OPERATIONS`; it takes floats."""
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(FLOAT_OPERATIONS))
    quantizer = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_options=options
    )
    return without_round_trips(quantizer.get_nondebug_quantized_model())


def without_round_trips(content: bytes) -> bytes:
    """A LiteRT file in which no float becomes int8 only to become a float again.

    The quantizer leaves such between two operations in float.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    for index, graph in enumerate(model.subgraphs):
        made_of: dict[int, int] = {}  # an int8 tensor, of the float one
        same: dict[int, int] = {}  # a float tensor, and an earlier one of the same numbers
        for operator in graph.operators:
            code, (first, *_), (output, *_) = (
                codes[operator.opcodeIndex], operator.inputs, operator.outputs,
            )  # fmt: skip
            if code == QUANTIZE and graph.tensors[first].type == schema.TensorType.FLOAT32:
                made_of[output] = first
            if code == DEQUANTIZE and first in made_of:
                same[output] = made_of[first]
        for operator in graph.operators:
            operator.inputs = [same.get(tensor, tensor) for tensor in operator.inputs]
        graph.outputs = [same.get(tensor, tensor) for tensor in graph.outputs]
        for signature in model.signatureDefs:
            if signature.subgraphIndex == index:
                for output in signature.outputs:
                    output.tensorIndex = same.get(output.tensorIndex, output.tensorIndex)
        graph.operators = _used(graph)
    return metadata.packed(model)


def _used(graph):
    """The operators of a graph whose outputs something takes."""
    used = {*graph.outputs, *(i for operator in graph.operators for i in operator.inputs)}
    kept = [operator for operator in graph.operators if used & set(operator.outputs)]
    if len(kept) == len(graph.operators):
        return kept
    graph.operators = kept
    return _used(graph)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences what the converter writes to the file descriptor of stderr, unless it fails."""
    with tempfile.TemporaryFile() as log, warnings.catch_warnings():
        # The converter calibrates int8 with the interpreter that it says is deprecated.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        kept = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
