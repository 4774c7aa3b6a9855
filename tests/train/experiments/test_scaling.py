"""The cost of a step by several workers."""

import json

import pytest

from train.experiments import scaling


def test_a_prediction_adds_the_exchange_to_the_compute():
    """A step of 0.01 s an example; 4 exchanges of a number, 0.1 s, and one of gradients, 0.6 s."""
    found = scaling.predicted({"100": 1.0, "300": 3.0}, {"number": 0.1, "gradients": 0.6})
    assert found["predicted"] == pytest.approx({"100": 2.0, "300": 4.0})
    assert found["balanced_batch_size"] == pytest.approx(100)


def test_one_process_exchanges_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(scaling, "seconds_per_step", lambda size, count: size / 1000)
    monkeypatch.setattr(scaling.tf.config.threading, "set_intra_op_parallelism_threads", id)
    config = scaling.ScalingConfig(output=tmp_path / "scaling.json", batch_sizes=(10, 20))
    result = scaling.run(config)
    assert result["workers"] == 1 and result["bytes_a_worker"] == 0
    assert result["params"] == 1_754_084  # 784-600-600-100, 50-600-600-784
    assert json.loads(config.output.read_text()) == result
    assert "   20 examples each: 20 ms a step" in scaling.table(result)
