"""The C library inside TensorFlow's wheel, from processes and threads without its Python."""

import subprocess
import sys
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest

from export import capi, capi_process, reference, runners, servable, verify

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cases(saved_model):
    return reference.load(saved_model / "assets.extra" / servable.REFERENCE)


def test_every_signature_answers_as_keras(saved_model, cases):
    answered = {case["signature"] for case in cases if "outputs" in case}

    assert answered == set(servable.signatures(saved_model))
    assert verify.saved_model(saved_model, cases) <= 1e-5


def test_the_process_imports_no_tensorflow():
    program = "import sys, export.capi_process; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_a_folder_without_a_model_or_its_variables_is_an_error(tmp_path, saved_model, cases):
    content = (saved_model / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(content[:-100])
    with pytest.raises(runners.VerificationError, match="does not load"):
        runners.run_saved_model(tmp_path, [])

    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(runners.VerificationError, match=r"[Vv]ariable"):
        verify.saved_model(tmp_path, [case for case in cases if "outputs" in case][:1])


def test_a_wrong_answer_fails_the_verification(saved_model, cases):
    case = next(c for c in cases if "outputs" in c)
    probabilities = case["outputs"]["probabilities"] + 2e-5
    wrong = {**case, "outputs": {**case["outputs"], "probabilities": probabilities}}

    with pytest.raises(runners.VerificationError, match="must differ from Keras by at most"):
        verify.saved_model(saved_model, [wrong])


def test_a_bad_request_that_is_answered_fails_the_verification(saved_model, cases):
    case = next(c for c in cases if "outputs" in c)
    wrong = {"signature": case["signature"], "inputs": case["inputs"], "code": 3}

    with pytest.raises(runners.VerificationError, match="must be refused"):
        verify.saved_model(saved_model, [wrong])


def test_threads_share_a_session_and_its_memory_stays(saved_model, cases):
    names = {key: found for key, (found, _) in servable.signatures(saved_model).items()}
    model = capi.Servable(saved_model, names)
    good = [case for case in cases if "outputs" in case]

    def ask(i):
        case = good[i % len(good)]
        verify.compare(model.run(case["signature"], case["inputs"]), case["outputs"], "thread")

    with futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(200)))
        before = resident()
        list(pool.map(ask, range(400)))
    model.close()
    assert resident() - before < 30e6


def resident():
    """Bytes of memory that this process holds."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs Linux")
    (line,) = [row for row in status.read_text().splitlines() if row.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def test_arrays_survive_json():
    for array in (np.eye(3, dtype=np.float32), np.arange(4), reference.strings([b"a\0", b""])):
        decoded = capi_process.decode(capi_process.encode(array))
        assert decoded.dtype == array.dtype
        assert (decoded == array).all()
