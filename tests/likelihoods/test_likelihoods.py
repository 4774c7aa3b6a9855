"""Every likelihood: its density against SciPy, its sizes, its mask, its rules, and training."""

import dataclasses
import json
from collections.abc import Callable

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import K, N, Z
from scipy import special, stats

import keras_dgm as dgm
from keras_dgm import likelihoods
from keras_dgm.likelihoods import (
    Bernoulli,
    BoundedGaussian,
    Categorical,
    Columns,
    Gaussian,
    Likelihood,
    NegativeBinomial,
    Poisson,
)

WIDTH = 6
RNG = np.random.default_rng(0)
REAL = RNG.normal(size=[N, WIDTH])
UNIT = RNG.uniform(size=[N, WIDTH])
COUNTS = RNG.poisson(3.0, [N, WIDTH]).astype(float)


def one_hot(*sizes):
    return np.concatenate([np.eye(n)[RNG.integers(0, n, N)] for n in sizes], axis=1)


def halves(params):
    return np.split(params, 2, axis=-1)


def gaussian(x, params):
    mean, log_variance = halves(params)
    return stats.norm.logpdf(x, mean, np.exp(log_variance / 2))


def floored_gaussian(x, params):
    mean, log_variance = halves(params)
    return stats.norm.logpdf(x, mean, np.sqrt(np.exp(log_variance) + 0.25))


def bounded_gaussian(x, params):
    mean, part = halves(special.expit(params))
    return stats.norm.logpdf(x, mean, 0.01 ** (1 - part))


def categorical(x, logits):
    """Of a whole group, in the place of its first column."""
    density = np.zeros_like(x)
    for start, stop in ((0, 2), (2, 6)):
        log_p = special.log_softmax(logits[:, start:stop], axis=-1)
        density[:, start] = stats.multinomial.logpmf(x[:, start:stop], 1, np.exp(log_p))
    return density


def categorical_mean(logits):
    return np.concatenate([special.softmax(g, axis=-1) for g in np.split(logits, [2], -1)], -1)


def negative_binomial(x, params):
    mean, r = np.exp(halves(params))
    return stats.nbinom.logpmf(x, r, r / (r + mean))


COLUMNS = [
    (Gaussian(), 1), (Bernoulli(), 1), (Categorical([2]), 2), (NegativeBinomial(), 1),
    (BoundedGaussian(0.2), 1),
]  # fmt: skip


def columns(x, params):
    """The decoder's numbers: six that make means, the log variance and the log r."""
    pick = lambda *indices: params[:, list(indices)]  # noqa: E731
    group = special.log_softmax(pick(2, 3), axis=-1)
    return np.concatenate(
        [
            gaussian(x[:, :1], pick(0, 6)),
            stats.bernoulli.logpmf(x[:, 1:2], special.expit(pick(1))),
            np.sum(x[:, 2:4] * group, axis=-1, keepdims=True),
            np.zeros([N, 1]),
            negative_binomial(x[:, 4:5], pick(4, 7)),
            stats.norm.logpdf(x[:, 5:], special.expit(pick(5)), 0.2),
        ],
        axis=1,
    )


def columns_mean(params):
    a, b, c, d, e, f = np.split(params, 6, axis=-1)
    group = special.softmax(np.concatenate([c, d], -1), axis=-1)
    return np.concatenate([a, special.expit(b), group, np.exp(e), special.expit(f)], axis=-1)


@dataclasses.dataclass
class Case:
    """A likelihood over `WIDTH` columns, and what SciPy says of it.

    Attributes:
        log_prob: of x and what the decoder puts out, by entry [N, WIDTH].
        mean: of the first numbers.
        wrong: a value that it is not over.
        groups: columns that are missing together.
    """

    likelihood: Likelihood
    x: np.ndarray
    log_prob: Callable
    mean: Callable
    params_size: int = WIDTH
    wrong: float = np.inf
    groups: tuple = tuple((i,) for i in range(WIDTH))

    def params(self):
        return np.random.default_rng(1).normal(size=[N, self.params_size])


CASES = {
    "Bernoulli": Case(
        Bernoulli(), np.round(UNIT), lambda x, p: stats.bernoulli.logpmf(x, special.expit(p)),
        special.expit, wrong=1.5,
    ),
    "Gaussian": Case(Gaussian(), REAL, gaussian, np.asarray, 2 * WIDTH),
    "Gaussian with a floor": Case(
        Gaussian(floor=0.5), REAL, floored_gaussian, np.asarray, 2 * WIDTH
    ),
    "Gaussian of a fixed scale": Case(
        Gaussian(0.3), REAL, lambda x, p: stats.norm.logpdf(x, p, 0.3), np.asarray
    ),
    "BoundedGaussian": Case(
        BoundedGaussian(), UNIT, bounded_gaussian, special.expit, 2 * WIDTH, wrong=-0.1
    ),
    "BoundedGaussian of a fixed scale": Case(
        BoundedGaussian(0.3), UNIT, lambda x, p: stats.norm.logpdf(x, special.expit(p), 0.3),
        special.expit, wrong=1.1,
    ),
    "Categorical": Case(
        Categorical([2, 4]), one_hot(2, 4), categorical, categorical_mean, wrong=0.5,
        groups=((0, 1), (2, 3, 4, 5)),
    ),
    "Poisson": Case(
        Poisson(), COUNTS, lambda x, p: stats.poisson.logpmf(x, np.exp(p)), np.exp, wrong=0.5
    ),
    "NegativeBinomial": Case(
        NegativeBinomial(), COUNTS, negative_binomial, np.exp, 2 * WIDTH, wrong=-1.0
    ),
    "Columns": Case(
        Columns(COLUMNS),
        np.concatenate(
            [REAL[:, :1], np.round(UNIT[:, :1]), one_hot(2), COUNTS[:, :1], UNIT[:, 1:2]], axis=1
        ),
        columns, columns_mean, WIDTH + 2, groups=((0,), (1,), (2, 3), (4,), (5,)),
    ),
}  # fmt: skip
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_every_likelihood_has_a_case():
    exported = [getattr(likelihoods, name) for name in likelihoods.__all__]
    classes = {c for c in exported if isinstance(c, type) and issubclass(c, Likelihood)}
    classes.remove(Likelihood)

    assert {type(case.likelihood) for case in CASES.values()} == classes


@EVERY
def test_the_density_is_that_of_scipy(case):
    px = case.likelihood(tf.constant(case.params()))

    assert px.event_shape == [WIDTH] and px.batch_shape == [N]
    expected = case.log_prob(case.x, case.params()).sum(axis=-1)
    np.testing.assert_allclose(px.log_prob(case.x), expected, rtol=1e-9)
    np.testing.assert_allclose(px.log_prob(tf.constant(case.x)), expected, rtol=1e-9)


@EVERY
def test_the_sizes_and_the_mean(case):
    """A deployed decoder puts out no more than the mean is made of."""
    likelihood, params = case.likelihood, case.params()

    assert likelihood.params_size(WIDTH) == case.params_size
    assert likelihood.mean_size(WIDTH) == WIDTH
    mean = likelihood.mean(tf.constant(params[:, :WIDTH]))
    np.testing.assert_allclose(mean, case.mean(params[:, :WIDTH]), rtol=1e-10)


@EVERY
def test_samples_are_of_this_mean_and_are_accepted(case):
    """Within 5 standard errors; those of a Gaussian may leave [0, 1]."""
    params = tf.constant(case.params()[:1])
    drawn = case.likelihood(params).sample(20_000, seed=1)[:, 0].numpy()

    expected = case.mean(params.numpy()[:, :WIDTH])[0]
    assert np.all(np.abs(drawn.mean(axis=0) - expected) < 5 * drawn.std(axis=0) / 20_000**0.5)
    if "Bounded" not in repr(case.likelihood):
        assert np.all(case.likelihood.accepts(drawn))


@EVERY
def test_a_missing_entry_adds_nothing(case):
    """Exactly 0 to log p and to the gradient of every number, whatever stands in its place."""
    observed = np.ones([N, WIDTH], bool)
    for row, group in enumerate(case.groups):
        observed[row :: len(case.groups), list(group)] = False
    params = tf.constant(case.params())

    def log_prob(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(params)
            value = case.likelihood(params, mask).log_prob(tf.constant(x))
        return value.numpy(), tape.gradient(value, params).numpy()

    density = case.log_prob(case.x, params.numpy())
    for hidden in (np.nan, 0.0, 1.0):
        x = np.where(observed, case.x, hidden)
        value, gradient = log_prob(x, tf.constant(observed))

        expected = np.where(observed, density, 0).sum(axis=-1)
        np.testing.assert_allclose(value, expected, rtol=1e-9)
        assert np.all(gradient[:, :WIDTH][~observed] == 0)
        of_all = log_prob(case.x, None)[1][:, :WIDTH]
        np.testing.assert_allclose(gradient[:, :WIDTH][observed], of_all[observed], rtol=1e-8)
    nothing, gradient = log_prob(np.full([N, WIDTH], np.nan), tf.zeros([N, WIDTH], tf.bool))
    assert np.all(nothing == 0) and np.all(gradient == 0)


@EVERY
def test_it_accepts_its_data_entry_by_entry(case):
    x = case.x.copy()
    assert np.all(case.likelihood.accepts(x))
    x[3, 0] = case.wrong

    for array in (x, x.astype(np.float32), tf.constant(x)):
        accepted = np.asarray(case.likelihood.accepts(array))
        assert accepted.shape == x.shape and accepted.dtype == bool
        assert not accepted[3, 0] and np.all(accepted[:3]) and np.all(accepted[4:])
    for value in (np.nan, -np.inf):
        x[3, 0] = value
        assert not np.asarray(case.likelihood.accepts(x))[3, 0]


@EVERY
def test_a_config_brings_it_back(case):
    stored = json.dumps(keras.saving.serialize_keras_object(case.likelihood))

    again = keras.saving.deserialize_keras_object(json.loads(stored))

    assert type(again) is type(case.likelihood) and repr(again) == repr(case.likelihood)
    params = tf.constant(case.params())
    np.testing.assert_array_equal(
        again(params).log_prob(case.x), case.likelihood(params).log_prob(case.x)
    )


@EVERY
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_nothing_is_computed_in_half_precision(case, dtype):
    px = case.likelihood(tf.cast(case.params(), dtype))

    assert px.log_prob(case.x.astype(np.float32)).dtype == tf.float32


@EVERY
@pytest.mark.parametrize("size", [-1e6, -30.0, 30.0, 1e6])
def test_numbers_far_out_are_finite_and_have_a_finite_gradient(case, size):
    params = tf.fill([N, case.params_size], tf.constant(size))
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = case.likelihood(params).log_prob(case.x.astype(np.float32))

    assert np.isfinite(value).all() and np.isfinite(tape.gradient(value, params)).all()
    assert np.isfinite(case.likelihood.mean(params[:, :WIDTH])).all()


@EVERY
@pytest.mark.parametrize("make", [builders.m1, builders.m2])
def test_models_train_with_it(make, case):
    x = case.x.astype(np.float32)
    y = (np.arange(N) % K,) if make is builders.m2 else ()
    model = builders.compiled(make(likelihood=case.likelihood), keras.optimizers.Adam(0.1))

    history = model.fit(x, *y, batch_size=N, epochs=10, verbose=0).history

    elbo = history["elbo"]
    assert np.isfinite(elbo).all() and np.mean(elbo[-3:]) > np.mean(elbo[:3])
    z = np.random.default_rng(0).normal(size=[K, Z])
    made = model.generate(np.arange(K), z) if y else model.generate(z)
    assert made.shape == (K, WIDTH) and np.isfinite(made).all()
    wrong = x.copy()
    wrong[3, 0] = case.wrong
    with pytest.raises(ValueError, match="`x` must"):
        model.fit(wrong, *y, verbose=0)


def test_names():
    for name, kind in likelihoods.NAMES.items():
        assert type(likelihoods.get(name)) is kind
    own = Gaussian(0.1)
    assert likelihoods.get(own) is own


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: likelihoods.get("normal"), "`likelihood` must be one of .* got 'normal'"),
        (lambda: likelihoods.get(None), "`likelihood` must be one of .* got no value"),
        *((lambda s=s: Gaussian(s), f"`scale` must be positive and finite, got {s}")
          for s in (0.0, -1.0, float("nan"), float("inf"))),
        (lambda: BoundedGaussian(0.0), "`scale` must be positive and finite, got 0.0"),
        (lambda: Categorical([]), "`sizes` must be a sequence of at least 1"),
        (lambda: Categorical([3, 1]), r"`sizes` must be integers of at least 2, got \[3, 1\]"),
        (lambda: Categorical([3]).params_size(4), r"`sizes` must add up to 4 columns, got \(3,\)"),
        (lambda: Columns([]), "`parts` must hold at least one likelihood"),
        (lambda: Columns([("gaussian", 2)]), "`parts` must hold likelihoods, got 'gaussian'"),
        (lambda: Columns([(Poisson(), 0)]), "`parts` must be an integer of at least 1, got 0"),
        (lambda: Columns([(Poisson(), 2)]).params_size(3), r"`parts` must be over 3 columns"),
    ],
)  # fmt: skip
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_rule_of_columns_names_the_column():
    likelihood = Columns([(Gaussian(), 2), (Bernoulli(), 3)])

    with pytest.raises(ValueError, match=r"be finite in columns 0 to 1; lie in \[0, 1\] in .* 4"):
        dgm.M1(Z, (4,), likelihood=likelihood).check_features(np.full([2, 5], 2.0))


@pytest.mark.parametrize("log_r", [9.0, 20.0, 1e6])
def test_a_negative_binomial_becomes_a_poisson_in_float32_too(log_r):
    """Their densities differ by about x^2 / r."""
    log_mean = np.linspace(-1, 3, WIDTH, dtype=np.float32)
    params = tf.constant(np.r_[log_mean, np.full(WIDTH, log_r, np.float32)])
    x = np.arange(WIDTH, dtype=np.float32)

    found = NegativeBinomial()(params).log_prob(x)

    expected = stats.poisson.logpmf(x, np.exp(log_mean)).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-2)
