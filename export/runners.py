"""Runs what was exported: a SavedModel in a process of its own, a LiteRT file in this one."""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from google.protobuf.message import DecodeError

from export import capi_process, litert, servable, workplace

TIMEOUT = 300
FULLY_CONNECTED = schema.BuiltinOperator.FULLY_CONNECTED


class VerificationError(ValueError):
    """An artifact that does not do what it should."""


def run_saved_model(folder, requests, threads=1):
    """Answers of the C library, in a process that does not import TensorFlow.

    Args:
        folder: of the SavedModel.
        requests: dicts with "signature", "inputs" and, to time it, "repeat".
        threads: of the session.

    Returns:
        A dict for each request, with "outputs" and "seconds", or "code" and "error".

    Raises:
        VerificationError: if the model does not load.
    """
    try:
        signatures = servable.signatures(folder)
    except DecodeError as error:
        raise VerificationError(f"{folder} does not load: {error}") from error
    names = {name: found for name, (found, _) in signatures.items()}
    lines = [json.dumps(names)]
    for request in requests:
        inputs = {name: capi_process.encode(value) for name, value in request["inputs"].items()}
        kept = {key: request[key] for key in ("signature", "repeat") if key in request}
        lines.append(json.dumps({**kept, "inputs": inputs}))
    done = workplace.run(
        [sys.executable, "-m", "export.capi_process", str(Path(folder).resolve()), str(threads)],
        "\n".join(lines),
        TIMEOUT,
        cwd=Path(__file__).resolve().parents[1],
    )
    if done.returncode:
        raise VerificationError(
            f"{folder} does not load in TensorFlow's C library: {done.stderr[-2000:]}"
        )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        if "outputs" in answer:
            answer["outputs"] = {k: capi_process.decode(v) for k, v in answer["outputs"].items()}
    return answers


class LiteRT:
    """A LiteRT file, on one thread.

    Args:
        file: its path.
    """

    def __init__(self, file, threads=1):
        self.file = Path(file)
        with litert.quiet():
            self._interpreter = Interpreter(str(file), num_threads=threads)
            self._interpreter.allocate_tensors()
        self.signatures = self._interpreter.get_signature_list()
        self._runners = {
            name: self._interpreter.get_signature_runner(name) for name in self.signatures
        }
        self._details = {
            name: (runner.get_input_details(), runner.get_output_details())
            for name, runner in self._runners.items()
        }

    def tensors(self):
        """The inputs and outputs of each signature: type and shape, None for any size.

        And of int8 its `scale` and `zero_point`: a number is scale (integer - zero_point).
        """

        def described(details):
            return {
                name: {
                    "dtype": np.dtype(tensor["dtype"]).name,
                    "shape": [int(n) if n >= 0 else None for n in tensor["shape_signature"]],
                    **scale_of(tensor),
                }
                for name, tensor in sorted(details.items())
            }

        return {
            name: {"inputs": described(given), "outputs": described(made)}
            for name, (given, made) in self._details.items()
        }

    def run(self, signature, **inputs):
        """The outputs of a signature, by name; of a file of integers, by its scales."""
        given, made = self._details[signature]
        sent = {name: to_integers(values, given[name]) for name, values in inputs.items()}
        outputs = self._runners[signature](**sent)
        return {name: from_integers(values, made[name]) for name, values in outputs.items()}

    def run_all(self, signature, batch_size=500, **inputs):
        """The same for many rows, in batches."""
        count = len(next(iter(inputs.values())))
        parts = [
            self.run(signature, **{k: v[i : i + batch_size] for k, v in inputs.items()})
            for i in range(0, count, batch_size)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def scale_of(tensor):
    """How the integers of a tensor are read; nothing of one of floats."""
    if tensor["dtype"] != np.int8:
        return {}
    scale, zero = tensor["quantization"]
    return {"scale": float(scale), "zero_point": int(zero)}


def to_integers(values, tensor):
    """Floats as a tensor of int8 holds them; as they are for one of floats."""
    if tensor["dtype"] != np.int8 or values.dtype.kind != "f":
        return values
    scale, zero = tensor["quantization"]
    return np.clip(np.round(values / scale) + zero, -128, 127).astype(np.int8)


def from_integers(values, tensor):
    """Undoes `to_integers`."""
    if tensor["dtype"] != np.int8:
        return values
    scale, zero = tensor["quantization"]
    return ((values.astype(np.int32) - zero) * np.float32(scale)).astype(np.float32)


def tensor_types(file):
    """The names of the types of the tensors in a LiteRT file."""
    names = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
    model = schema.ModelT.InitFromPackedBuf(Path(file).read_bytes(), 0)
    return {names[tensor.type] for graph in model.subgraphs for tensor in graph.tensors}


def matrices(file):
    """The shapes (outputs, inputs) of the matrices of a LiteRT file's first function, in order."""
    model = schema.ModelT.InitFromPackedBuf(Path(file).read_bytes(), 0)
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if max(code.builtinCode, code.deprecatedBuiltinCode) == FULLY_CONNECTED:
            found.append(tuple(int(n) for n in graph.tensors[operator.inputs[1]].shape))
    return found


def operations(file):
    """The names of the operations in a LiteRT file: built-in ones, then custom ones."""
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    model = schema.ModelT.InitFromPackedBuf(Path(file).read_bytes(), 0)
    builtin, custom = set(), set()
    for code in model.operatorCodes:
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        if number == schema.BuiltinOperator.CUSTOM:
            custom.add(code.customCode.decode())
        else:
            builtin.add(names[number])
    return builtin, custom
