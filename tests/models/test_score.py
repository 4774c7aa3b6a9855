"""`model.score`: a bound, the same whenever asked, and its percentile among validation data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm.models import score
from tests.models import builders
from tests.models.builders import D, LinearGaussian, examples

MODELS = {
    "M1": builders.m1,
    "M2": builders.m2,
    "M1+M2": builders.stacked,
    "ADGM": builders.adgm,
    "SDGM": builders.sdgm,
}
X, _ = examples()


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    model = MODELS[request.param]()
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape, scale=0.3))
    return model


def scores(model, count=20):
    """The scores of X by so many other draws of eps: their mean, and its standard error, [N]."""
    draws = []
    with pytest.MonkeyPatch.context() as patch:
        for seed in range(count):
            patch.setattr(score, "SEED", (seed, 1))
            draws.append(model.score.bound(tf.constant(X)))
    return np.mean(draws, axis=0), np.std(draws, axis=0, ddof=1) / np.sqrt(count)


def test_its_mean_over_eps_lies_below_log_p(model):
    found, stderr = scores(model)
    log_p = dgm.evaluation.log_likelihood(
        model, X, 1000, binarize=False, jit_compile=False, verbose=0
    )

    assert np.all(found < log_p.log_p + 5 * np.hypot(stderr, log_p.stderr))


def test_its_mean_over_eps_lies_above_the_bound_of_m2():
    model = builders.m2()
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape, scale=0.5))
    found, stderr = scores(model)
    x, unknown = model.observe(X).location, np.full(len(X), -1, np.int32)
    elbos = [
        model.objective(x, unknown, model.sample_noise(len(X), False), False).bound.elbo
        for _ in range(50)
    ]

    more = found - np.mean(elbos, axis=0)
    margin = np.hypot(stderr, np.std(elbos, axis=0, ddof=1) / np.sqrt(50))
    assert np.all(more > -5 * margin) and np.mean(more) > 0


def test_its_mean_over_eps_is_the_bound_of_a_linear_gaussian_model():
    known = LinearGaussian()
    known.encode(shift=0.3, log_variance=0.5)
    draws = []
    with pytest.MonkeyPatch.context() as patch:
        for seed in range(100):
            patch.setattr(score, "SEED", (seed, 1))
            draws.append(known.model.score.bound(tf.constant(known.x)))

    stderr = np.std(draws, axis=0, ddof=1) / np.sqrt(len(draws))
    np.testing.assert_array_less(np.abs(np.mean(draws, axis=0) - known.elbo()), 5 * stderr)
    assert np.all(stderr < 0.1) and np.all(known.elbo() < known.log_p() - 0.05)


def test_an_exact_posterior_makes_it_log_p():
    known = LinearGaussian()

    np.testing.assert_allclose(known.model.score(known.x), known.log_p(), atol=1e-6)


def test_a_row_is_scored_alone_and_always_the_same(model):
    together = model.score(X)

    np.testing.assert_allclose(model.score(X, batch_size=7), together, rtol=1e-5)
    np.testing.assert_allclose(model.score(X[3:4]), together[3:4], rtol=1e-5)


def test_percentiles_are_those_of_validation_data(model):
    with pytest.raises(ValueError, match="`rank_among` must be called"):
        MODELS["M1"]().score.percentiles(X)

    model.score.rank_among(X)
    scores = model.score(X)
    found = model.score.percentiles(X)

    assert model.score.num_examples == len(X)
    ranks = 100 * np.argsort(np.argsort(scores)) / (len(X) - 1)
    np.testing.assert_allclose(found, ranks, atol=2)  # Of near ties; one rank is 3.4.
    beyond = np.array([scores.min() - 1, scores.max() + 1], np.float32)
    assert model.score.rank(beyond).tolist() == [0, 100]
    for values in (scores, beyond, scores + 0.01):
        graph = model.score.percentile(tf.constant(values, tf.float32))
        np.testing.assert_allclose(graph, model.score.rank(values), atol=0.01)


def test_equal_scores_have_percentiles():
    model = builders.m1()
    model.score.rank_among(np.repeat(X[:1], 5, axis=0))
    (same,) = model.score(X[:1])
    found = model.score.percentile(tf.constant([same - 1, same + 1], tf.float32))

    assert found.numpy().tolist() == [0, 100]


def test_the_table_is_saved(model, tmp_path):
    model.score.rank_among(X)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    assert loaded.score.num_examples == len(X)
    np.testing.assert_allclose(loaded.score.percentiles(X), model.score.percentiles(X), atol=0.1)


def test_without_validation_data_there_is_no_percentile():
    endpoint = builders.m2().endpoints()["score"]

    assert set(endpoint.function(tf.constant(X))) == {"score"}
    assert set(endpoint.reference(X)) == {"score"}


def test_what_has_no_score_says_so():
    with pytest.raises(dgm.Unsupported, match="log p"):
        builders.conditional().score(X)
    with pytest.raises(ValueError, match="`x` must have"):
        builders.m1().score(X[:, : D - 1])
    with pytest.raises(ValueError, match="`x` must"):
        builders.m1().score.rank_among(X[:0])
