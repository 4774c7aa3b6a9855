"""ConditionalM1: its bound where log p(x'|c) is known, and that it completes from c alone."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, Z
from scipy import stats

import keras_dgm as dgm
from keras_dgm import generation, likelihoods

CONDITION = [3, 1]  # in `builders.conditional`
REST = [0, 2, 4, 5]


class LinearGaussian:
    """x' = A c + W z + b + SCALE noise, whose log p(x'|c) and p(z|x) are known.

    W has orthogonal columns, so that p(z|x) = N(G (x' - A c - b), SCALE^2 / precision) with
    G = W^T / precision has a diagonal covariance, and a linear encoder can be exact.
    """

    SCALE = 0.5

    def __init__(self):
        rng = np.random.default_rng(0)
        orthogonal, _ = np.linalg.qr(rng.normal(size=[len(REST), Z]))
        self.w = orthogonal * [1.5, 0.7]
        self.a, self.b = rng.normal(size=[len(REST), 2]), rng.normal(size=len(REST))
        self.precision = np.diag(self.w.T @ self.w) + self.SCALE**2  # times SCALE^2
        self.x = rng.normal(size=[8, D])
        self.model = builders.conditional(
            likelihood=likelihoods.Gaussian(self.SCALE),
            encoder=keras.Sequential([keras.layers.Dense(2 * Z, dtype="float64")]),
            decoder=keras.Sequential([keras.layers.Dense(len(REST), dtype="float64")]),
            dtype="float64",
        )
        self.model.decoder.set_weights([np.concatenate([self.a.T, self.w.T]), self.b])
        gain = self.w / self.precision  # [4, Z]
        kernel = np.zeros([D, 2 * Z])
        kernel[REST, :Z] = gain
        kernel[CONDITION, :Z] = -self.a.T @ gain
        log_variance = np.log(self.SCALE**2 / self.precision)
        self.model.encoder.set_weights([kernel, np.concatenate([-self.b @ gain, log_variance])])

    def elbo(self):
        """Exact: E_q of a quadratic is its average over noise at plus and minus sqrt(Z) e_i."""
        points = np.sqrt(Z) * np.concatenate([np.eye(Z), -np.eye(Z)])
        x = tf.constant(self.x)
        elbos = [
            self.model.objective(x, None, np.tile(point, [8, 1]), training=True).bound.elbo
            for point in points
        ]
        return np.mean(elbos, axis=0)


def test_the_bound_is_log_p_given_c_at_the_true_posterior():
    linear = LinearGaussian()
    covariance = linear.w @ linear.w.T + linear.SCALE**2 * np.eye(len(REST))
    means = linear.x[:, CONDITION] @ linear.a.T + linear.b
    log_p = [
        stats.multivariate_normal.logpdf(x, mean, covariance)
        for x, mean in zip(linear.x[:, REST], means, strict=True)
    ]

    np.testing.assert_allclose(linear.elbo(), log_p, rtol=1e-12)


def test_completions_are_the_linear_map_of_c_and_z():
    linear = LinearGaussian()
    z = np.array([[0.5, -1.0], [2.0, 0.0], [0.0, 0.0]])

    completed = linear.model.complete(linear.x, z=z)

    assert completed.shape == (8, 3, D)
    expected = (linear.x[:, CONDITION] @ linear.a.T)[:, None] + z @ linear.w.T + linear.b
    np.testing.assert_allclose(completed[..., REST], expected, rtol=1e-5, atol=1e-5)
    given = np.repeat(linear.x[:, None, CONDITION], 3, axis=1)
    np.testing.assert_allclose(completed[..., CONDITION], given, rtol=1e-6)


def test_completions_look_at_the_condition_alone():
    x, _ = builders.examples()
    hidden = x.copy()
    hidden[:, REST] = np.nan
    z = np.random.default_rng(0).normal(size=[4, Z])
    model = builders.conditional()

    np.testing.assert_array_equal(model.complete(hidden, z=z), model.complete(x, z=z))
    drawn = model.complete(hidden, num_samples=5)
    assert drawn.shape == (builders.N, 5, D)
    assert np.all(drawn[:, 0, REST] != drawn[:, 1, REST])


def test_condition_and_rest_under_one_draw_of_the_binary_pixels():
    """The condition that the bound sees is that of the binary x, so it is in {0, 1}."""
    model = builders.conditional()
    x, _ = builders.examples()

    sampled = model.sample_observation(model.observe(x))

    assert set(np.unique(model.given(sampled))) == {0, 1}


@pytest.mark.slow
def test_it_learns_to_complete_digits():
    """From the middle quarter of an 8x8 digit; the rest varies by a sixth less, given that."""
    digits = dgm.data.load("digits", seed=0)
    observed = generation.centre((8, 8))
    keras.utils.set_random_seed(0)
    model = dgm.ConditionalM1(
        np.flatnonzero(observed), 5, (100,), likelihood="bounded_gaussian", seed=0
    )
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(digits.x_train, epochs=30, batch_size=50, verbose=0).history

    filled = model.complete(digits.x_test, num_samples=20).mean(axis=1)

    plain = generation.fill_with_mean(digits.x_test, observed, digits.x_train.mean(axis=0))
    errors = [
        generation.error_of_missing(images, digits.x_test, observed) for images in (filled, plain)
    ]
    assert errors[0] < 0.9 * errors[1]
    assert history["elbo"][-1] > history["elbo"][0] + 20


@pytest.mark.parametrize("condition", [[], [1, 1], [-1], [0.5], [[0, 1]], [True, False], "0"])
def test_a_condition_that_is_none(condition):
    with pytest.raises(ValueError, match="`condition` must be different integers from 0 up"):
        dgm.ConditionalM1(condition)


@pytest.mark.parametrize("condition", [[0, D], list(range(D))])
def test_a_condition_that_leaves_nothing_or_is_not_there(condition):
    with pytest.raises(ValueError, match="`condition` must be integers from 0 to 5, not all"):
        builders.conditional(condition=condition)


def test_bad_input():
    x, y = builders.examples()
    model = builders.conditional()
    with pytest.raises(ValueError, match="`y` must be None: `condition` says"):
        model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="`num_samples` must be an integer of at least 1, got 0"):
        model.complete(x, num_samples=0)
    with pytest.raises(ValueError, match="`z` must have 2 features an example, got 3"):
        model.complete(x, z=np.zeros([1, 3]))
    with pytest.raises(ValueError, match="`x` must have 6 features an example, got 5"):
        model.complete(x[:, :5])
    with pytest.raises(ValueError, match="`model` must be built or fitted first"):
        dgm.ConditionalM1([0]).complete(x)
