"""The bundle's model behind the official gRPC messages of TF Serving, on loopback."""

import io
import struct
import subprocess
import sys
import zlib
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from export import reference, servable
from tests.export.prediction_service import Service, serve

CLIENTS = 8
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(saved_model):
    with serve(Service(saved_model, "digits")) as address:
        yield address


@pytest.fixture(scope="module")
def stub(address):
    with grpc.insecure_channel(address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(signature="serving_default", name="digits", **inputs):
    return servable.request(name, signature, inputs)


def png(image_shape=(8, 8), value=0):
    buffer = io.BytesIO()
    Image.new("L", image_shape, value).save(buffer, "PNG")
    return buffer.getvalue()


def png_header(width, height):
    """The beginning of a PNG file that claims to be of that size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum


def code_of(call, message):
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=30)
    return caught.value.code()


def test_predict_answers_as_keras(stub, trained):
    x = trained.data.x_test[:70]
    response = stub.Predict(request(images=x), timeout=30)

    found = tf.make_ndarray(response.outputs["probabilities"])
    expected = trained.model.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    labels = [name.decode() for name in tf.make_ndarray(response.outputs["label"])]
    assert labels == [trained.data.class_names[i] for i in expected.argmax(1)]
    assert response.model_spec.version.value == 1


def test_predict_takes_png_files(stub, trained):
    pixels = np.round(trained.data.x_test[:5] * 255).astype(np.uint8)
    files = []
    for row in pixels:
        buffer = io.BytesIO()
        Image.fromarray(row.reshape(8, 8)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    response = stub.Predict(request("image_bytes", image_bytes=np.array(files)), timeout=30)

    expected = trained.model.predict(pixels / np.float32(255), verbose=0)
    found = tf.make_ndarray(response.outputs["probabilities"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_example_client_of_the_bundle_gets_what_it_expects(address, bundle):
    client = bundle / "examples" / "grpc_client.py"
    done = subprocess.run(
        [sys.executable, client, address], capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("as expected\n")


def test_classify_takes_examples(stub, trained):
    x = trained.data.x_test[:3]
    message = classification_pb2.ClassificationRequest()
    message.model_spec.name, message.model_spec.signature_name = "digits", "classify"
    for row in x:
        example = tf.train.Example.FromString(reference.tf_example(row))
        message.input.example_list.examples.append(example)
    result = stub.Classify(message, timeout=30).result

    scores = [[c.score for c in row.classes] for row in result.classifications]
    np.testing.assert_allclose(scores, trained.model.predict(x, verbose=0), atol=1e-5)
    assert [c.label for c in result.classifications[0].classes] == list(trained.data.class_names)


def test_metadata_names_the_signatures(stub):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "digits"
    found = get_model_metadata_pb2.SignatureDefMap()
    assert stub.GetModelMetadata(message, timeout=30).metadata["signature_def"].Unpack(found)

    default = found.signature_def["serving_default"]
    assert [d.size for d in default.inputs["images"].tensor_shape.dim] == [-1, 64]
    assert set(default.outputs) == {"probabilities", "class_id", "label"}
    assert found.signature_def["classify"].method_name == "tensorflow/serving/classify"


def test_warmup_replays(stub, saved_model):
    file = saved_model / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(file))
    ]

    predicted = {log.predict_log.request.model_spec.signature_name for log in logs}
    methods = {name: method for name, (_, method) in servable.signatures(saved_model).items()}
    assert predicted == {k for k, v in methods.items() if v == "tensorflow/serving/predict"}
    assert len(logs) == len(predicted)
    for log in logs:
        assert stub.Predict(log.predict_log.request, timeout=30).outputs


def malformed():
    """Requests that must be refused, and with which code."""
    good = np.zeros((1, 64), np.float32)
    cut = request(images=good)
    cut.inputs["images"].tensor_content = cut.inputs["images"].tensor_content[:-3]
    style = np.zeros((1, 3), np.float32)
    jpeg = io.BytesIO()
    Image.new("L", (8, 8)).save(jpeg, "JPEG")
    gif = io.BytesIO()
    Image.new("L", (8, 8)).save(gif, "GIF")
    files = {
        "truncated PNG": png()[:50],
        "PNG of a few bytes": png()[:12],
        "50-megapixel PNG": png_header(10000, 5000),
        "PNG of 2^62 pixels": png_header(2**31, 2**31),
        "PNG without pixels": png_header(0, 0),
        "truncated JPEG": jpeg.getvalue()[:-20],
        "GIF": gif.getvalue(),
        "text": b"hello",
        "empty file": b"",
    }
    return {
        "wrong width": request(images=good[:, 1:]),
        "wrong rank": request(images=good[0]),
        "wrong dtype": request(images=good.astype(np.float64)),
        "NaN": request(images=good * np.nan),
        "infinity": request(images=good + np.inf),
        "empty batch": request(images=good[:0]),
        "unknown signature": request("nothing", images=good),
        "signature of another API": request("classify", inputs=np.array([b""])),
        "unknown input": request(pictures=good),
        "missing input": request("generate", style=style),
        "cut content": cut,
        "no tf.Example": request("examples", examples=np.array([b"junk"])),
        "no class": request("generate", class_id=np.array([10], np.int32), style=style),
        "negative class": request("generate", class_id=np.array([-1], np.int32), style=style),
        "sizes differ": request("generate", class_id=np.zeros(2, np.int32), style=style[[0] * 3]),
        **{k: request("image_bytes", image_bytes=np.array([v], object)) for k, v in files.items()},
    }


@pytest.mark.parametrize("case", malformed())
def test_a_malformed_request_is_refused_and_the_next_one_answered(stub, case):
    assert code_of(stub.Predict, malformed()[case]) == INVALID_ARGUMENT

    assert stub.Predict(request(images=np.zeros((1, 64), np.float32)), timeout=30).outputs


def test_an_unknown_model_is_not_found(stub):
    message = request(name="other", images=np.zeros((1, 64), np.float32))

    assert code_of(stub.Predict, message) == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("count", [1000, 10_000])
def test_many_clients_at_once(address, trained, count):
    x = trained.data.x_test
    expected = trained.model.predict(x, verbose=0)
    bad = list(malformed().values())

    def client(number):
        rng = np.random.default_rng(number)
        with grpc.insecure_channel(address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for i in range(count // CLIENTS):
                if i % 5 == 4:
                    message = bad[rng.integers(len(bad))]
                    assert code_of(stub.Predict, message) == INVALID_ARGUMENT
                    continue
                rows = rng.integers(len(x), size=rng.integers(1, 20))
                if i % 2:
                    inputs = {"images": x[rows]}
                    response = stub.Predict(request(**inputs), timeout=30)
                else:
                    files = np.array([reference.tf_example(row) for row in x[rows]], object)
                    response = stub.Predict(request("examples", examples=files), timeout=30)
                found = tf.make_ndarray(response.outputs["probabilities"])
                np.testing.assert_allclose(found, expected[rows], atol=1e-5)
        return count // CLIENTS

    with futures.ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(client, range(CLIENTS))) == count
