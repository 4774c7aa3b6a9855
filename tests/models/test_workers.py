"""Training under `tf.distribute.MultiWorkerMirroredStrategy`, in processes of this host."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from train.launch import free_ports

PROCESS = Path(__file__).with_name("workers_process.py")


def measure(workers, *models):
    """What each of so many processes prints."""
    root = PROCESS.parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{PROCESS.parent}"}
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(workers)]}
    processes = []
    try:
        for index in range(workers):
            if workers > 1:
                task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
                environment["TF_CONFIG"] = json.dumps(task)
            processes.append(
                subprocess.Popen(
                    [sys.executable, PROCESS, *models],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    env=environment,
                )
            )
        return [json.loads(process.communicate(timeout=600)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def assert_equal(one, other):
    """To float32's rounding over 20 steps."""
    assert len(one["losses"]) == 20
    np.testing.assert_allclose(other["losses"], one["losses"], rtol=1e-5)
    for expected, weight in zip(one["weights"], other["weights"], strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)
    for name in ("probs", "evaluated"):
        if name in one:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-4)


@pytest.fixture(scope="module")
def pair():
    return measure(2, "m2")


@pytest.mark.slow
def test_two_workers_take_the_steps_of_one_process(pair):
    """The same global batches, the noise fixed; `predict` and `evaluate` alike."""
    (single,) = measure(1, "m2")
    for worker in pair:
        assert_equal(single["m2"], worker["m2"])


@pytest.mark.slow
def test_workers_draw_different_noise(pair):
    one, other = pair
    assert one["seed"] != other["seed"]


@pytest.mark.slow
def test_several_steps_an_execution_are_refused(pair):
    message = "`steps_per_execution` must be 1 with several workers, got 10"
    assert {worker["refusal"] for worker in pair} == {message}


@pytest.mark.slow
def test_three_workers_and_every_model():
    models = ("m1", "m2", "stacked")
    (single,) = measure(1, *models)
    for worker in measure(3, *models):
        for name in models:
            assert_equal(single[name], worker[name])
