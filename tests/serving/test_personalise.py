"""A classifier that learns on learns from valid examples alone."""

import numpy as np
import pytest
import tensorflow as tf

from keras_dgm.serving import finite_softplus, personalise
from tests.serving.test_endpoints import D, K, X, m2

Y = (np.arange(len(X)) % K).astype(np.int32)
NAN, RATE = np.float32(np.nan), np.float32(personalise.LEARNING_RATE)


@pytest.fixture
def learner():
    return m2().personalisation(finite_softplus)


def run(learner, name, *arrays):
    answer = learner[name].function(*map(tf.constant, arrays))
    return {key: value.numpy() for key, value in answer.items()}


@pytest.mark.parametrize(
    ("images", "y", "rate"),
    [
        (np.full_like(X, NAN), Y, RATE),
        (X + 2, Y, RATE),
        (X, Y + K, RATE),
        (X, np.full_like(Y, -1), RATE),
        (X, Y, NAN),
        (X, Y, np.float32(np.inf)),
        (X, Y, -RATE),
        (X, Y, np.float32(0)),
        (X[:0], Y[:0], RATE),
    ],
    ids=["NaN", "range", "class", "-1", "rate NaN", "rate inf", "rate < 0", "rate 0", "empty"],
)
def test_what_cannot_be_learned_from_leaves_the_weights_alone(learner, images, y, rate):
    before = run(learner, "get_weights")

    told = run(learner, "train", images, y, rate)

    after = run(learner, "get_weights")
    assert told["examples"] == 0 and np.isnan(told["loss"])
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name])


def test_of_a_mixed_batch_the_valid_rows_count(learner):
    before = run(learner, "get_weights")
    images, y = X[:12].copy(), Y[:12].copy()
    images[3], y[7] = NAN, K
    good = np.setdiff1d(np.arange(12), [3, 7])

    told = run(learner, "train", images, y, RATE)
    mixed = run(learner, "get_weights")
    run(learner, "set_weights", *before.values())
    alone = run(learner, "train", images[good], y[good], RATE)
    expected = run(learner, "get_weights")

    assert told["examples"] == alone["examples"] == 10
    np.testing.assert_allclose(told["loss"], alone["loss"], rtol=1e-5)
    for name, values in expected.items():
        np.testing.assert_allclose(mixed[name], values, atol=1e-6)
        assert np.abs(values - before[name]).max() > 1e-4


def test_weights_that_are_not_finite_are_not_taken(learner):
    before = run(learner, "get_weights")
    kernel = before["kernel"].copy()
    kernel[0, 0] = np.nan

    told = run(learner, "set_weights", kernel, before["bias"])

    np.testing.assert_array_equal(told["kernel"], before["kernel"])
    np.testing.assert_array_equal(run(learner, "get_weights")["kernel"], before["kernel"])


def test_twenty_steps_lower_the_loss(learner):
    losses = [run(learner, "train", X, Y, RATE)["loss"] for _ in range(20)]

    assert losses[-1] < losses[0] - 0.01
    assert run(learner, "infer", X)["probabilities"].shape == (len(X), K)
    assert learner["infer"].inputs[0].shape == (D,)


def test_a_step_that_would_overflow_is_not_taken():
    learner = m2(likelihood="gaussian").personalisation(finite_softplus)
    before = run(learner, "get_weights")
    far = X.copy()
    far[1] = 3e38

    told = run(learner, "train", far, Y, RATE)

    assert told["examples"] == 0 and np.isnan(told["loss"])
    for name, values in run(learner, "get_weights").items():
        np.testing.assert_array_equal(values, before[name])
