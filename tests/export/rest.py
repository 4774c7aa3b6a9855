"""TF Serving's REST API over a bundle's signatures, as its documentation describes it."""

import base64
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import tensorflow as tf

from export import capi, reference, servable


class Handler(BaseHTTPRequestHandler):
    """Answers for one model: status, predict, classify, by version and label too."""

    def do_GET(self):
        status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK"}}
        known = self.path == f"/v1/models/{self.server.name}"
        self._send(200 if known else 404, {"model_version_status": [status]} if known else {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            if self.path == f"/v1/models/{self.server.name}:predict":
                self._send(200, self._predict(body))
            elif self.path == f"/v1/models/{self.server.name}:classify":
                self._send(200, self._classify(body))
            else:
                self._send(404, {"error": self.path})
        except capi.Status as error:
            self._send(400, {"error": str(error)})

    def _predict(self, body):
        signature = body.get("signature_name", "serving_default")
        types = self.server.graph.signature_def[signature].inputs
        inputs = {key: self._tensor(v, types[key].dtype) for key, v in body["inputs"].items()}
        outputs = self.server.servable.run(signature, inputs)
        return {"outputs": {key: plain(values) for key, values in outputs.items()}}

    def _tensor(self, values, dtype):
        if dtype != tf.string:
            return np.array(values, tf.as_dtype(dtype).as_numpy_dtype)
        contents = [base64.b64decode(v["b64"]) if isinstance(v, dict) else v for v in values]
        return reference.strings([v.encode() if isinstance(v, str) else v for v in contents])

    def _classify(self, body):
        rows = [reference.tf_example(example["x"]) for example in body["examples"]]
        inputs = {"inputs": reference.strings(rows)}
        outputs = self.server.servable.run(body["signature_name"], inputs)
        pairs = zip(plain(outputs["classes"]), plain(outputs["scores"]), strict=True)
        return {"results": [list(map(list, zip(*pair, strict=True))) for pair in pairs]}

    def _send(self, status, content):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


def plain(values):
    """Nested lists of numbers and text."""
    if values.dtype == object:
        return [plain(v) if isinstance(v, np.ndarray) else v.decode() for v in values]
    return values.tolist()


@contextlib.contextmanager
def serve(folder, name):
    """The port of a server of a SavedModel on loopback, while it runs."""
    names = {key: found for key, (found, _) in servable.signatures(folder).items()}
    content = (folder / "saved_model.pb").read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.name, server.servable = name, capi.Servable(folder, names)
    from tensorflow.core.protobuf import saved_model_pb2

    server.graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        server.servable.close()
