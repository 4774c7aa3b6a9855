"""The text files around a servable; `@NAME@` stands for its name."""

MODELS_CONFIG = """\
model_config_list {
  config {
    name: "@NAME@"
    base_path: "/models/@NAME@"
    model_platform: "tensorflow"
  }
}
"""

BATCHING_CONFIG = """\
# The most rows of a request; more than fit into a batch are computed in pieces.
max_batch_size { value: 16384 }
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }
# A lone request waits a millisecond at most for others to share a matrix product with.
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""

DOCKER_COMPOSE = """\
# docker compose up, then examples/curl.sh or python examples/grpc_client.py
services:
  serving:
    image: ${TF_SERVING_IMAGE:-tensorflow/serving:latest}
    ports:
      - "127.0.0.1:8500:8500" # gRPC
      - "127.0.0.1:8501:8501" # REST
    volumes:
      - ./servable:/models:ro
      - ./models.config:/config/models.config:ro
      - ./batching.config:/config/batching.config:ro
    # The image's own entry point serves one model and reads no configuration file.
    entrypoint:
      - tensorflow_model_server
      - --port=8500
      - --rest_api_port=8501
      - --model_config_file=/config/models.config
      - --model_config_file_poll_wait_seconds=60
      - --enable_batching=true
      - --batching_parameters_file=/config/batching.config
"""

CURL = """\
#!/bin/sh
# Two examples of the test set; expected.json holds the answer.
set -e
cd "$(dirname "$0")"
server=${1:-127.0.0.1:8501}
curl --fail-with-body -sS -d @predict.json "http://$server/v1/models/@NAME@:predict"
"""

CURL_COLUMNS = """\
echo
# The same rows by the names of their columns.
curl --fail-with-body -sS -d @predict_columns.json "http://$server/v1/models/@NAME@:predict"
"""

CURL_PNG = """\
echo
# The first of them as a PNG file, base64 in JSON.
curl --fail-with-body -sS -d @predict_png.json "http://$server/v1/models/@NAME@:predict"
"""

GRPC_CLIENT = '''\
"""Ask the server for two examples of the test set and compare with the expected answer.

pip install tensorflow-serving-api; python grpc_client.py [HOST:PORT]
"""

import json
import sys
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

here = Path(__file__).resolve().parent
inputs = json.loads((here / "predict.json").read_text("utf-8"))["inputs"]
expected = json.loads((here / "expected.json").read_text("utf-8"))["outputs"]

request = predict_pb2.PredictRequest()
request.model_spec.name = "@NAME@"
for name, values in inputs.items():
    request.inputs[name].CopyFrom(tf.make_tensor_proto(values, tf.float32))

with grpc.insecure_channel(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8500") as channel:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    response = stub.Predict(request, timeout=10)

for name, values in expected.items():
    received = tf.make_ndarray(response.outputs[name])
    print(name, received)
    if received.dtype.kind == "f":
        assert abs(received - values).max() <= 1e-5, (name, values)
    else:
        received = [v.decode() if isinstance(v, bytes) else v for v in received.tolist()]
        assert received == values, (name, values)
print("as expected")
'''


def filler(**values):
    """A function that puts values into the place of `@KEY@`."""

    def fill(text):
        for key, value in values.items():
            text = text.replace(f"@{key.upper()}@", str(value))
        return text

    return fill
