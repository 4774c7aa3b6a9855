"""M1: its bound where log p(x) is known, its observation, and what a trained model is for."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, Z
from scipy import special

from keras_dgm import likelihoods
from keras_dgm.training.observation import Observation


def test_the_bound_is_log_p_of_x_at_the_true_posterior():
    linear = builders.LinearGaussian()

    np.testing.assert_allclose(linear.elbo(), linear.log_p(), rtol=1e-12)


@pytest.mark.parametrize(("shift", "log_variance"), [(0.3, 0.0), (0.0, 0.5), (-0.2, -1.0)])
def test_elsewhere_the_bound_is_lower_by_the_divergence(shift, log_variance):
    """log p(x) - ELBO = KL[q(z|x) || p(z|x)]."""
    linear = builders.LinearGaussian()
    linear.encode(shift, log_variance)

    gap = linear.log_p() - linear.elbo()

    variance = linear.scale**2 / linear.precision
    terms = shift**2 / variance + np.exp(log_variance) - log_variance - 1
    np.testing.assert_allclose(gap, np.full(8, 0.5 * terms.sum()), rtol=1e-10)


def test_training_finds_the_maximum_of_the_bound():
    """From a wrong encoder, gradient steps on the encoder alone close the gap to log p(x)."""
    linear = builders.LinearGaussian()
    linear.encode(shift=0.5, log_variance=1.0)
    linear.model.decoder.trainable = False
    builders.compiled(linear.model, keras.optimizers.Adam(0.05))
    gap = np.mean(linear.log_p() - linear.elbo())

    linear.model.fit(linear.x, batch_size=8, epochs=60, verbose=0)

    assert 0 < np.mean(linear.log_p() - linear.elbo()) < 0.2 * gap


def test_a_binarised_observation_is_drawn_afresh_with_probability_x():
    x = np.random.default_rng(0).uniform(size=[2, D]).astype(np.float32)
    model = builders.m1()
    n = 2000
    observed = Observation(tf.repeat(x, n, axis=0))

    drawn = model.sample_observation(observed).numpy()

    assert set(np.unique(drawn)) == {0, 1}
    assert np.any(drawn != model.sample_observation(observed).numpy())
    standard_error = np.sqrt(x * (1 - x) / n)
    assert np.all(np.abs(drawn.reshape(2, n, D).mean(axis=1) - x) < 5 * standard_error)


@pytest.mark.parametrize("likelihood", [likelihoods.Bernoulli(binarize=False), "gaussian"])
def test_other_observations_are_x_itself(likelihood):
    x, _ = builders.examples()
    model = builders.m1(likelihood=likelihood)

    np.testing.assert_array_equal(model.sample_observation(Observation(x)), x)


@pytest.fixture(scope="module")
def trained():
    model = builders.m1()
    model.fit(builders.examples()[0], batch_size=10, epochs=2, verbose=0)
    return model


def mlp(network, x):
    hidden, output = network.layers
    h = np.logaddexp(x @ hidden.kernel.numpy() + hidden.bias.numpy(), 0)
    return h @ output.kernel.numpy() + output.bias.numpy()


def test_embed_is_the_mean_of_q(trained):
    x, _ = builders.examples()

    np.testing.assert_allclose(
        trained.embed(x, batch_size=7), mlp(trained.encoder, x)[:, :Z], rtol=1e-4, atol=1e-6
    )


def test_predict_reconstructs_from_the_mean(trained):
    x, _ = builders.examples()

    expected = special.expit(mlp(trained.decoder, mlp(trained.encoder, x)[:, :Z]))

    np.testing.assert_allclose(trained.predict(x, verbose=0), expected, rtol=1e-4)


def test_generate_decodes_given_codes(trained):
    z = np.random.default_rng(0).normal(size=[5, Z])

    x = trained.generate(z, batch_size=2)

    np.testing.assert_allclose(x, special.expit(mlp(trained.decoder, z)), rtol=1e-4)


def test_generate_draws_fresh_codes(trained):
    x, again = trained.generate(num_samples=4), trained.generate(num_samples=4)

    assert x.shape == (4, D)
    assert not np.allclose(x, again)
    assert not np.allclose(x[0], x[1])


def test_the_mean_of_a_learned_gaussian_leaves_its_variance_out():
    model = builders.m1(likelihood="gaussian", preprocessor=None)
    model.fit(builders.examples()[0], verbose=0)
    z = np.ones([3, Z])

    np.testing.assert_allclose(model.generate(z), mlp(model.decoder, z)[:, :D], rtol=1e-4)


def test_the_decoder_mirrors_the_encoder():
    model = builders.m1(hidden_units=(5, 3))

    assert [layer.units for layer in model.encoder.layers] == [5, 3, 2 * Z]
    assert [layer.units for layer in model.decoder.layers] == [3, 5, D]


def test_convolutional_networks_of_ones_own_on_images():
    x = np.random.default_rng(0).uniform(size=[20, 8, 8]).astype(np.float32)
    encoder = keras.Sequential(
        [
            keras.layers.Reshape([8, 8, 1]),
            keras.layers.Conv2D(2, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(2 * Z),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.layers.Dense(16, "relu"),
            keras.layers.Reshape([4, 4, 1]),
            keras.layers.Conv2DTranspose(1, 3, strides=2, padding="same"),
            keras.layers.Flatten(),
        ]
    )
    model = builders.m1(width=64, encoder=encoder, decoder=decoder)

    history = model.fit(x, epochs=2, batch_size=10, validation_data=(x,), verbose=0).history

    assert np.all(np.isfinite([*history["loss"], *history["val_loss"]]))
    assert model.predict(x, verbose=0).shape == (20, 64)
    assert model.embed(x).shape == (20, Z)
    np.testing.assert_allclose(model.embed(x.reshape(20, 64)), model.embed(x), rtol=1e-6)


def test_a_preprocessor_stands_between_x_and_the_model():
    x, _ = builders.examples()
    pca = builders.adapted_pca(4)
    model = builders.m1(likelihood="gaussian", preprocessor=pca)
    before = builders.weights(pca)

    model.fit(x, verbose=0)

    assert model.encoder.layers[0].kernel.shape[0] == 4
    z = np.ones([3, Z])
    components = mlp(model.decoder, z)[:, :4]
    np.testing.assert_allclose(model.generate(z), pca.inverse(components), rtol=1e-4)
    assert model.predict(x, verbose=0).shape == x.shape
    builders.assert_same_weights(pca, before)
