"""Triton serves a SavedModel, whose answers come from TensorFlow's C library in another process.

Runs in an environment of nvidia-pytriton's own. The first line of the standard input is JSON: the
model's `name`, the `command` and its `folder` that answer as `export.capi_process` does, `tensors`,
the first line that it reads, the `width` of x, `outputs`, [name, dtype, shape of a row], and three
`ports`. At the second line Triton ends, and says how many rows each batch had.
"""

import base64
import json
import subprocess
import sys

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

told = json.loads(sys.stdin.readline())
answers = subprocess.Popen(
    told["command"], cwd=told["folder"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
print(told["tensors"], file=answers.stdin, flush=True)
batches = []


@batch
def infer(images):
    batches.append(len(images))
    content = base64.b64encode(np.ascontiguousarray(images).tobytes()).decode()
    encoded = {"dtype": "float32", "shape": images.shape, "content": content}
    request = {"signature": "serving_default", "inputs": {"images": encoded}}
    print(json.dumps(request), file=answers.stdin, flush=True)
    outputs = json.loads(answers.stdout.readline())["outputs"]
    return {
        name: np.frombuffer(base64.b64decode(outputs[name]["content"]), dtype).reshape(
            len(images), *shape
        )
        for name, dtype, shape in told["outputs"]
    }


http, grpc, metrics = told["ports"]
config = TritonConfig(http_port=http, grpc_port=grpc, metrics_port=metrics)
with Triton(config=config) as triton:
    triton.bind(
        model_name=told["name"],
        infer_func=infer,
        inputs=[Tensor(name="images", dtype=np.float32, shape=(told["width"],))],
        outputs=[Tensor(name=n, dtype=np.dtype(d), shape=tuple(s)) for n, d, s in told["outputs"]],
        config=ModelConfig(
            max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=20000)
        ),
    )
    triton.run()
    print("answer: ready", flush=True)
    sys.stdin.readline()
    print("answer:", json.dumps(batches), flush=True)
answers.stdin.close()
answers.wait()
