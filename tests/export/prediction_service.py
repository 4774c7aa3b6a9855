"""TF Serving's services by its official messages, in an own server: batched, or the C library."""

import contextlib
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export import capi, servable
from tests.export.batching import Batched, read

# capi.Status.code is one of gRPC's.
CODES = {code.value[0]: code for code in grpc.StatusCode}


class Service(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """Answers as `tensorflow_model_server` does, for one version of one model.

    Args:
        folder: of the SavedModel, named by its version.
        name: of the model.
        batching: a `batching.config`; without one each request is run alone, by the C library.
    """

    def __init__(self, folder, name, batching=None):
        found = servable.signatures(folder)
        self.name, self.version = name, int(folder.name)
        self.methods = {key: method for key, (_, method) in found.items()}
        if batching is None:
            self.servable = capi.Servable(folder, {key: names for key, (names, _) in found.items()})
        else:
            self.servable = Batched(folder, read(batching))
        content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        self.signature_def = content.meta_graphs[0].signature_def

    def Predict(self, request, context):
        with refusing(context):
            signature = self.find(request.model_spec, tf.saved_model.PREDICT_METHOD_NAME)
            try:
                inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            except (ValueError, TypeError) as error:
                raise capi.Status(capi.INVALID_ARGUMENT, f"tensor parsing error: {error}") from None
            outputs = self.servable.run(signature, inputs)
            response = predict_pb2.PredictResponse(model_spec=self.spec(signature))
            for key, value in outputs.items():
                response.outputs[key].CopyFrom(typed(value))
            return response

    def Classify(self, request, context):
        with refusing(context):
            signature = self.find(request.model_spec, tf.saved_model.CLASSIFY_METHOD_NAME)
            examples = request.input.example_list.examples
            serialized = np.array([e.SerializeToString() for e in examples], object)
            outputs = self.servable.run(signature, {"inputs": serialized})
            response = classification_pb2.ClassificationResponse(model_spec=self.spec(signature))
            for names, scores in zip(outputs["classes"], outputs["scores"], strict=True):
                classes = response.result.classifications.add().classes
                for label, score in zip(names, scores, strict=True):
                    classes.add(label=label.decode(), score=score)
            return response

    def GetModelMetadata(self, request, context):
        with refusing(context):
            self.check_name(request.model_spec)
            if list(request.metadata_field) != ["signature_def"]:
                message = f"Metadata field {list(request.metadata_field)} is not supported"
                raise capi.Status(capi.INVALID_ARGUMENT, message)
            found = get_model_metadata_pb2.SignatureDefMap(signature_def=self.signature_def)
            response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=self.spec(""))
            response.metadata["signature_def"].Pack(found)
            return response

    def GetModelStatus(self, request, context):
        with refusing(context):
            self.check_name(request.model_spec)
            response = get_model_status_pb2.GetModelStatusResponse()
            available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
            response.model_version_status.add(version=self.version, state=available)
            return response

    def check_name(self, spec):
        version = spec.version.value
        if spec.name != self.name or version not in (0, self.version):
            message = f"Servable not found for request: Specific({spec.name}, {version})"
            raise capi.Status(grpc.StatusCode.NOT_FOUND.value[0], message)

    def find(self, spec, method):
        self.check_name(spec)
        signature = spec.signature_name or "serving_default"
        if self.methods.get(signature) != method:
            message = f"Serving signature name: {signature!r} not found for {method}"
            raise capi.Status(capi.INVALID_ARGUMENT, message)
        return signature

    def spec(self, signature):
        spec = predict_pb2.PredictRequest().model_spec
        spec.name, spec.signature_name = self.name, signature
        spec.version.value = self.version
        return spec


def typed(values):
    """A tensor in the field of its type, as TF Serving answers, not as bytes."""
    proto = tf.make_tensor_proto(values[:0])
    for size in values.shape:
        proto.tensor_shape.dim.add(size=size)
    del proto.tensor_shape.dim[: values.ndim]
    proto.ClearField("tensor_content")
    fields = {"f": proto.float_val, "i": proto.int_val, "b": proto.bool_val, "O": proto.string_val}
    fields[values.dtype.kind].extend(values.ravel().tolist())
    return proto


@contextlib.contextmanager
def refusing(context):
    """Turn an error of the library into gRPC's."""
    try:
        yield
    except capi.Status as error:
        context.abort(CODES[error.code], str(error))


@contextlib.contextmanager
def serve(service, threads=8):
    """The address of a server on loopback, while it runs."""
    options = [("grpc.max_receive_message_length", 64 << 20)]
    server = grpc.server(futures.ThreadPoolExecutor(threads), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
        service.servable.close()
