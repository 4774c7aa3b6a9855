"""Clients of TF Serving that nobody here wrote talk to a bundle, each in a process of its own.

min-tfs-client is none of them: its wheel puts modules of its own in the place of TensorFlow's.
"""

import json
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
}
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


@pytest.mark.parametrize("client", PROGRAMS)
def test_a_client_gets_the_answers_of_keras(client, bundle, saved_model, trained):
    x = trained.data.x_test[:5]
    with serve(Service(saved_model, "digits", bundle / "batching.config")) as address:
        given = {"port": int(address.rpartition(":")[2]), "x": x.tolist()}
        done = subprocess.run(
            [sys.executable, "-c", BEFORE + PROGRAMS[client] + AFTER],
            input=json.dumps(given), capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    probabilities, valid = json.loads(done.stdout.splitlines()[-1])
    assert valid == [True, False, True, True, True]
    expected = trained.model.predict(x, verbose=0)
    expected[1] = np.nan
    np.testing.assert_allclose(np.array(probabilities, float), expected, atol=1e-5)
