"""Missing pixels: against the exact conditional mean of a linear-Gaussian model, and on digits."""

import keras
import numpy as np
import pytest

import keras_dgm as dgm
from keras_dgm import generation, likelihoods
from keras_dgm.preprocessing import PCA

D, SCALE = 5, 0.5
OBSERVED = np.array([True, False, True, True, False])


def linear_gaussian(shrink):
    """x = W z + b + SCALE noise with W's columns orthogonal, and an encoder: W, b, M1.

    The mean of q(z|x) is `shrink` times that of p(z|x), its variance the same.
    """
    rng = np.random.default_rng(0)
    w = np.linalg.qr(rng.normal(size=[D, 2]))[0] * [1.0, 0.7]
    b = rng.normal(size=D)
    model = dgm.M1(2, (), likelihood=likelihoods.Gaussian(SCALE))
    model.build((None, D))
    precision = np.diag(w.T @ w) + SCALE**2  # of p(z|x), times SCALE^2
    to_mean = shrink * w / precision
    log_variance = np.log(SCALE**2 / precision)
    model.encoder.set_weights(
        [
            np.concatenate([to_mean, np.zeros([D, 2])], axis=1),
            np.concatenate([-b @ to_mean, log_variance]),
        ]
    )
    model.decoder.set_weights([w.T, b])
    return w, b, model


@pytest.mark.parametrize("shrink", [1.0, 0.7])
def test_the_chain_finds_the_conditional_mean_and_its_slope(shrink):
    """Its stationary distribution is p(x_missing | x_observed), also where q(z|x) is not p(z|x)."""
    w, b, model = linear_gaussian(shrink)
    covariance = w @ w.T + SCALE**2 * np.eye(D)
    x = np.add(b, np.outer([-1, 1], [2.0, 0.0, -2.0, 1.0, 0.0]))
    seen, missing = np.flatnonzero(OBSERVED), np.flatnonzero(~OBSERVED)
    gain = covariance[np.ix_(seen, missing)].T @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    expected = b[missing] + (x[:, seen] - b[seen]) @ gain.T
    chains = np.repeat(np.where(OBSERVED, x, np.nan), 2000, axis=0)

    filled = generation.impute(model, chains, OBSERVED, num_steps=100).reshape(2, 2000, D)

    found = filled[..., missing]
    standard_error = found.std(axis=1) / 2000**0.5
    assert np.all(np.abs(found.mean(axis=1) - expected) < 5 * standard_error)
    slope, exact = (np.diff(mean, axis=0) for mean in (found.mean(axis=1), expected))
    assert np.all(np.abs(slope - exact) < 5 * np.linalg.norm(standard_error, axis=0))
    assert np.any(np.abs(exact) > 50 * np.linalg.norm(standard_error, axis=0))
    seen_x = np.broadcast_to(x[:, None, seen], [2, 2000, len(seen)])
    np.testing.assert_allclose(filled[..., seen], seen_x, rtol=1e-6)


def test_it_beats_the_mean_of_the_training_data(digits):
    """On a random half of the pixels of a digit, by a fifth at least; by a third in this run."""
    x, observed = digits.x_test[:200], np.random.default_rng(0).uniform(size=64) < 0.5
    keras.utils.set_random_seed(0)
    model = dgm.M1(10, (100,), likelihood=likelihoods.Gaussian(0.1), seed=0)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(digits.x_train, epochs=40, batch_size=50, verbose=0)

    filled = generation.impute(model, x, observed, num_steps=50)

    plain = generation.fill_with_mean(x, observed, digits.x_train.mean(axis=0))
    errors = [generation.error_of_missing(images, x, observed) for images in (filled, plain)]
    assert errors[0] < 0.8 * errors[1]
    np.testing.assert_array_equal(filled[:, observed], x[:, observed])


def test_every_step_is_an_image_and_a_seed_fixes_them(m1, digits):
    x, observed = digits.x_test[:5], generation.centre((8, 8))

    first, again = (list(generation.imputations(m1, x, observed, 4)) for _ in range(2))

    assert len(first) == 4 and first[0].shape == (5, 64)
    np.testing.assert_array_equal(first, again)
    assert np.any(first[0] != first[3])
    assert np.min(first) >= 0 and np.max(first) <= 1


def test_a_mask_in_the_shape_of_the_images(m1, digits):
    x, observed = digits.x_test[:5], generation.centre((8, 8))

    flat = generation.impute(m1, x, observed, 3)

    for mask in (observed.reshape(8, 8), np.tile(observed.reshape(8, 8), [5, 1, 1])):
        np.testing.assert_array_equal(generation.impute(m1, x.reshape(5, 8, 8), mask, 3), flat)


def test_the_error_is_over_missing_pixels_alone():
    x = np.zeros([2, 4])

    assert generation.error_of_missing(np.add(x, [0, 0, 1, 3]), x, [True, True, False, False]) == 5


def test_masks():
    np.testing.assert_array_equal(
        generation.centre((4, 4)).reshape(4, 4),
        np.pad(np.ones([2, 2], bool), 1),
    )
    assert generation.centre((28, 20, 3)).reshape(28, 20, 3)[7:21, 5:15].all()
    assert generation.centre((28, 20, 3)).sum() == 14 * 10 * 3
    np.testing.assert_array_equal(generation.left_half((2, 3)).reshape(2, 3)[0], [1, 0, 0])
    with pytest.raises(ValueError, match=r"`fraction` must lie between 0 and 1, got 1\.0"):
        generation.centre((4, 4), 1.0)


def test_a_row_of_a_table_with_missing_entries():
    """NaN is missing to a model that knows missing entries, whatever the mask says."""
    columns = likelihoods.Columns([(likelihoods.Gaussian(), 3), (likelihoods.Categorical((2,)), 2)])
    model = dgm.M1(2, (4,), likelihood=columns, missing=True, seed=0)
    model.build((None, 5))
    x = np.array([[1.0, np.nan, 2.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0, 1.0]])

    filled = generation.impute(model, x, [True, True, False, False, False], num_steps=20)

    assert np.all(np.isfinite(filled))
    np.testing.assert_array_equal(filled[[0, 1, 1], [0, 0, 1]], [1, 0, 1])
    np.testing.assert_allclose(filled[:, 3:].sum(axis=-1), 1, rtol=1e-5)
    assert np.all((filled[:, 3:] > 0) & (filled[:, 3:] < 1))


X = np.full([3, 64], 0.5)
BAD = {
    "a mask of another shape": (
        {"observed": np.ones(63, bool)},
        r"`observed` must have the shape .* one of \[\(3, 64\), \(64,\)\], got \(63,\)",
    ),
    "a mask of numbers": (
        {"observed": np.ones(64)},
        "`observed` must hold booleans, got dtype",
    ),
    "nothing observed": ({"observed": np.zeros(64, bool)}, "`observed` must hold a True"),
    "no steps": ({"num_steps": 0}, "`num_steps` must be an integer of at least 1, got 0"),
    "a negative seed": ({"seed": -1}, "`seed` must be an integer of at least 0, got -1"),
    "an observed NaN": ({"x": np.full([3, 64], np.nan)}, "`x` must be finite"),
    "a vector": ({"x": np.ones(64)}, r"`x` must have shape \[N, D\]"),
    "a model not built": ({"model": dgm.M1(2)}, "`model` must be built or fitted"),
    "no M1": ({"model": dgm.M2(10)}, "it is of an M1; this is M2"),
}


@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_input(arguments, message, m1):
    with pytest.raises(ValueError, match=message):
        generation.impute(**{"model": m1, "x": X, "observed": X[0] > 0, **arguments})


def test_components_are_not_pixels():
    pca = PCA(2)
    pca.adapt(np.random.default_rng(0).normal(size=[9, 64]))
    model = dgm.M1(2, (4,), likelihood="gaussian", preprocessor=pca)
    model.build((None, 64))
    with pytest.raises(ValueError, match="`model` must have a likelihood over x itself, got one"):
        generation.impute(model, X, X[0] > 0)


def test_nothing_missing():
    with pytest.raises(ValueError, match="`observed` must leave a pixel out, got True"):
        generation.error_of_missing(X, X, X[0] > 0)
