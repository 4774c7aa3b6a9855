"""The files around a servable: compose, Kubernetes, configuration, REST examples."""

import contextlib
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from export import reference, servable, templates
from tests.export import rest

X = np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 4)


@pytest.fixture
def files(tmp_path):
    """The folder of the configuration of version 3 of `My_Model`, after version 2."""
    write(tmp_path, version=3, stable=2)
    return tmp_path


def write(folder, version, stable):
    outputs = {"probabilities": np.eye(2, dtype=np.float32), "class_id": np.arange(2)}
    cases = [reference.case("serving_default", {"images": X}, outputs)]
    source = SimpleNamespace(name="My_Model", class_names=())
    servable.write_configuration(folder, source, cases, version, stable)


# Alone, after others in order, and version 3 of a bundle that holds 1 and 7.
@pytest.mark.parametrize(("version", "stable"), [(1, None), (2, 1), (3, 2), (3, 1)])
def test_labels_lead_to_versions_that_are_loaded(tmp_path, version, stable):
    write(tmp_path, version, stable)
    text = (tmp_path / "models.config").read_text("utf-8")
    content = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())

    (model,) = content.model_config_list.config
    assert (model.name, model.base_path) == ("My_Model", "/bundle/servable/My_Model")
    assert dict(model.version_labels) == {"stable": stable or version, "canary": version}
    assert model.model_version_policy.WhichOneof("policy_choice") == "all"


def test_compose_pins_checks_restarts_limits_and_mounts_a_folder(files):
    (service,) = yaml.safe_load((files / "docker-compose.yml").read_text("utf-8"))[
        "services"
    ].values()

    assert service["image"].endswith(f":{servable.IMAGE}}}") and "latest" not in service["image"]
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "1g"}
    assert service["volumes"] == ["./:/bundle:ro"]
    for option in service["entrypoint"]:
        if "=/bundle/" in option:
            assert (files / option.partition("=/bundle/")[2]).is_file(), option
    assert sum("=/bundle/" in option for option in service["entrypoint"]) == 3


def test_kubernetes_runs_what_compose_does(files):
    deployment, service = yaml.safe_load_all((files / "kubernetes.yml").read_text("utf-8"))
    compose = yaml.safe_load((files / "docker-compose.yml").read_text("utf-8"))["services"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert container["command"] == compose["serving"]["entrypoint"]
    assert container["image"] == f"tensorflow/serving:{servable.IMAGE}"
    probe = container["readinessProbe"]["exec"]["command"]
    assert ["CMD", *probe] == compose["serving"]["healthcheck"]["test"]
    assert deployment["metadata"]["name"] == "my-model" == service["metadata"]["name"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]


def test_names_in_kubernetes_are_those_of_rfc_1035():
    for name in ("My_Model", "2024-sales", "7", "é", "_._", "a" * 80, "a" * 62 + "-b", "9" * 80):
        assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", servable.dns_name(name)), name
    assert servable.dns_name("2024-sales") == "model-2024-sales"


def test_the_comparison_finds_what_differs(files):
    def compare(answer):
        return subprocess.run(
            [sys.executable, files / "examples" / "compare.py", files / "examples/expected.json"],
            input=json.dumps(answer), capture_output=True, text=True,
        )  # fmt: skip

    right = {"outputs": {"probabilities": [[1, 1e-7], [0, 1]], "class_id": [0, 1]}}
    assert compare(right).returncode == 0
    for key, wrong in (("probabilities", [[1, 2e-5], [0, 1]]), ("class_id", [0]), ("other", 1)):
        answer = {"outputs": {**right["outputs"], key: wrong}}
        done = compare(answer)
        assert done.returncode == 1 and "not as expected" in done.stderr, key
        assert "Traceback" not in done.stderr


@contextlib.contextmanager
def answering(status, content):
    """The port of a server on loopback that gives one answer to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content, indent=1).encode())

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("state", "status"), [("AVAILABLE", 0), ("UNAVAILABLE", 1), ("END", 1)])
def test_a_server_is_healthy_when_the_model_is_available(files, state, status):
    compose = yaml.safe_load((files / "docker-compose.yml").read_text("utf-8"))
    _, *check = compose["services"]["serving"]["healthcheck"]["test"]

    with answering(200, {"model_version_status": [{"version": "1", "state": state}]}) as port:
        done = subprocess.run([part.replace("8501", str(port)) for part in check], timeout=20)

    assert done.returncode == status


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_script_shows_what_a_server_refuses(files):
    script = files / "examples" / "curl.sh"

    def ask(port):
        command = ["sh", script, f"127.0.0.1:{port}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=20)

    with answering(400, {"error": "`images` must be 4 wide"}) as port:
        refused = ask(port)
    with answering(200, json.loads((files / "examples/expected.json").read_text())) as port:
        right = ask(port)

    assert refused.returncode == 1
    assert "status 400: " in refused.stderr and "`images` must be 4 wide" in refused.stderr
    assert right.returncode == 0, right.stderr
    assert ask(port).returncode not in (0, 1)  # no server


@pytest.mark.slow
def test_the_examples_get_their_answers_by_rest(bundle, saved_model, tmp_path):
    for tool in ("curl", "python3", "bash"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    copy = tmp_path / "examples"
    shutil.copytree(bundle / "examples", copy)
    with rest.serve(saved_model, "digits") as port:

        def ask():
            command = ["sh", copy / "curl.sh", f"127.0.0.1:{port}"]
            return subprocess.run(command, capture_output=True, text=True, timeout=60)

        done = ask()
        assert done.returncode == 0, done.stderr
        sent = ["predict.json", "predict_png.json", "classify.json", "predict_score.json"]
        assert done.stdout.split() == sent
        healthy = templates.IS_AVAILABLE.replace("8501", str(port))
        for name, status in (("digits", 0), ("other", 1)):
            check = ["bash", "-c", healthy.replace("@NAME@", name)]
            assert subprocess.run(check, timeout=20).returncode == status
        expected = json.loads((copy / "expected.json").read_text("utf-8"))
        expected["outputs"]["probabilities"][1][0] += 0.01
        (copy / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
        done = ask()
        assert done.returncode == 1 and "answer.outputs.probabilities[1][0]" in done.stderr
