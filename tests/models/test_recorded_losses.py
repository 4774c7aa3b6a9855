"""The losses of two epochs at a fixed seed are those on record: a faster step is the same step.

The first is the same to float32's rounding. Other processors add up in another order, and training
amplifies what that changes: later ones may differ by more, up to 1 %, where another estimator or
another order of the examples differs by far more than that.

After a change that is meant to change them, write the record anew:
`PYTHONPATH=. python tests/models/test_recorded_losses.py`.
"""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_dgm as dgm
from keras_dgm import likelihoods

RECORD = Path(__file__).with_name("recorded_losses.json")
STEPS = 48  # of 24 batches an epoch
TOLERANCE = np.geomspace(1e-5, 1e-2, STEPS)


def stack(data):
    """An M1+M2 of an M1 of one epoch."""
    m1 = dgm.M1(10, (50,), likelihood=likelihoods.Gaussian(0.2), seed=0)
    m1.compile(keras.optimizers.Adam(1e-2))
    m1.fit(data.x_train, batch_size=50, verbose=0)
    return dgm.StackedM1M2(m1, 10, 5, (50,), seed=0)


MODELS = {
    "m1": lambda _: dgm.M1(10, (50, 50), likelihood=likelihoods.Gaussian(0.2), seed=0),
    "m1, 3 samples": lambda _: dgm.M1(10, (50,), num_samples=3, seed=0),
    "m2": lambda _: dgm.M2(10, 5, (50,), seed=0),
    "m2, class_sum=2": lambda _: dgm.M2(10, 5, (50,), class_sum=2, seed=0),
    "m1+m2": stack,
}


def losses(name):
    """Means over the steps of an epoch so far, as `fit` reports them."""
    data = dgm.data.load("digits", num_labeled=50, seed=0)
    keras.utils.set_random_seed(0)
    model = MODELS[name](data)
    model.compile(keras.optimizers.Adam(1e-3))
    found = []
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: found.append(logs))
    y = data.y_train if model.num_classes else None
    model.fit(data.x_train, y, batch_size=50, epochs=2, verbose=0, callbacks=[record])
    return [float(logs["loss"]) for logs in found]


@pytest.mark.parametrize("name", MODELS)
def test_losses_are_those_on_record(name):
    found, recorded = np.array(losses(name)), np.array(json.loads(RECORD.read_text())[name])

    assert found.shape == recorded.shape == (STEPS,)
    np.testing.assert_array_less(np.abs(found / recorded - 1), TOLERANCE)


if __name__ == "__main__":
    RECORD.write_text(json.dumps({name: losses(name) for name in MODELS}, indent=1) + "\n")
