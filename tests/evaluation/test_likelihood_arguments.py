"""What `log_likelihood` takes, and that its estimates do not depend on how they are computed."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import K
from one_dimensional import (
    binary,
    estimate,
    one_dimensional_m1,
    one_dimensional_m2,
    one_dimensional_stack,
)
from scipy import special

import keras_dgm as dgm
from keras_dgm import evaluation
from keras_dgm.evaluation import likelihood
from keras_dgm.preprocessing import PCA


def test_chunks_add_up_to_the_whole(monkeypatch):
    model, x = one_dimensional_m2(), binary()
    noise = tf.random.stateless_normal([len(x), 11, K, 1], [0, 0], dtype="float64")
    monkeypatch.setattr(
        likelihood,
        "_noise",
        lambda _model, shape, _dtype, _seed, at: noise[
            at[0] : at[0] + shape[0], at[1] : at[1] + shape[1]
        ],
    )
    whole = estimate(model, x, 11, batch_size=len(x))

    monkeypatch.setattr(likelihood, "CHUNK", 4 * 4 * K * builders.D)
    parts = estimate(model, x, 11, batch_size=4)

    log_w = model.log_weights(tf.constant(x), noise).elbo.numpy()
    expected = special.logsumexp(log_w, axis=(1, 2)) - np.log(11)
    for found in (whole, parts):
        np.testing.assert_allclose(found.log_p, expected, rtol=1e-10)
        np.testing.assert_allclose(found.ess, whole.ess, rtol=1e-9)


@pytest.mark.parametrize("make", [one_dimensional_m1, one_dimensional_m2, one_dimensional_stack])
def test_memory_does_not_grow_with_the_number_of_samples(make):
    model, x = make(), np.zeros([50, builders.D])

    chunk = likelihood.samples_at_once(model, x, 50, 10**9)

    assert chunk == likelihood.samples_at_once(model, x, 50, 10**6)
    assert chunk * 50 * builders.D <= likelihood.CHUNK


def test_the_same_arguments_give_the_same_estimates():
    model, x = one_dimensional_stack(), binary()
    state = model.seed_generator.state.numpy()

    first, again, other = (estimate(model, x, 6, seed=seed).log_p for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)
    np.testing.assert_array_equal(model.seed_generator.state, state)


def test_without_xla_the_estimates_are_the_same():
    model, x = one_dimensional_m1(), binary()

    found = (estimate(model, x, 6, jit_compile=jit).log_p for jit in (True, False))

    np.testing.assert_allclose(*found, rtol=1e-10)


def test_components_have_the_density():
    pca = builders.adapted_pca(4)
    model = builders.m1(likelihood="gaussian", preprocessor=pca)
    x, _ = builders.examples()

    found = estimate(model, x, 20)

    assert np.all(np.isfinite(found.log_p))
    assert likelihood.observations(model, x, True, 0).shape == (len(x), 4)


def test_the_density_of_x_behind_a_preprocessor():
    x, _ = builders.examples()
    whitened = PCA(builders.D, whiten=True)
    whitened.adapt(x)
    model = builders.m1(likelihood="gaussian", preprocessor=whitened)

    plain, raw = (estimate(model, x, 30, raw=raw, batch_size=8) for raw in (False, True))

    log_det = whitened.log_abs_det_jacobian(x).numpy()
    assert np.all(np.abs(log_det) > 1)
    for name in ("log_p", "log_p_tenth"):
        found = getattr(raw, name) - getattr(plain, name)
        np.testing.assert_allclose(found, log_det, rtol=1e-5)
    found = raw.log_p_xy - plain.log_p_xy
    np.testing.assert_allclose(found, log_det[:, None], rtol=1e-5)
    for name in ("stderr", "bias", "ess"):
        np.testing.assert_allclose(getattr(raw, name), getattr(plain, name), rtol=1e-6)


def test_without_a_preprocessor_the_density_is_that_of_x():
    model, x = one_dimensional_stack(), binary()

    found = (estimate(model, x, 6, raw=raw).log_p for raw in (True, False))

    np.testing.assert_array_equal(*found)


def test_one_sample_has_no_standard_error():
    found = estimate(one_dimensional_m1(), binary(), 1)

    assert np.all(np.isnan(found.stderr)) and np.all(found.ess == 1)


def test_a_progress_bar(capsys):
    estimate(one_dimensional_m1(), binary(), 4, batch_size=10, verbose=1)

    assert "3/3" in capsys.readouterr().out


X = binary()
BAD = {
    "no samples": ({"num_samples": 0}, "`num_samples` must be an integer of at least 1, got 0"),
    "half a sample": ({"num_samples": 0.5}, "`num_samples` must be an integer of at least 1"),
    "no batch": ({"batch_size": 0}, "`batch_size` must be an integer of at least 1, got 0"),
    "a negative seed": ({"seed": -1}, "`seed` must be an integer of at least 0, got -1"),
    "too narrow": ({"x": X[:, 1:]}, "`x` must have 6 features an example, got 5"),
    "outside": ({"x": 2 * X}, r"`x` must lie in \[0, 1\]"),
    "not built": ({"model": dgm.M1(2, (4,))}, "`model` must be built or fitted first, got <M1"),
    "too few components": (
        {
            "model": builders.m1(likelihood="gaussian", preprocessor=builders.adapted_pca(4)),
            "x": builders.examples()[0],
            "raw": True,
        },
        "a density of x needs `num_components` to be that of the features, 6, got 4",
    ),
    "a preprocessor without a Jacobian": (
        {
            "model": builders.m1(
                likelihood="gaussian",
                preprocessor=keras.layers.Normalization(mean=0.0, variance=4.0),
            ),
            "raw": True,
        },
        "`raw` needs a `preprocessor` with a method .*, got a Normalization",
    ),
    "a conditional model": (
        {"model": builders.conditional()},
        r"log p\(x\) is not estimated of ConditionalM1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    arguments, message = BAD[case]
    arguments = {"model": builders.m1(), "x": X, **arguments}

    with pytest.raises(ValueError, match=message):
        evaluation.log_likelihood(**arguments, verbose=0)


def test_a_model_without_hidden_layers_is_evaluated():
    x, _ = builders.examples()

    found = evaluation.log_likelihood(builders.m1(hidden_units=()), x, num_samples=3, verbose=0)

    assert np.isfinite(found.log_p).all()
