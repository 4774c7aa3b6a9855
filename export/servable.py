"""The folder that TF Serving's official image serves: model, warm-up, configuration, examples."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from export import reference, templates
from export.capi import Names
from keras_dgm.runs.files import write_json
from keras_dgm.serving import saved_model
from keras_dgm.serving.signatures import CLASSIFY, COLUMNS, DEFAULT, SCORE

# What people edit.
SETTINGS = (
    "models.config",
    "batching.config",
    "monitoring.config",
    "docker-compose.yml",
    "kubernetes.yml",
)
# Of TF Serving: that of its messages, with which the tests talk to a bundle.
IMAGE = "2.21.0"
MAX_VERSION = 2**63 - 1
WARMUP = "tf_serving_warmup_requests"
REFERENCE = "reference.json"
WARMUP_ROWS = 4


def versions(folder):
    """The versions in the folder of a servable, sorted."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def next_version(folder, wanted=None):
    """The version to write: the next free one, or `wanted`.

    Raises:
        ValueError: if it is there already, or out of the range of a server's integers.
    """
    found = versions(folder)
    version = max(found, default=0) + 1 if wanted is None else wanted
    if not 1 <= version <= MAX_VERSION or version in found:
        raise ValueError(
            f"`version` must be an integer from 1 to {MAX_VERSION} that {folder} does not hold, "
            f"got {version}; it holds {found}"
        )
    return version


def write_model(folder, source, cases):
    """Write the SavedModel with its warm-up requests and the reference to verify it with."""
    saved_model.write(folder, source.model, source.class_names, source.image_shape, source.columns)
    extra = Path(folder, "assets.extra")
    extra.mkdir()
    reference.save(extra / REFERENCE, cases)
    with tf.io.TFRecordWriter(str(extra / WARMUP)) as writer:
        for log in warmup(folder, source.name, cases):
            writer.write(log.SerializeToString(deterministic=True))


def warmup(folder, name, cases):
    """A PredictionLog for each Predict signature, from the first good case of it."""
    methods = {key: method for key, (_, method) in signatures(folder).items()}
    for signature, method in methods.items():
        if method != tf.saved_model.PREDICT_METHOD_NAME:
            continue
        case = first(cases, signature)
        if case is None:  # Nothing to hold it against.
            continue
        log = prediction_log_pb2.PredictionLog()
        log.predict_log.request.CopyFrom(request(name, signature, case["inputs"], WARMUP_ROWS))
        yield log


def request(name, signature, inputs, rows=None):
    """A PredictRequest of the first rows of some inputs."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    for key, values in inputs.items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(values[:rows]))
    return message


def signatures(folder):
    """The tensors and the method of each signature of a SavedModel, by name."""
    return {
        name: (
            Names(
                {key: tensor.name for key, tensor in sorted(signature.inputs.items())},
                {key: tensor.name for key, tensor in sorted(signature.outputs.items())},
            ),
            signature.method_name,
        )
        for name, signature in definitions(folder).items()
    }


def definitions(folder):
    """The SignatureDef of each signature of a SavedModel, by name."""
    content = Path(folder, "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    found = graph.signature_def.items()
    return {name: signature for name, signature in found if not name.startswith("__")}


def write_configuration(folder, source, cases, version, stable=None):
    """Write what `docker compose up`, Kubernetes and the example clients need, around `servable/`.

    The examples are real inputs, with the answer that the server has to give.

    Args:
        folder: of the bundle.
        source: a `Source`.
        cases: of `reference`.
        version: of the servable, that gets the label `canary`.
        stable: the version before it, that gets the label `stable`; None: itself.
    """
    folder = Path(folder)
    fill = templates.filler(
        is_available=templates.IS_AVAILABLE,
        name=source.name,
        dns_name=dns_name(source.name),
        version=version,
        stable=stable or version,
        image=IMAGE,
    )
    _write(folder / "models.config", fill(templates.MODELS_CONFIG))
    _write(folder / "batching.config", fill(templates.BATCHING_CONFIG))
    _write(folder / "monitoring.config", fill(templates.MONITORING_CONFIG))
    _write(folder / "docker-compose.yml", fill(templates.DOCKER_COMPOSE))
    _write(folder / "kubernetes.yml", fill(templates.KUBERNETES))
    examples = folder / "examples"
    examples.mkdir()
    _write(examples / "grpc_client.py", fill(templates.GRPC_CLIENT))
    _write(examples / "compare.py", fill(templates.COMPARE))
    script = templates.CURL
    default = first(cases, DEFAULT)
    _write_request(examples / "predict.json", {"inputs": _rows(default["inputs"])})
    write_answer(examples / "expected.json", default["outputs"])
    if of_columns := first(cases, COLUMNS):
        body = {"signature_name": COLUMNS, "inputs": _rows(of_columns["inputs"])}
        _write_request(examples / "predict_columns.json", body)
        script += templates.CURL_COLUMNS
    if of_files := first(cases, "image_bytes"):
        file = of_files["inputs"]["image_bytes"][0]
        (examples / "image.png").write_bytes(file)
        encoded = {"b64": base64.b64encode(file).decode()}
        body = {"signature_name": "image_bytes", "inputs": {"image_bytes": [encoded]}}
        write_json(examples / "predict_png.json", body, indent=None)
        write_answer(examples / "expected_png.json", of_files["outputs"], 1)
        script += templates.CURL_PNG
    if of_examples := first(cases, CLASSIFY) if source.class_names else None:
        rows = default["inputs"]["images"][:2]
        body = {"signature_name": CLASSIFY, "examples": [{"x": row.tolist()} for row in rows]}
        _write_request(examples / "classify.json", body)
        scores = zip(*_rows(of_examples["outputs"], names=("classes", "scores")), strict=True)
        result = [[list(pair) for pair in zip(*row, strict=True)] for row in scores]
        write_json(examples / "expected_classify.json", {"results": result}, indent=None)
        script += templates.CURL_CLASSIFY
    if of_score := first(cases, SCORE):
        body = {"signature_name": SCORE, "inputs": _rows(of_score["inputs"])}
        _write_request(examples / "predict_score.json", body)
        write_answer(examples / "expected_score.json", of_score["outputs"])
        script += templates.CURL_SCORE
    _write(examples / "curl.sh", fill(script))
    (examples / "curl.sh").chmod(0o755)


def dns_name(name):
    """A name for Kubernetes, where one begins with a letter and has 63 at most (RFC 1035)."""
    found = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    if not found[:1].isalpha():
        found = f"model-{found}"
    return found[:63].strip("-")


def write_answer(path, outputs, count=2):
    """Write the first rows of an answer as REST gives it."""
    write_json(path, {"outputs": _rows(outputs, count)}, indent=None)


def first(cases, signature):
    """The first case of a signature that has an answer; None where there is none."""
    return next((c for c in cases if c["signature"] == signature and "outputs" in c), None)


def _write(path, text):
    Path(path).write_text(text, encoding="utf-8")


def _write_request(path, body):
    """JSON in which a missing entry is NaN: TF Serving reads it, though JSON has no such number."""
    _write(path, json.dumps(body) + "\n")


def _rows(arrays, count=2, names=None):
    """The first rows of arrays as JSON can hold them, by name, or in the order of `names`."""

    def plain(values):
        return values.decode() if isinstance(values, bytes) else values

    found = {
        key: [[plain(v) for v in row] if isinstance(row, list) else plain(row) for row in rows]
        for key, rows in ((k, np.asarray(v)[:count].tolist()) for k, v in arrays.items())
    }
    return found if names is None else [found[name] for name in names]
