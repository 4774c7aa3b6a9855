"""M2: L(x, y) and U(x) against an enumeration in NumPy, and what a trained model is for."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K, Z
from scipy import special, stats

from keras_dgm import likelihoods

B = 5
PRIOR = [0.2, 0.3, 0.5]
LIKELIHOODS = [
    {"likelihood": "bernoulli"},
    {"likelihood": "gaussian"},
    {"likelihood": likelihoods.Gaussian(0.25), "class_prior": PRIOR},
]


def conditional_mlp(layer, x, y):
    """softplus(W x + V[y] + b), then a linear layer, of one vector and one class."""
    hidden = x @ layer.from_x.kernel.numpy() + layer.from_x.bias.numpy()
    hidden = np.logaddexp(hidden + layer.from_y.embeddings.numpy()[y], 0)
    output = layer.rest.layers[-1]
    return hidden @ output.kernel.numpy() + output.bias.numpy()


def log_likelihood(model, x, params):
    if isinstance(model.likelihood, likelihoods.Bernoulli):
        return np.sum(x * special.log_expit(params) + (1 - x) * special.log_expit(-params))
    if model.likelihood.scale is not None:
        return stats.norm.logpdf(x, params, model.likelihood.scale).sum()
    mean, log_variance = np.split(params, 2)
    return stats.norm.logpdf(x, mean, np.exp(log_variance / 2)).sum()


def minus_l(model, x, y, noise):
    """-L(x, y) of one example and one class, written out."""
    mean, log_variance = np.split(conditional_mlp(model.encoder, x, y), 2)
    z = mean + np.exp(log_variance / 2) * noise
    kl = 0.5 * np.sum(mean**2 + np.exp(log_variance) - log_variance - 1)
    prior = model.class_prior or [1 / K] * K
    params = conditional_mlp(model.decoder, z, y)
    return log_likelihood(model, x, params) + np.log(prior[y]) - kl


def q_of_y(model, x):
    hidden, output = model.classifier.layers
    h = np.logaddexp(x @ hidden.kernel.numpy() + hidden.bias.numpy(), 0)
    return special.softmax(h @ output.kernel.numpy() + output.bias.numpy())


@pytest.fixture(params=LIKELIHOODS, ids=["bernoulli", "gaussian", "fixed scale and prior"])
def model(request):
    return builders.m2(dtype="float64", **request.param)


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(size=[B, D])


@pytest.fixture
def noise():
    return np.random.default_rng(1).normal(size=[B, K, Z])


def test_bounds_agree_with_an_enumeration(model, x, noise):
    """L(x, y) of labelled examples, U(x) of the others: sum_y q (-L) - sum_y q log q."""
    y = np.array([0, -1, 2, -1, 1])
    enumerated = np.array(
        [[minus_l(model, x[i], k, noise[i, k]) for k in range(K)] for i in range(B)]
    )
    q = np.array([q_of_y(model, x[i]) for i in range(B)])
    minus_u = np.sum(q * enumerated - q * np.log(q), axis=-1)
    expected = np.where(y >= 0, enumerated[np.arange(B), y], minus_u)

    model.labeled_fraction.assign(3 / B)

    output, evaluated = (
        model.objective(tf.constant(x), tf.constant(y), tf.constant(noise), training=training)
        for training in (True, False)
    )

    np.testing.assert_allclose(output.bound.elbo, expected, rtol=1e-9)
    np.testing.assert_allclose(output.probs, q, rtol=1e-9)
    cross_entropy = -np.log(q[np.arange(B), y])
    np.testing.assert_allclose(output.cross_entropy[::2], cross_entropy[::2], rtol=1e-9)
    loss = -expected + np.where(y >= 0, 0.1 * B / 3 * cross_entropy, 0)
    np.testing.assert_allclose(output.loss, loss, rtol=1e-7)  # 3 / B is a float32
    # Evaluation takes the mean of what a label adds over the labelled examples alone.
    np.testing.assert_allclose(evaluated.loss, -expected, rtol=1e-9)
    np.testing.assert_allclose(evaluated.labeled_loss[::2], 0.1 * cross_entropy[::2], rtol=1e-9)


def test_minus_u_is_below_the_log_sum_of_minus_l(model, x, noise):
    x, noise = tf.constant(x), tf.constant(noise)
    log_sum = tf.reduce_logsumexp(model.labeled_bound(x, np.arange(K)[None], noise).elbo, axis=-1)

    minus_u = model.objective(x, tf.fill([B], -1), noise, training=False).bound.elbo

    assert np.all(minus_u < log_sum)


def test_minus_u_reaches_the_log_sum_where_the_classifier_is_the_posterior(model, x, noise):
    x, noise = tf.constant(x[:1]), tf.constant(noise[:1])
    minus_l = model.labeled_bound(x, np.arange(K)[None], noise).elbo
    output = model.classifier.layers[-1]
    output.kernel.assign(tf.zeros_like(output.kernel))
    output.bias.assign(minus_l[0])

    minus_u = model.objective(x, tf.constant([-1]), noise, training=False).bound.elbo

    np.testing.assert_allclose(minus_u, tf.reduce_logsumexp(minus_l, axis=-1), rtol=1e-12)


def test_p_of_y_is_uniform_or_as_given():
    np.testing.assert_allclose(builders.m2().py().probs_parameter(), [1 / K] * K, rtol=1e-6)
    prior = builders.m2(class_prior=PRIOR).py().probs_parameter()
    np.testing.assert_allclose(prior, PRIOR, rtol=1e-6)


@pytest.fixture(scope="module")
def trained():
    model = builders.m2()
    model.fit(*builders.examples(), batch_size=10, epochs=2, verbose=0)
    return model


def test_predict_gives_q_of_y(trained):
    x, _ = builders.examples()

    probs = trained.predict(x, verbose=0)

    np.testing.assert_allclose(probs, [q_of_y(trained, row) for row in x], rtol=1e-4)
    np.testing.assert_allclose(trained(x), probs, rtol=1e-6)


def test_embed_averages_the_codes_of_all_classes(trained):
    x, _ = builders.examples()

    embedded = trained.embed(x, batch_size=7)

    expected = []
    for row in x:
        means = [conditional_mlp(trained.encoder, row, k)[:Z] for k in range(K)]
        expected.append(q_of_y(trained, row) @ np.array(means))
    np.testing.assert_allclose(embedded, expected, rtol=1e-4, atol=1e-5)


def test_generate_is_the_mean_of_p_of_x(trained):
    y = np.array([2, 0, 1, 1])
    z = np.random.default_rng(0).normal(size=[4, Z])

    x = trained.generate(y, z, batch_size=3)

    expected = [special.expit(conditional_mlp(trained.decoder, z[i], y[i])) for i in range(4)]
    np.testing.assert_allclose(x, expected, rtol=1e-4)


def test_generate_draws_a_fresh_z(trained):
    x, again = trained.generate([1, 1]), trained.generate([1, 1])

    assert x.shape == (2, D)
    assert np.all((x > 0) & (x < 1))
    assert not np.allclose(x, again)
    assert not np.allclose(x[0], x[1])


def test_analogies_keep_the_style_and_change_the_class(trained):
    """z is that of the example's own class, given or predicted; every class decodes it."""
    x, _ = builders.examples()
    given = np.arange(len(x)) % K
    given[::2] = -1
    y = np.where(given >= 0, given, trained.predict(x, verbose=0).argmax(axis=-1))

    images = trained.analogies(x, given, batch_size=11)

    assert images.shape == (len(x), K, D)
    for i, row in enumerate(x):
        z = conditional_mlp(trained.encoder, row, y[i])[:Z]
        expected = [special.expit(conditional_mlp(trained.decoder, z, k)) for k in range(K)]
        np.testing.assert_allclose(images[i], expected, rtol=1e-4)
    np.testing.assert_allclose(trained.analogies(x[::2]), images[::2], rtol=1e-5)


@pytest.mark.parametrize("likelihood", [{}, {"likelihood": "gaussian"}])
def test_own_networks(likelihood):
    x, y = builders.examples()
    networks = builders.own_m2_networks(params_size=2 * D if likelihood else D)
    model = builders.m2(**networks, **likelihood)
    before = builders.weights(model)

    model.fit(x, y, verbose=0)

    owned = {id(w) for network in networks.values() for w in network.weights}
    assert {id(w) for w in model.weights} == owned
    for was, weight in zip(before, model.weights, strict=True):
        assert np.any(was != weight.numpy()), weight.path
    expected = special.softmax(networks["classifier"](x), axis=-1)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    z = np.ones([K, Z], np.float32)
    mean = networks["decoder"]([z, np.eye(K, dtype=np.float32)])[:, :D]
    mean = mean if likelihood else special.expit(mean)
    np.testing.assert_allclose(model.generate(np.arange(K), z), mean, rtol=1e-5)


def test_a_preprocessor_stands_between_x_and_the_model():
    """The model is of the components; pictures come back in the space of x."""
    x, y = builders.examples()
    model = builders.m2(likelihood="gaussian", preprocessor=builders.adapted_pca(4))

    model.fit(x, y, verbose=0)

    assert model.encoder.from_x.kernel.shape[0] == 4
    assert model.predict(x, verbose=0).shape == (len(x), K)
    assert model.generate([0, 1]).shape == (2, D)
    assert model.analogies(x[:2]).shape == (2, K, D)
