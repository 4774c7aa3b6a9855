"""L_k, the bound of the importance-weighted autoencoder, as what M1 is trained on."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, Z
from scipy import special

from keras_dgm import bounds

K_SAMPLES = 4
# The average of a quadratic over these is its mean under N(0, I).
CUBATURE = np.sqrt(Z) * np.concatenate([np.eye(Z), -np.eye(Z)])


def l_1(model, x):
    """E[L_1(x)] of a linear M1, whose log weights are quadratic in the noise."""
    noise = [np.tile(point, [len(x), 1, 1]) for point in CUBATURE]
    return tf.reduce_mean(
        [bounds.importance_weighted_bound(model.log_weights(x, n)).elbo for n in noise]
    )


def minus_j(model, x):
    noise = [np.tile(point, [len(x), 1]) for point in CUBATURE]
    return tf.reduce_mean([model.elbo(x, n).elbo for n in noise])


def test_l_1_is_the_elbo_in_expectation():
    """Value and gradient, to float64's precision."""
    linear = builders.LinearGaussian()
    linear.encode(shift=0.3, log_variance=-0.5)
    variables = linear.model.trainable_variables

    with tf.GradientTape(persistent=True) as tape:
        sampled, analytic = (f(linear.model, tf.constant(linear.x)) for f in (l_1, minus_j))

    np.testing.assert_allclose(sampled, analytic, rtol=1e-12)
    np.testing.assert_allclose(analytic, linear.elbo().mean(), rtol=1e-12)
    for variable in variables:
        found, expected = (tape.gradient(value, variable) for value in (sampled, analytic))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=variable.path)


def test_one_sample_keeps_the_exact_divergence():
    x, _ = builders.examples("float64")
    model = builders.m1(dtype="float64")
    noise = model.sample_noise(len(x))

    bound = model.objective(x, None, noise, training=True).bound

    assert noise.shape == [len(x), Z]
    np.testing.assert_array_equal(bound.elbo, model.elbo(x, noise).elbo)


def test_the_objective_is_the_logarithm_of_the_mean_weight():
    """Against NumPy: log 1/k sum_i p(x|z_i) p(z_i) / q(z_i|x)."""
    x, _ = builders.examples("float64")
    x = np.round(x)
    model = builders.m1(dtype="float64", num_samples=K_SAMPLES)
    noise = np.random.default_rng(0).normal(size=[len(x), K_SAMPLES, Z])

    output = model.objective(tf.constant(x), None, tf.constant(noise), training=True)

    qz_x = model.qz_x(x)
    mean, stddev = (v.numpy()[:, None] for v in (qz_x.mean(), qz_x.stddev()))
    z = mean + stddev * noise
    p = special.expit(model.decoder(z.reshape(-1, Z)).numpy().reshape(len(x), K_SAMPLES, D))
    px_z = np.prod(np.where(x[:, None] == 1, p, 1 - p), axis=-1)
    pz_over_qz = np.prod(stddev * np.exp((noise**2 - z**2) / 2), axis=-1)
    np.testing.assert_allclose(
        output.bound.elbo, np.log(np.mean(px_z * pz_over_qz, axis=-1)), rtol=1e-10
    )
    np.testing.assert_allclose(output.bound.reconstruction, np.log(px_z).mean(-1), rtol=1e-10)
    np.testing.assert_array_equal(output.loss, -output.bound.elbo)


def test_weights_far_apart_neither_overflow_nor_vanish():
    log_w = tf.constant([[-1e4, -1e4 - 200.0], [900.0, 900.0]])

    np.testing.assert_allclose(bounds.log_mean_exp(log_w), [-1e4 - np.log(2), 900.0], rtol=1e-6)


def test_training_raises_the_bound():
    x, _ = builders.examples()
    model = builders.m1(num_samples=K_SAMPLES)
    builders.compiled(model, keras.optimizers.Adam(0.03), "core")

    logs = model.fit(x, batch_size=7, epochs=15, validation_data=(x,), verbose=0).history

    assert logs["elbo"][-1] > logs["elbo"][0] + 0.2
    assert logs["val_elbo"][-1] > logs["val_elbo"][0] + 0.2
    np.testing.assert_allclose(logs["loss"], -np.array(logs["elbo"]), rtol=1e-5)


@pytest.mark.parametrize("num_samples", [0, 2.5, True])
def test_bad_numbers_of_samples(num_samples):
    with pytest.raises(ValueError, match="`num_samples` must be an integer of at least 1, got"):
        builders.m1(num_samples=num_samples)


def test_a_warm_up_weighs_the_divergence_of_each_sample():
    x, _ = builders.examples()
    model = builders.m1(num_samples=3)
    model.kl_weight.assign(0.25)
    noise = model.sample_noise(len(x))

    loss = model.objective(x, None, noise, training=True).loss

    log_w = model.log_weights(x, noise)
    annealed = log_w.reconstruction - 0.25 * log_w.kl
    np.testing.assert_allclose(-loss, special.logsumexp(annealed, axis=-1) - np.log(3), rtol=1e-5)
