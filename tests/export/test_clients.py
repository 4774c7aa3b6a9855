"""Clients of TF Serving that nobody here wrote talk to a bundle, each in a process of its own.

The wheel of min-tfs-client puts modules of its own in the place of TensorFlow's, and is of messages
that need an older protobuf: it is installed into a folder of its own, without our packages.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.export.prediction_service import Service, serve

pytestmark = pytest.mark.slow

PROGRAMS = {
    "ovmsclient": """
from ovmsclient import make_grpc_client
client = make_grpc_client(f"127.0.0.1:{port}")
status = client.get_model_status("digits")
assert status[1]["state"] == "AVAILABLE", status
assert list(client.get_model_metadata("digits", 1)["inputs"]) == ["images"]
answer = client.predict({"images": x}, "digits")
""",
    "min-tfs-client": """
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray
client = TensorServingClient(host="127.0.0.1", port=port)
response = client.predict_request(model_name="digits", input_dict={"images": x})
assert response.model_spec.version.value == 1
answer = {name: tensor_proto_to_ndarray(tensor) for name, tensor in response.outputs.items()}
assert answer["label"][0] in set("0123456789") and answer["class_id"][1] == -1
""",
}
NEEDS = {"min-tfs-client": ["min-tfs-client==1.0.2", "protobuf==3.20.3", "grpcio", "numpy"]}
BEFORE = """
import json, sys
import numpy as np
given = json.load(sys.stdin)
port, x = given["port"], np.array(given["x"], np.float32)
x[1, 0] = np.nan
"""
AFTER = """
print(json.dumps([np.asarray(answer["probabilities"]).tolist(), answer["valid"].tolist()]))
"""


@pytest.fixture(params=PROGRAMS)
def client(request, tmp_path):
    """A program, and the command and the environment to run it with."""
    needs = NEEDS.get(request.param)
    if needs is None:
        return PROGRAMS[request.param], [sys.executable], os.environ
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", tmp_path, *needs]
    done = subprocess.run(install, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"{request.param} cannot be installed: {done.stderr[-300:]}")
    # -S: without the packages beside this Python.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    return PROGRAMS[request.param], [sys.executable, "-S"], environment


def test_a_client_gets_the_answers_of_keras(client, bundle, saved_model, trained):
    program, command, environment = client
    x = trained.data.x_test[:5]
    with serve(Service(saved_model, "digits", bundle / "batching.config")) as address:
        given = {"port": int(address.rpartition(":")[2]), "x": x.tolist()}
        done = subprocess.run(
            [*command, "-c", BEFORE + program + AFTER], env=environment,
            input=json.dumps(given), capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    probabilities, valid = json.loads(done.stdout.splitlines()[-1])
    assert valid == [True, False, True, True, True]
    expected = trained.model.predict(x, verbose=0)
    expected[1] = np.nan
    np.testing.assert_allclose(np.array(probabilities, float), expected, atol=1e-5)
