"""A SavedModel behind the batch scheduler of TensorFlow, which TF Serving has too."""

import itertools
import re
import threading

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from export import capi

COUNT = itertools.count()
KEYS = {
    "max_batch_size", "max_execution_batch_size", "batch_timeout_micros", "max_enqueued_batches",
    "num_batch_threads", "enable_large_batch_splitting",
}  # fmt: skip


def read(file):
    """The settings in a `batching.config`, by name; every one of them is known."""
    text = re.sub("#.*", "", file.read_text(encoding="utf-8"))
    found = dict(re.findall(r"(\w+)\s*\{\s*value:\s*(\w+)\s*\}", text))
    assert set(found) == KEYS, found
    assert found.pop("enable_large_batch_splitting") == "true"
    return {name: int(value) for name, value in found.items()}


class Batched:
    """As `capi.Servable`, for many threads whose requests share batches.

    Requests are merged whatever their shapes are, as in TF Serving, where those of different widths
    fail together.

    Args:
        folder: of the SavedModel.
        settings: of `read`.
    """

    def __init__(self, folder, settings):
        self._model = tf.saved_model.load(str(folder))
        content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        self._signatures = content.meta_graphs[0].signature_def
        self._settings = settings
        self._lock, self._batched = threading.Lock(), {}

    def run(self, signature, inputs):
        """The outputs of a signature, by name.

        Raises:
            capi.Status: as TF Serving would answer.
        """
        wanted = self._signatures[signature].inputs
        if set(inputs) != set(wanted):
            raise capi.Status(capi.INVALID_ARGUMENT, f"expected {set(wanted)}, got {set(inputs)}")
        tensors = [tf.convert_to_tensor(inputs[name]) for name in sorted(wanted)]
        if [tensor.dtype for tensor in tensors] != [wanted[name].dtype for name in sorted(wanted)]:
            raise capi.Status(capi.INVALID_ARGUMENT, "of another type than the signature's")
        try:
            with self._lock:
                if signature not in self._batched:
                    self._batched[signature] = self._traced(signature)
            values = self._batched[signature](*tensors)
        except tf.errors.OpError as error:
            raise capi.Status(error.error_code, error.message) from None
        names = sorted(self._signatures[signature].outputs)
        return {name: value.numpy() for name, value in zip(names, values, strict=True)}

    def _traced(self, signature):
        function = self._model.signatures[signature]
        of_tensor = {value.name: name for name, value in self._signatures[signature].inputs.items()}
        named = {
            of_tensor[f"{signature}_{argument}:0"]: argument
            for argument in function.structured_input_signature[1]
        }
        names, settings = sorted(named), self._settings
        most = settings["max_execution_batch_size"]

        @tf.nondifferentiable_batch_function(
            settings["num_batch_threads"],
            settings["max_batch_size"],
            settings["batch_timeout_micros"],
            # All of them: no batch is padded.
            allowed_batch_sizes=list(range(1, most + 1)),
            max_enqueued_batches=settings["max_enqueued_batches"],
            enable_large_batch_splitting=True,
        )
        def batched(*tensors):
            given = dict(zip((named[name] for name in names), tensors, strict=True))
            answer = function(**given)
            return [answer[name] for name in sorted(answer)]

        def scoped(*tensors):
            # Operations of one name would share a queue.
            with tf.name_scope(f"{signature}_{next(COUNT)}"):
                return batched(*tensors)

        inputs = self._signatures[signature].inputs
        specs = [tf.TensorSpec(None, inputs[name].dtype) for name in names]
        return tf.function(scoped, autograph=False).get_concrete_function(*specs)

    def close(self):
        """Nothing is held."""
