"""log p(x) against exact values, quadrature and bounds."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from builders import K
from scipy import special, stats

import keras_dgm as dgm
from keras_dgm import bounds, evaluation
from keras_dgm.evaluation import likelihood

SAMPLES = 20_000
GRID = np.linspace(-7, 7, 281)
# Of the integral of a smooth function times the standard normal density, by the trapezoidal rule.
LOG_PRIOR = stats.norm.logpdf(GRID) + np.log(GRID[1] - GRID[0])


def spread(model):
    """Larger weights, so that p(x|.) and q depend on what they are given.

    q(z|.) stays near the prior and a little wider: weights are bounded then, and their standard
    error is to be trusted.
    """
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign_add(rng.normal(0, 0.4, weight.shape))
    gaussian(model.encoder, scale=0.2, log_variance=0.4)
    return model


def gaussian(network, scale, log_variance):
    """Scale the mean that the network's last layer puts out, and fix its log variance."""
    layer = network.rest.layers[-1] if hasattr(network, "rest") else network.layers[-1]
    kernel, bias = (scale * weight for weight in layer.get_weights())
    width = len(bias) // 2
    kernel[:, width:], bias[width:] = 0, log_variance
    layer.set_weights([kernel, bias])


def estimate(model, x, num_samples, **options):
    """Without XLA, which takes seconds to compile what is computed in milliseconds."""
    options = {"jit_compile": False, "verbose": 0, **options}
    return evaluation.log_likelihood(model, x, num_samples, **options)


def one_dimensional_m1(**options):
    return spread(builders.m1(latent_dim=1, dtype="float64", **options))


def one_dimensional_m2():
    prior = [0.2, 0.3, 0.5]
    return spread(builders.m2(latent_dim=1, class_prior=prior, dtype="float64"))


def one_dimensional_stack():
    """z1 of two dimensions, one of them collapsed, and z2 of one."""
    below = spread(builders.m1(latent_dim=2, dtype="float64"))
    options = {"hidden_units": (4,), "active_dims": [1], "class_prior": [0.2, 0.3, 0.5]}
    model = dgm.StackedM1M2(below, K, 1, dtype="float64", **options)
    model.build((None, builders.D))
    gaussian(spread(model).decoder, scale=1.0, log_variance=-1.0)
    return model


def binary():
    return np.round(builders.examples("float64")[0])


def log_p_of_m1(model, x):
    log_px_z = model.px_z(tf.constant(GRID[:, None])).log_prob(x[:, None]).numpy()  # [N, G]
    return special.logsumexp(log_px_z + LOG_PRIOR, axis=-1)


def log_p_xy_of_m2(model, x):
    """[N, K]."""
    z = np.repeat(GRID[:, None, None], K, axis=1)  # [G, K, 1]
    px_yz = model.px_yz(np.arange(K)[None], tf.constant(z))
    log_px_yz = px_yz.log_prob(x[:, None, None]).numpy()  # [N, G, K]
    log_p_xz = special.logsumexp(log_px_yz + LOG_PRIOR[:, None], axis=1)
    return log_p_xz + np.log(model.class_prior)


def log_p_xy_of_stack(model, x):
    """[N, K], by the grid for each of the collapsed and the active dimension of z1, and z2."""
    log_p_z1_y = log_p_xy_of_m2(model, GRID[:, None]) + np.log(GRID[1] - GRID[0])  # [G, K]
    z1 = np.stack(np.meshgrid(GRID, GRID, indexing="ij"), axis=-1)  # [G, G, 2], the active one last
    log_px_z1 = np.stack([model.m1.px_z(tf.constant(z1)).log_prob(row).numpy() for row in x])
    log_px_active = special.logsumexp(log_px_z1 + LOG_PRIOR[:, None], axis=1)  # [N, G]
    return special.logsumexp(log_px_active[..., None] + log_p_z1_y, axis=1)


MODELS = {
    "m1": (one_dimensional_m1, log_p_of_m1),
    "m2": (one_dimensional_m2, lambda *a: special.logsumexp(log_p_xy_of_m2(*a), axis=-1)),
    "m1+m2": (one_dimensional_stack, lambda *a: special.logsumexp(log_p_xy_of_stack(*a), axis=-1)),
}


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


def test_the_effective_sample_size_says_how_much_weights_vary(case):
    """stderr^2 = 1 / ess - 1 / S, but for S / (S - 1)."""
    _, _, _, found = case

    assert np.all((found.ess > 1) & (found.ess <= SAMPLES))
    variance = (1 / found.ess - 1 / SAMPLES) * SAMPLES / (SAMPLES - 1)
    np.testing.assert_allclose(found.stderr**2, variance, rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_bounds_rise_with_the_number_of_samples_towards_log_p(name):
    """L_1 < L_5 < L_50 < log p(x), on average, each by more than 3 standard errors.

    q is so wide that weights vary: the last gap is about var(w) / (2 * 50 p(x)^2).
    """
    make, exact = MODELS[name]
    model, x = make(), binary()[:10]
    gaussian(model.encoder, scale=1.0, log_variance=2.5)
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
    assert found.log_p_xy is None


def test_a_linear_gaussian_model_elsewhere():
    linear = builders.LinearGaussian()
    linear.encode(shift=0.3, log_variance=0.5)

    found = estimate(linear.model, linear.x, SAMPLES)

    assert np.all(np.abs(found.log_p - linear.log_p()) < 4.5 * found.stderr)
    assert np.all(found.ess < 0.9 * SAMPLES)
    error = np.sqrt(np.mean(found.stderr**2) / len(linear.x))
    assert np.isclose(found.mean_stderr, error) and np.isclose(found.mean, found.log_p.mean())


def test_without_binarisation_grey_enters_as_it_is():
    model, (x, _) = one_dimensional_m1(), builders.examples("float64")

    found = estimate(model, x, SAMPLES, binarize=False)

    exact = log_p_of_m1(model, x.astype(np.float32).astype(np.float64))
    assert np.all(np.abs(found.log_p - exact) < 4.5 * found.stderr)


def test_grey_is_drawn_once_with_the_seed():
    model, (x, _) = one_dimensional_m1(), builders.examples()
    drawn = likelihood.observations(model, x, None, seed=3)
    assert set(np.unique(drawn)) == {0, 1}
    assert np.any(drawn != likelihood.observations(model, x, None, seed=4))

    of_grey = estimate(model, x, 5, seed=3, batch_size=8)
    of_drawn = estimate(model, drawn, 5, seed=3, batch_size=8)

    np.testing.assert_array_equal(of_grey.log_p, of_drawn.log_p)


def test_a_model_trained_on_grey_is_evaluated_on_grey():
    model, (x, _) = one_dimensional_m1(binarize=False), builders.examples()

    np.testing.assert_array_equal(likelihood.observations(model, x, None, seed=0), x)


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
    assert likelihood.observations(model, x, None, 0).shape == (len(x), 4)


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
    "not built": ({"model": dgm.M1(2, (4,))}, "`model` must be an M1, M2 or StackedM1M2 that has"),
    "no model": ({"model": None}, "`model` must be an M1, M2 or StackedM1M2 .* got None"),
    "not binary": (
        {"model": builders.m1(likelihood="gaussian"), "binarize": True},
        "`binarize` must be None or False under a gaussian likelihood, got True",
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
