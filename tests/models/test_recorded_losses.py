"""The losses of 50 steps at a fixed seed are those on record: a faster step is the same step.

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
STEPS = 50
MODELS = {
    "m1": lambda: dgm.M1(10, (50, 50), likelihood=likelihoods.Gaussian(0.2), seed=0),
    "m1, 3 samples": lambda: dgm.M1(10, (50,), num_samples=3, seed=0),
    "m2": lambda: dgm.M2(10, 5, (50,), seed=0),
    "m2, class_sum=2": lambda: dgm.M2(10, 5, (50,), class_sum=2, seed=0),
}


def losses(name):
    """Means over the steps so far, as `fit` reports them."""
    data = dgm.data.load("digits", num_labeled=50, seed=0)
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    model.compile(keras.optimizers.Adam(1e-3))
    found = []
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: found.append(logs))
    y = None if isinstance(model, dgm.M1) else data.y_train
    model.fit(data.x_train, y, batch_size=50, steps_per_epoch=STEPS, verbose=0, callbacks=[record])
    return [float(logs["loss"]) for logs in found]


@pytest.mark.parametrize("name", MODELS)
def test_losses_are_those_on_record(name):
    # Other processors add up in another order.
    np.testing.assert_allclose(losses(name), json.loads(RECORD.read_text())[name], rtol=1e-3)


if __name__ == "__main__":
    RECORD.write_text(json.dumps({name: losses(name) for name in MODELS}, indent=1) + "\n")
