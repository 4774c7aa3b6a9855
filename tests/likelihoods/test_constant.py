"""The best constant of every likelihood: no other constant is more likely."""

import numpy as np
import pytest
import tensorflow as tf

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

RNG = np.random.default_rng(0)
N = 400
REAL = RNG.normal(1.0, 2.0, [N, 2])
BINARY = (RNG.random([N, 2]) < [0.2, 0.7]).astype(float)
UNIT = RNG.beta(2, 3, [N, 2])
COUNTS = RNG.poisson([2, 5], [N, 2]).astype(float)
OVERDISPERSED = RNG.negative_binomial(2, 0.3, [N, 2]).astype(float)
CATEGORIES = np.eye(3)[RNG.integers(0, 3, N)]

CASES = {
    "Bernoulli": (Bernoulli(), BINARY),
    "Gaussian": (Gaussian(), REAL),
    "fixed": (Gaussian(0.5), REAL),
    "floor": (Gaussian(floor=0.1), REAL),
    "bounded": (BoundedGaussian(), UNIT),
    "bounded fixed": (BoundedGaussian(0.1), UNIT),
    "Categorical": (Categorical([3]), CATEGORIES),
    "Poisson": (Poisson(), COUNTS),
    "Columns": (
        Columns([(Gaussian(), 2), (NegativeBinomial(), 2), (Categorical([3]), 3)]),
        np.concatenate([REAL, OVERDISPERSED, CATEGORIES], axis=1),
    ),
}


def log_prob(likelihood, x, params):
    params = tf.tile(tf.constant(params, tf.float32)[None], [len(x), 1])
    x = tf.constant(x, tf.float32)
    return float(tf.reduce_mean(likelihood(params, x == x).log_prob(x)))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("missing", [False, True])
def test_no_constant_close_by_is_more_likely(case, missing):
    likelihood, x = CASES[case]
    if missing:
        x = np.where(np.arange(N)[:, None] < 40, np.nan, x)
    best = likelihood.constant(x)
    # The moments of a negative binomial are not quite its most likely parameters.
    tolerance = 5e-3 if case == "Columns" else 1e-4

    assert best.shape == (likelihood.params_size(x.shape[1]),)
    for _ in range(5):
        other = best + 0.2 * RNG.normal(size=best.shape)
        assert log_prob(likelihood, x, other) < log_prob(likelihood, x, best) + tolerance


def test_a_column_that_never_varies_has_a_finite_constant():
    zeros = np.zeros([N, 2])
    for likelihood in (
        Bernoulli(),
        Gaussian(),
        Gaussian(floor=0.1),
        BoundedGaussian(),
        Poisson(),
        NegativeBinomial(),
    ):
        assert np.isfinite(log_prob(likelihood, zeros, likelihood.constant(zeros)))


def test_of_a_likelihood_of_one_s_own_it_is_not_known():
    class Own(Likelihood):
        pass

    assert Own().constant(REAL) is None
    assert Columns([(Own(), 1), (Gaussian(), 1)]).constant(REAL) is None
    assert Own().fits(REAL).all()
