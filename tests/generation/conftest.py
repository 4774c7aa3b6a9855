"""Small models of 8x8 digits that the tests share, trained for seconds."""

import keras
import pytest

import keras_dgm as dgm
from keras_dgm import likelihoods

IMAGE_SHAPE = (8, 8)


@pytest.fixture(scope="session")
def digits():
    return dgm.data.load("digits", seed=0)


@pytest.fixture(scope="session")
def m1(digits):
    """An M1 of two latent dimensions."""
    keras.utils.set_random_seed(0)
    model = dgm.M1(2, (100,), likelihood="bounded_gaussian", activation="tanh", seed=0)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(digits.x_train, epochs=40, batch_size=50, verbose=0)
    return model


@pytest.fixture(scope="session")
def m2(digits):
    """An M2 of two latent dimensions, with all labels."""
    keras.utils.set_random_seed(0)
    model = dgm.M2(10, 2, (100,), likelihood=likelihoods.Gaussian(0.2), alpha=1.0, seed=0)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(digits.x_train, digits.y_train, epochs=30, batch_size=50, verbose=0)
    return model


@pytest.fixture(scope="session")
def stacked(m1):
    """An M1+M2 that is not trained."""
    keras.utils.set_random_seed(0)
    model = dgm.StackedM1M2(m1, 10, latent_dim=3, hidden_units=(8,), active_dims=[0, 1], seed=0)
    model.build((None, 64))
    return model
