"""Training under `tf.distribute.MirroredStrategy`, on two logical CPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROCESS = Path(__file__).with_name("mirrored_process.py")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measured():
    """Logical devices are fixed once a process uses TensorFlow: it takes one of its own."""
    root = PROCESS.parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{PROCESS.parent}"}
    done = subprocess.run(
        [sys.executable, PROCESS], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("model", ["m1", "m2", "smooth_m2", "adgm", "sampled_sdgm"])
def test_two_replicas_take_the_steps_of_one(model, measured):
    """The same global batches, the noise fixed: equal to float32's rounding over 20 steps.

    After the smaller batch that ends an epoch, Keras logs the plain mean over the replicas.
    """
    single, mirrored = (measured["fixed"][model][name] for name in ("single", "mirrored"))
    assert len(single["losses"]) == 20
    even = np.arange(20) % 4 != 3
    one, other = (np.array(run["losses"])[even] for run in (single, mirrored))
    np.testing.assert_allclose(other, one, rtol=1e-5)
    for one, other in zip(single["weights"], mirrored["weights"], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


def test_replicas_draw_different_noise(measured):
    one, other = measured["seeds"]
    assert one != other


def test_a_replica_can_have_no_example_of_a_last_batch(measured):
    assert measured["finite"]


def test_a_batch_that_replicas_cannot_share_is_refused(measured):
    assert measured["refusal"] == "`batch_size` must be divisible by the 2 replicas, got 7"
