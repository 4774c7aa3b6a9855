"""A SavedModel in a process that never imports TensorFlow: requests in, answers out, as JSON.

python -m export.capi_process SAVED_MODEL [THREADS] <requests >answers
"""

import base64
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from export.capi import Names, Servable, Status


def encode(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON can hold it."""
    array = np.asarray(array)
    if array.dtype.kind in "OSU":
        contents = [base64.b64encode(value).decode() for value in array.ravel()]
        return {"dtype": "string", "shape": array.shape, "content": contents}
    content = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": array.shape, "content": content}


def decode(value: Mapping[str, Any]) -> np.ndarray:
    """Undoes `encode`."""
    if value["dtype"] == "string":
        array = np.empty(len(value["content"]), object)
        array[:] = [base64.b64decode(content) for content in value["content"]]
    else:
        array = np.frombuffer(base64.b64decode(value["content"]), value["dtype"])
    return array.reshape(value["shape"])


def main(arguments):
    """The first line names the tensors of the signatures; each other one is a request.

    A request {"signature", "inputs", "repeat"} runs once, then `repeat` times against the clock;
    its answer is {"outputs", "seconds"} or {"code", "error"}.
    """
    folder, *threads = arguments
    names = {name: Names(*tensors) for name, tensors in json.loads(sys.stdin.readline()).items()}
    servable = Servable(folder, names, *map(int, threads))
    for line in sys.stdin:
        request = json.loads(line)
        inputs = {name: decode(value) for name, value in request["inputs"].items()}
        try:
            outputs = servable.run(request["signature"], inputs)
            seconds = servable.clock(request["signature"], inputs, request.get("repeat") or 1)
            encoded = {name: encode(value) for name, value in outputs.items()}
            answer: dict[str, Any] = {"outputs": encoded, "seconds": seconds}
        except Status as error:
            answer = {"code": error.code, "error": str(error)}
        print(json.dumps(answer), flush=True)
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main(sys.argv[1:])
