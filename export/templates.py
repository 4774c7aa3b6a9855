"""The text files around a servable; `@NAME@` stands for its name."""

import textwrap

# All versions are loaded, so that the labels, edited or not, lead to one that is. A running server
# sets labels before it loads what a policy of specific versions names, and would refuse new ones.
# A request without a label gets the newest; for a canary, send most with the label `stable` and
# some with `canary`; to go back, point both at the older version.
MODELS_CONFIG = """\
model_config_list {
  config {
    name: "@NAME@"
    base_path: "/bundle/servable/@NAME@"
    model_platform: "tensorflow"
    model_version_policy { all {} }
    version_labels { key: "stable" value: @STABLE@ }
    version_labels { key: "canary" value: @VERSION@ }
  }
}
"""

# http://HOST:8501/monitoring/prometheus/metrics
MONITORING_CONFIG = """\
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
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

# Asks for the model's status without curl, which the image lacks.
IS_AVAILABLE = (
    "exec 3<>/dev/tcp/127.0.0.1/8501 && "
    "printf 'GET /v1/models/@NAME@ HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '\"AVAILABLE\"' <&3"
)

# The server, as both of the following start it.
SERVER = """\
- tensorflow_model_server
- --port=8500
- --rest_api_port=8501
- --model_config_file=/bundle/models.config
- --model_config_file_poll_wait_seconds=60
- --allow_version_labels_for_unavailable_models=true
- --enable_batching=true
- --batching_parameters_file=/bundle/batching.config
- --monitoring_config_file=/bundle/monitoring.config"""

# Settings are read from a folder, for a file mounted alone is not seen to be replaced.
DOCKER_COMPOSE = """\
# docker compose up, then examples/curl.sh or python examples/grpc_client.py
services:
  serving:
    image: ${TF_SERVING_IMAGE:-tensorflow/serving:@IMAGE@}
    restart: unless-stopped
    ports:
      - "127.0.0.1:8500:8500" # gRPC
      - "127.0.0.1:8501:8501" # REST, and /monitoring/prometheus/metrics
    volumes:
      - ./:/bundle:ro
    # The image's own entry point serves one model and reads no configuration file.
    entrypoint:
@SERVER@
    healthcheck:
      test:
        - CMD
        - bash
        - -c
        - >-
          @IS_AVAILABLE@
      interval: 10s
      timeout: 5s
      retries: 3
      start_period: 30s
    deploy:
      resources:
        limits:
          cpus: "2"
          memory: 1g
""".replace("@SERVER@", textwrap.indent(SERVER, 6 * " "))

# As the compose file, with two replicas.
KUBERNETES = """\
# kubectl apply -f kubernetes.yml, where the claim @DNS_NAME@-bundle holds the bundle's folder.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: @DNS_NAME@
spec:
  replicas: 2
  selector:
    matchLabels: {app: @DNS_NAME@}
  template:
    metadata:
      labels: {app: @DNS_NAME@}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8501"
        prometheus.io/path: /monitoring/prometheus/metrics
    spec:
      containers:
        - name: serving
          image: tensorflow/serving:@IMAGE@
          command:
@SERVER@
          ports:
            - {name: grpc, containerPort: 8500}
            - {name: rest, containerPort: 8501}
          readinessProbe: &status
            exec:
              command:
                - bash
                - -c
                - >-
                  @IS_AVAILABLE@
            periodSeconds: 10
            timeoutSeconds: 5
          startupProbe:
            <<: *status
            failureThreshold: 30
          livenessProbe:
            tcpSocket: {port: rest}
          resources:
            requests: {cpu: 500m, memory: 256Mi}
            limits: {cpu: "2", memory: 1Gi}
          volumeMounts:
            - {name: bundle, mountPath: /bundle, readOnly: true}
      volumes:
        - name: bundle
          persistentVolumeClaim: {claimName: @DNS_NAME@-bundle, readOnly: true}
---
apiVersion: v1
kind: Service
metadata:
  name: @DNS_NAME@
spec:
  selector: {app: @DNS_NAME@}
  ports:
    - {name: grpc, port: 8500, targetPort: grpc}
    - {name: rest, port: 8501, targetPort: rest}
""".replace("@SERVER@", textwrap.indent(SERVER, 12 * " "))

CURL = """\
#!/bin/sh
# Ask the server for examples of the test set by REST, and compare with the expected answers.
# curl.sh [HOST:PORT]; needs curl and python3.
set -eu
cd "$(dirname "$0")"
server=${1:-127.0.0.1:8501}
ask() { # METHOD REQUEST EXPECTED [TOLERANCE]
    echo "$2"
    # The status follows the answer, which says what is wrong and which --fail would not show.
    answer=$(curl -sS -w '%{http_code}' -d "@$2" "http://$server/v1/models/@NAME@:$1")
    case $answer in
    *200) printf '%s' "${answer%200}" | python3 compare.py "$3" "${4:-1e-5}" ;;
    *)
        printf '%s\n' "status ${answer#"${answer%???}"}: ${answer%???}" >&2
        exit 1
        ;;
    esac
}
ask predict predict.json expected.json
"""
CURL_PNG = """\
ask predict predict_png.json expected_png.json # a PNG file, base64 in JSON
"""
CURL_COLUMNS = """\
ask predict predict_columns.json expected.json # the same rows by the names of their columns
"""
CURL_SCORE = """\
ask predict predict_score.json expected_score.json 1e-2 # how strange a row is
"""
CURL_CLASSIFY = """\
ask classify classify.json expected_classify.json # the Classify API, which takes features by name
"""

COMPARE = '''\
"""Compare a server's answer with the expected one, to 1e-5 or another tolerance.

python3 compare.py EXPECTED.json [TOLERANCE] <answer
"""

import json
import math
import sys


def differ(found, expected, place="answer"):
    """What is not as expected, in a line; None where all is."""
    if isinstance(expected, dict):
        if set(found) != set(expected):
            return f"{place} has {sorted(found)}, not {sorted(expected)}"
        pairs = [(found[key], value, f"{place}.{key}") for key, value in expected.items()]
    elif isinstance(expected, list):
        if len(found) != len(expected):
            return f"{place} has {len(found)} items, not {len(expected)}"
        pairs = [(f, e, f"{place}[{i}]") for i, (f, e) in enumerate(zip(found, expected))]
    elif isinstance(expected, float):
        same = math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)
        return None if same else f"{place} is {found}, not {expected}"
    else:
        return None if found == expected else f"{place} is {found!r}, not {expected!r}"
    return next(filter(None, (differ(*pair) for pair in pairs)), None)


tolerance = float(sys.argv[2]) if len(sys.argv) > 2 else 1e-5
with open(sys.argv[1], encoding="utf-8") as file:
    problem = differ(json.load(sys.stdin), json.load(file))
sys.exit(problem and f"not as expected: {problem}")
'''

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
