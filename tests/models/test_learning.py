"""Learning, not just running: digits, 8x8 pixels in 10 classes, 50 labels in 1,197 examples."""

import keras
import numpy as np
import pytest

import keras_dgm as dgm
from keras_dgm import likelihoods

SEED = 0


@pytest.fixture(scope="module")
def digits():
    return dgm.data.load("digits", num_labeled=50, seed=SEED)


@pytest.fixture(scope="module")
def m1(digits):
    """M1 of 40 epochs, and its history."""
    keras.utils.set_random_seed(SEED)
    model = dgm.M1(10, (100,), likelihood=likelihoods.Gaussian(0.1), seed=SEED)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(
        digits.x_train, epochs=40, batch_size=50, validation_data=(digits.x_valid,), verbose=0
    ).history
    return model, history


@pytest.fixture(scope="module")
def stacked(digits, m1):
    """M1+M2 of 20 epochs, and its history."""
    keras.utils.set_random_seed(SEED)
    model = dgm.StackedM1M2(m1[0], num_classes=10, latent_dim=5, hidden_units=(100,), seed=SEED)
    model.compile(keras.optimizers.Adam(3e-3), metrics=["accuracy"])
    history = model.fit(digits.x_train, digits.y_train, epochs=20, batch_size=50, verbose=0).history
    return model, history


def test_the_bound_of_m1_rises_on_data_that_it_has_not_seen(m1):
    """By some 170 nats."""
    _, history = m1

    assert history["elbo"][-1] > history["elbo"][0] + 150
    assert history["val_elbo"][-1] > history["val_elbo"][0] + 100
    assert abs(history["val_elbo"][-1] - history["elbo"][-1]) < 20


def test_m1_reconstructs_what_it_has_not_seen(digits, m1):
    """With less than 40 % of the variance left; 26 % in this run."""
    model, _ = m1

    error = np.mean((model.predict(digits.x_test, verbose=0) - digits.x_test) ** 2)

    assert error < 0.4 * np.mean((digits.x_test - digits.x_train.mean(axis=0)) ** 2)


def test_codes_and_samples_of_m1_are_of_one_scale(m1, digits):
    """q(z) is near p(z) = N(0, I), and samples are as spread as the data."""
    model, _ = m1
    codes = model.embed(digits.x_test)

    assert np.all(np.abs(codes.mean(axis=0)) < 0.5)
    samples = model.generate(num_samples=400)
    assert 0.5 < samples.std(axis=0).mean() / digits.x_test.std(axis=0).mean() < 1.5


def test_stacked_beats_chance_by_far(digits, stacked):
    """Chance errs 90 % of the time, this run about 20 %."""
    model, history = stacked

    predicted = model.predict(digits.x_test, verbose=0).argmax(axis=-1)

    assert np.mean(predicted != digits.y_test) < 0.4
    assert history["elbo"][-1] > history["elbo"][0] + 1
    assert history["accuracy"][-1] > 0.8


def test_analogies_of_the_own_class_resemble_the_example(digits, stacked):
    """Nearer to M1's reconstruction than the other classes' images are, on average and mostly."""
    model, _ = stacked
    x = digits.x_test[:100]
    own = model.predict(x, verbose=0).argmax(axis=-1)

    images = model.analogies(x)

    distances = np.mean(
        (images - model.m1.predict(x, verbose=0)[:, None]) ** 2, axis=-1
    )  # [100, K]
    assert images.shape == (100, 10, 64)
    assert np.mean(distances.argmin(axis=1) == own) > 0.9
    assert distances[np.arange(100), own].mean() < 0.25 * distances.mean()


def test_generated_classes_are_told_apart(stacked):
    """The classifier finds in a sample the class that it was generated for, mostly."""
    model, _ = stacked
    y = np.repeat(np.arange(10), 20)

    found = model.predict(model.generate(y), verbose=0).argmax(axis=-1)
    assert np.mean(found == y) > 0.5
