"""Triton, a server that nobody here wrote, joins requests to batches and answers as Keras does.

What it computes with is TensorFlow's C library: this shows the protocol, and that a batch of
many clients is safe, not a second implementation of the graph, which test_openvino.py has.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from concurrent import futures
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from export import servable
from train.launch import free_ports

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Triton's process of Python models is linked with this one, 3.11.
PYTHON = "/usr/bin/python3"
PACKAGE = "nvidia-pytriton==0.7.0"


@pytest.fixture
def environment(tmp_path):
    """The Python of an environment with Triton."""
    folder = tmp_path / "venv"
    for command in (
        [PYTHON, "-c", "import sys; assert sys.version_info[:2] == (3, 11), sys.version"],
        [PYTHON, "-m", "venv", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", PACKAGE],
    ):
        if not Path(command[0]).exists():
            pytest.skip(f"{command[0]} is not there")
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"Triton cannot be installed: {done.stderr[-300:]}")
    return folder / "bin" / "python"


@pytest.fixture
def triton(environment, saved_model, trained):
    """The address of Triton's HTTP, and a function that ends it and returns its batches' rows."""
    names = {key: found for key, (found, _) in servable.signatures(saved_model).items()}
    told = {
        "name": "digits",
        "command": [sys.executable, "-m", "export.capi_process", str(saved_model)],
        "folder": str(ROOT),
        "tensors": json.dumps(names),
        "width": trained.data.num_features,
        "outputs": [["probabilities", "float32", [10]], ["valid", "bool", [1]]],
        "ports": free_ports(3),
    }
    home = tempfile.TemporaryDirectory()  # Sockets in it must have short paths.
    (libraries,) = environment.parents[1].glob("lib/python3*/site-packages/nvidia_pytriton.libs")
    process = subprocess.Popen(
        [environment, ROOT / "tests" / "export" / "triton_process.py"],
        env={"PATH": os.environ["PATH"], "HOME": home.name, "LD_LIBRARY_PATH": str(libraries)},
        cwd=home.name, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    log = []

    def line():
        """The next that is no line of Triton's own log."""
        for text in process.stdout:
            if text.startswith("answer: "):
                return text.removeprefix("answer: ").strip()
            log.append(text)
        raise AssertionError("".join(log[-30:]))

    def end():
        print(file=process.stdin, flush=True)
        return json.loads(line())

    try:
        print(json.dumps(told), file=process.stdin, flush=True)
        assert line() == "ready"
        yield f"http://127.0.0.1:{told['ports'][0]}/v2/models/digits", end
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            home.cleanup()


def infer(address, x):
    """The outputs by name, of KServe's inference protocol in JSON."""
    images = {"name": "images", "shape": x.shape, "datatype": "FP32", "data": x.ravel().tolist()}
    body = json.dumps({"inputs": [images]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/infer", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        outputs = json.load(answer)["outputs"]
    return {each["name"]: np.array(each["data"], float).reshape(each["shape"]) for each in outputs}


def test_requests_that_are_joined_get_the_answers_of_keras(triton, trained):
    address, end = triton
    x = trained.data.x_test[:200]
    expected = trained.model.predict(x, verbose=0)

    def ask(number):
        rows = np.random.default_rng(number).integers(len(x), size=1 + number % 5)
        images = x[rows].copy()
        if number % 10 == 0:
            images[-1, 0] = np.nan
        return rows, np.isfinite(images).all(axis=1), infer(address, images)

    with futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(400)))

    for rows, ok, outputs in answers:
        np.testing.assert_array_equal(outputs["valid"][:, 0], ok)
        np.testing.assert_allclose(outputs["probabilities"][ok], expected[rows][ok], atol=1e-5)
        assert np.isnan(outputs["probabilities"][~ok]).all()
    with pytest.raises(urllib.error.HTTPError, match="400"):
        infer(address, x[:1, 1:])
    batches = end()
    assert sum(batches) == sum(len(rows) for rows, _, _ in answers)
    assert len(batches) < len(answers) / 2  # They were joined.
