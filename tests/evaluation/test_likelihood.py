"""log p(x) against exact values, quadrature and bounds."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from one_dimensional import (
    MODELS,
    SAMPLES,
    binary,
    encoder_of,
    estimate,
    gaussian,
    log_p_of_m1,
    one_dimensional_m1,
)

from keras_dgm import bounds, likelihoods
from keras_dgm.evaluation import likelihood


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    """A model, x, its log p(x) by quadrature, and an estimate."""
    make, exact = MODELS[request.param]
    model, x = make(), binary()[:10]
    return model, x, exact(model, x), estimate(model, x, SAMPLES)


def test_quadrature_agrees_within_the_standard_error(case):
    """4.5 of them, at most 2 %, for 10 examples."""
    _, _, exact, found = case

    assert np.all(np.abs(found.log_p - exact) < 4.5 * found.stderr)
    assert np.all(found.stderr < 0.02)


def test_the_standard_error_is_that_of_repetitions(case):
    """Errors of 10 x 40 small estimates, in units of their standard errors, have variance 1."""
    model, x, exact, _ = case

    repeated = estimate(model, np.repeat(x, 40, axis=0), 500, batch_size=400)

    scores = (repeated.log_p - np.repeat(exact, 40)) / repeated.stderr
    assert np.abs(scores.mean()) < 0.25
    assert 0.75 < scores.std() < 1.3


def test_bounded_weights_are_to_be_trusted(case):
    """stderr^2 is 1 / ess - 1 / S then, and the bias minus half of it."""
    _, _, _, found = case

    assert np.all((found.ess > 1) & (found.ess <= SAMPLES))
    np.testing.assert_allclose(found.stderr**2, 1 / found.ess - 1 / SAMPLES, rtol=0.02)
    np.testing.assert_allclose(found.bias, -(found.stderr**2) / 2, rtol=0.02)
    assert np.all(found.khat < 0.7)
    assert found.mean_bias == found.bias.mean()
    assert found.log_p_tenth.mean() < found.mean


@pytest.mark.parametrize("name", MODELS)
def test_bounds_rise_with_the_number_of_samples_towards_log_p(name):
    """L_1 < L_5 < L_50 < log p(x), on average, each by more than 3 standard errors.

    q is so wide that weights vary: the last gap is about var(w) / (2 * 50 p(x)^2).
    """
    make, exact = MODELS[name]
    model, x = make(), binary()[:10]
    gaussian(encoder_of(model), scale=1.0, log_variance=2.5)
    noise = likelihood._noise(model, (len(x), SAMPLES), "float64", 1, (0, 0))
    log_w = model.log_weights(tf.constant(x), noise).elbo
    log_w = log_w if log_w.ndim == 2 else tf.reduce_logsumexp(log_w, axis=-1)  # [N, S]

    means, errors = [], []
    for k in (1, 5, 50):
        bound = bounds.log_mean_exp(tf.reshape(log_w, [len(x), -1, k])).numpy()
        means.append(bound.mean())
        errors.append(np.sqrt(bound.var(axis=1).sum() / bound.shape[1]) / len(x))
    gaps = np.diff([*means, exact(model, x).mean()])

    assert np.all(gaps > 3 * np.array(errors))


@pytest.mark.parametrize("name", ["m1", "m2"])
def test_the_bound_that_fit_reports_is_below(name):
    make, exact = MODELS[name]
    model, x = make(), binary()
    y = None if name == "m1" else np.full(len(x), -1)

    elbo = np.mean([model.evaluate(x, y, verbose=0, return_dict=True)["elbo"] for _ in range(20)])

    l_5 = estimate(model, np.repeat(x, 50, axis=0), 5).mean
    assert elbo < l_5 < exact(model, x).mean()


def test_a_linear_gaussian_model_is_exact_at_its_posterior():
    """All weights are p(x) then."""
    linear = builders.LinearGaussian()

    found = estimate(linear.model, linear.x, 7)

    # The data go through float32.
    linear.x = linear.x.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(found.log_p, linear.log_p(), rtol=1e-10)
    np.testing.assert_allclose(found.ess, 7, rtol=1e-8)
    np.testing.assert_allclose(found.stderr, 0, atol=1e-6)
    np.testing.assert_array_equal(found.log_p_xy[:, 0], found.log_p)


def test_a_linear_gaussian_model_elsewhere():
    linear = builders.LinearGaussian()
    linear.encode(shift=0.3, log_variance=0.5)

    found = estimate(linear.model, linear.x, SAMPLES)

    assert np.all(np.abs(found.log_p - linear.log_p()) < 4.5 * found.stderr)
    assert np.all(found.ess < 0.9 * SAMPLES)
    error = np.sqrt(np.mean(found.stderr**2) / len(linear.x))
    assert np.isclose(found.mean_stderr, error) and np.isclose(found.mean, found.log_p.mean())


@pytest.mark.filterwarnings("ignore:Pareto k-hat")
@pytest.mark.parametrize("k", [0.5, 0.8])
def test_khat_of_a_narrow_encoder(k):
    """Where q has 1 - k times the variance of p(z|x), of two dimensions, w is Pareto with shape k.

    log w is k e, e exponential, but for a constant.
    """
    linear = builders.LinearGaussian()
    linear.encode(log_variance=np.log(1 - k))

    found = estimate(linear.model, linear.x, SAMPLES)

    assert abs(found.khat.mean() - k) < 0.1
    assert np.all(np.abs(found.log_p - linear.log_p()) < 6 * found.stderr)


def test_a_narrow_encoder_is_warned_of():
    linear = builders.LinearGaussian()
    linear.encode(log_variance=np.log(0.05))

    with pytest.warns(UserWarning, match=r"k-hat is above 0.7 for [6-8] of 8 examples: q is too"):
        found = estimate(linear.model, linear.x, SAMPLES)

    assert found.khat.mean() > 0.8
    assert found.log_p_tenth.mean() < found.mean < linear.log_p().mean()


def test_without_binarisation_grey_enters_as_it_is():
    model, (x, _) = one_dimensional_m1(), builders.examples("float64")

    found = estimate(model, x, SAMPLES, binarize=False)

    exact = log_p_of_m1(model, x.astype(np.float32).astype(np.float64))
    assert np.all(np.abs(found.log_p - exact) < 4.5 * found.stderr)


def test_grey_is_drawn_once_with_the_seed():
    model, (x, _) = one_dimensional_m1(), builders.examples()
    drawn = likelihood.observations(model, x, True, seed=3)
    assert set(np.unique(drawn)) == {0, 1}
    assert np.any(drawn != likelihood.observations(model, x, True, seed=4))

    of_grey = estimate(model, x, 5, seed=3, batch_size=8)
    of_drawn = estimate(model, drawn, 5, seed=3, batch_size=8)

    np.testing.assert_array_equal(of_grey.log_p, of_drawn.log_p)


def test_a_model_trained_on_grey_is_evaluated_on_grey():
    grey = likelihoods.Bernoulli(binarize=False)
    model, (x, _) = one_dimensional_m1(likelihood=grey), builders.examples()

    np.testing.assert_array_equal(likelihood.observations(model, x, True, seed=0), x)
