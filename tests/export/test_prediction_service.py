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
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from export import reference, servable
from tests.export import load
from tests.export.prediction_service import Service, serve

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["batched", "C library"])
def address(request, saved_model, bundle):
    """A server that batches as the bundle says, and one of the loader that TF Serving uses."""
    batching = bundle / "batching.config" if request.param == "batched" else None
    with serve(Service(saved_model, "digits", batching), load.CLIENTS) as address:
        yield address


@pytest.fixture(scope="module")
def stub(address):
    with grpc.insecure_channel(address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def message_of(signature="serving_default", name="digits", **inputs):
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
    response = stub.Predict(message_of(images=x), timeout=30)

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
    response = stub.Predict(message_of("image_bytes", image_bytes=np.array(files)), timeout=30)

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
    assert set(default.outputs) == {"probabilities", "class_id", "label", "valid"}
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


def refused():
    """Requests that a server refuses before it batches them, or alone."""
    good = np.zeros((1, 64), np.float32)
    cut = message_of(images=good)
    cut.inputs["images"].tensor_content = cut.inputs["images"].tensor_content[:-3]
    style = np.zeros((1, 3), np.float32)
    return {
        "wrong width": message_of(images=good[:, 1:]),
        "wrong rank": message_of(images=good[0]),
        "wrong dtype": message_of(images=good.astype(np.float64)),
        "unknown signature": message_of("nothing", images=good),
        "signature of another API": message_of("classify", inputs=np.array([b""])),
        "unknown input": message_of(pictures=good),
        "missing input": message_of("generate", style=style),
        "cut content": cut,
        "sizes differ": message_of(
            "generate", class_id=np.zeros(2, np.int32), style=style[[0] * 3]
        ),
    }


@pytest.mark.parametrize("case", refused())
def test_a_malformed_request_is_refused_and_the_next_one_answered(stub, case):
    assert code_of(stub.Predict, refused()[case]) == INVALID_ARGUMENT

    assert stub.Predict(message_of(images=np.zeros((1, 64), np.float32)), timeout=30).outputs


def invalid():
    """Requests of one row that is told apart as invalid."""
    good = np.zeros((1, 64), np.float32)
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
        "NaN": message_of(images=good * np.nan),
        "infinity": message_of(images=good + np.inf),
        "no tf.Example": message_of("examples", examples=np.array([b"junk"])),
        "tf.Example of another width": message_of(
            "examples", examples=np.array([reference.tf_example(good[0, 1:])], object)
        ),
        "no class": message_of("generate", class_id=np.array([10], np.int32), style=style),
        "negative class": message_of("generate", class_id=np.array([-1], np.int32), style=style),
        **{
            k: message_of("image_bytes", image_bytes=np.array([v], object))
            for k, v in files.items()
        },
    }


@pytest.mark.parametrize("case", invalid())
def test_an_invalid_row_is_answered_with_nothing(stub, case):
    answer = stub.Predict(invalid()[case], timeout=30).outputs

    assert not tf.make_ndarray(answer["valid"]).any()
    (floats,) = {"probabilities", "images"} & set(answer)
    assert np.isnan(tf.make_ndarray(answer[floats])).all()


def test_no_rows_get_no_answers(stub):
    answer = stub.Predict(message_of(images=np.zeros((0, 64), np.float32)), timeout=30).outputs

    assert {len(tf.make_ndarray(values)) for values in answer.values()} == {0}


@pytest.mark.parametrize("rows", [64, 65, 1000, 5000])
def test_a_request_may_have_more_rows_than_a_batch(stub, trained, rows):
    x = np.resize(trained.data.x_test, (rows, 64))
    answer = stub.Predict(message_of(images=x), timeout=60).outputs

    found = tf.make_ndarray(answer["probabilities"])
    np.testing.assert_allclose(found, trained.model.predict(x, verbose=0), atol=1e-5)


def test_answers_stand_in_the_fields_of_their_types(stub, trained):
    answer = stub.Predict(message_of(images=trained.data.x_test[:3]), timeout=30).outputs

    assert len(answer["probabilities"].float_val) == 30 and len(answer["label"].string_val) == 3
    assert list(answer["valid"].bool_val) == [True] * 3
    assert not any(tensor.tensor_content for tensor in answer.values())


def test_the_status_is_available(address):
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "digits"
    with grpc.insecure_channel(address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        (status,) = stub.GetModelStatus(message, timeout=30).model_version_status

    assert (status.version, status.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)


def test_an_unknown_model_is_not_found(stub):
    message = message_of(name="other", images=np.zeros((1, 64), np.float32))

    assert code_of(stub.Predict, message) == grpc.StatusCode.NOT_FOUND


def test_bad_rows_of_some_clients_cost_the_others_nothing(request, address, trained):
    x = trained.data.x_test
    expected = trained.model.predict(x, verbose=0)
    count = 10_000 if "batched" in request.node.callspec.id else 1_000

    found = load.run(address, "digits", x, expected, count, share=0.05)

    assert found["failed"] == found["missed"] == 0
    assert found["good"] > 0.9 * count and found["bad"] > 20


def test_a_wrong_width_among_tf_examples_fails_alone(address, trained):
    """Among `images` it cannot be: the server merges tensors before a graph sees them."""
    x = trained.data.x_test[:200]
    expected = trained.model.predict(x, verbose=0)

    def client(number):
        with grpc.insecure_channel(address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for i in range(20):
                row = x[20 * (number % 10) + i]
                sent = row[:-1] if number % 5 == 0 else row
                files = np.array([reference.tf_example(sent)], object)
                answer = stub.Predict(message_of("examples", examples=files), timeout=30).outputs
                found = tf.make_ndarray(answer["probabilities"])[0]
                wanted = (
                    np.full(10, np.nan) if number % 5 == 0 else expected[20 * (number % 10) + i]
                )
                np.testing.assert_allclose(found, wanted, atol=1e-5)

    with futures.ThreadPoolExecutor(load.CLIENTS) as pool:
        list(pool.map(client, range(load.CLIENTS)))
