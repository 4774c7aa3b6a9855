"""ADGM and SDGM: their bounds by enumeration of y and quadrature over a and z, in float64."""

import itertools

import builders
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K, N
from scipy import special, stats

import keras_dgm as dgm

B = 4
PRIOR = [0.2, 0.3, 0.5]
MAKE = pytest.mark.parametrize("make", [builders.adgm, builders.sdgm])
# Of E[f(noise)] for smooth f: exact for polynomials of degree 79.
POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def tiny(make, **options):
    """A model with a and z of one dimension, its weights far from their start."""
    options = {"latent_dim": 1, "auxiliary_dim": 1, "activation": "tanh", **options}
    model = make(dtype="float64", class_prior=PRIOR, **options)
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign_add(rng.normal(0, 0.3, weight.shape))
    return model


@pytest.fixture
def x():
    return np.random.default_rng(1).uniform(size=[B, D])


# The factors, written out from the weights.


def mlp(network, x):
    hidden, output = network.layers
    h = np.tanh(x @ hidden.kernel.numpy() + hidden.bias.numpy())
    return h @ output.kernel.numpy() + output.bias.numpy()


def conditional(network, x, y):
    hidden = x @ network.from_x.kernel.numpy() + network.from_x.bias.numpy()
    output = network.rest.layers[-1]
    h = np.tanh(hidden + network.from_y.embeddings.numpy()[y])
    return h @ output.kernel.numpy() + output.bias.numpy()


def normal(params):
    mean, log_variance = params[..., :1], params[..., 1:]
    return mean, np.exp(log_variance / 2)


def logpdf(value, params):
    return stats.norm.logpdf(value, *normal(params))[..., 0]


def log_joint(model, x, y, a, z):
    """log p(x, y, a, z) of rows x [R, D], a [R, 1], z [R, 1] and one class."""
    if model.title == "ADGM":
        px, pa = conditional(model.decoder, z, y), [x, z]
    else:
        px, pa = conditional(model.decoder, np.concatenate([a, z], axis=-1), y), [z]
    log_px = np.sum(x * special.log_expit(px) + (1 - x) * special.log_expit(-px), axis=-1)
    log_pa = logpdf(a, conditional(model.auxiliary_decoder, np.concatenate(pa, axis=-1), y))
    return log_px + log_pa + stats.norm.logpdf(z)[:, 0] + np.log(PRIOR[y])


def bounds_at(model, x, a_noise, z_noise):
    """-L(x, y) of every class, [R, K], and q(y|a,x), [R, K], at noise [R, 1] and [R, K, 1]."""
    qa = mlp(model.auxiliary_encoder, x)
    mean, stddev = normal(qa)
    a = mean + stddev * a_noise
    xa = np.concatenate([x, a], axis=-1)
    minus_l = []
    for y in range(K):
        qz = conditional(model.encoder, xa, y)
        mean, stddev = normal(qz)
        z = mean + stddev * z_noise[:, y]
        minus_l.append(log_joint(model, x, y, a, z) - logpdf(a, qa) - logpdf(z, qz))
    return np.stack(minus_l, axis=-1), special.softmax(mlp(model.classifier, xa), axis=-1)


def on_grid(x):
    """Every pair of points of noise for a and z, the same z for all classes, with its weight."""
    a, z = (grid.reshape(-1, 1) for grid in np.meshgrid(POINTS, POINTS, indexing="ij"))
    rows = np.tile(x, [len(a), 1])
    return rows, a, np.repeat(z[:, None], K, axis=1), np.outer(WEIGHTS, WEIGHTS).ravel()


@MAKE
def test_bounds_agree_with_an_enumeration_and_quadrature(make, x):
    """-L(x, y) and -U(x), as expectations over a and z.

    The model's KL[q(z|a,x,y) || p(z)] is exact and ours is of a sample: they agree in expectation.
    """
    model = tiny(make)
    for row in x:
        rows, a_noise, z_noise, weights = on_grid(row)
        minus_l, q = bounds_at(model, rows, a_noise, z_noise)
        minus_u = np.sum(q * (minus_l - np.log(q)), axis=-1)
        for y, expected in [*enumerate(minus_l.T), (-1, minus_u)]:
            noise = tf.constant(a_noise[:, None]), tf.constant(z_noise)
            output = model.objective(
                tf.constant(rows), tf.fill([len(rows)], y), noise, training=False
            )
            np.testing.assert_allclose(
                weights @ output.bound.elbo.numpy(), weights @ expected, rtol=1e-9
            )
            if y >= 0:
                cross_entropy = weights @ -np.log(q[:, y])
                found = weights @ output.cross_entropy.numpy()
                np.testing.assert_allclose(found, cross_entropy, rtol=1e-9)


@MAKE
def test_bounds_are_below_log_p(make, x):
    """-L(x, y) below log p(x, y), and -U(x) below log p(x), of quadrature over the prior."""
    model = tiny(make)
    for row in x:
        rows, a_noise, z_noise, weights = on_grid(row)
        minus_l, q = bounds_at(model, rows, a_noise, z_noise)
        log_p_xy = []
        for y in range(K):
            z = z_noise[:, y]
            seen = np.concatenate([rows, z], axis=-1) if model.title == "ADGM" else z
            pa = conditional(model.auxiliary_decoder, seen, y)
            mean, stddev = normal(pa)
            a = mean + stddev * a_noise
            log_px_y = log_joint(model, rows, y, a, z) - logpdf(a, pa) - stats.norm.logpdf(z)[:, 0]
            log_p_xy.append(special.logsumexp(log_px_y, b=weights))
        expected = weights @ minus_l
        assert np.all(expected < log_p_xy)
        minus_u = weights @ np.sum(q * (minus_l - np.log(q)), axis=-1)
        assert minus_u < special.logsumexp(log_p_xy)


@MAKE
def test_samples_are_averaged(make, x):
    """The rows of an example give the mean of what each gives alone."""
    model = tiny(make, num_samples=3)
    y = tf.constant([0, -1, 2, -1])
    a_noise, z_noise = model.sample_bound_noise(B, True)

    found = model.bounded(tf.constant(x), y, (a_noise, z_noise), True)

    single, parts = tiny(make), []
    of_samples = tf.reshape(z_noise, [B, 3, K, 1])
    for s in range(3):
        noise = a_noise[:, s : s + 1], of_samples[:, s]
        parts.append(single.bounded(tf.constant(x), y, noise, True))
    for name in ("loss", "cross_entropy", "probs"):
        mean = np.mean([getattr(part, name) for part in parts], axis=0)
        np.testing.assert_allclose(getattr(found, name), mean, rtol=1e-12, err_msg=name)


@MAKE
def test_predict_is_the_classifier_at_the_mean_of_a(make, x):
    model = tiny(make)

    probs = model.predict(x.astype(np.float32), verbose=0)

    rows = x.astype(np.float32).astype(np.float64)
    mean, _ = normal(mlp(model.auxiliary_encoder, rows))
    logits = mlp(model.classifier, np.concatenate([rows, mean], axis=-1))
    np.testing.assert_allclose(probs, special.softmax(logits, axis=-1), rtol=1e-6)


@MAKE
def test_generate_is_the_mean_at_the_mean_of_a(make):
    model = tiny(make)
    y, z = np.array([2, 0, 1]), np.random.default_rng(0).normal(size=[3, 1])

    x = model.generate(y, z)

    z = z.astype(np.float32).astype(np.float64)
    for row, label, each in zip(x, y, z, strict=True):
        if model.title == "SDGM":
            a, _ = normal(conditional(model.auxiliary_decoder, each, label))
            each = np.concatenate([a, each])
        expected = special.expit(conditional(model.decoder, each, label))
        np.testing.assert_allclose(row, expected, rtol=1e-6)


@MAKE
def test_the_sampled_sum_over_classes_is_that_of_m2(make, x):
    """With all weight on one class, and the same noise in all, it is the exact sum's value."""
    exact, sampled = tiny(make), tiny(make, class_sum=1)
    for model in (exact, sampled):
        bias = model.classifier.layers[-1].bias
        bias.assign_add([100.0, 0.0, 0.0])
    y = tf.constant([0, -1, 2, -1])
    a, z = exact.sample_bound_noise(B, True)
    z = tf.repeat(z[:, :1], K, axis=1)
    expected = exact.bounded(tf.constant(x), y, (a, z), True)

    found = sampled.bounded(tf.constant(x), y, (a, (z[:, :2], sampled.draw_gumbel(B, K))), True)

    np.testing.assert_allclose(found.bound.elbo, expected.bound.elbo, rtol=1e-12)


@MAKE
def test_a_sampled_sum_over_several_a_is_unbiased(make, x):
    """Value and gradient, over every draw of a class for each of two a of an example.

    Each a has its own q(y|a,x), its likeliest class and its draw from the others.
    """
    S = 2
    exact, sampled = tiny(make, num_samples=S), tiny(make, num_samples=S, class_sum=1)
    y = tf.constant([0, -1, 2, -1])
    a, z = exact.sample_bound_noise(B, True)
    z = tf.repeat(z[:, :1], K, axis=1)  # [B S, K, Z], the same for all classes.

    def gradients(model, noise, weight):
        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            output = model.bounded(tf.constant(x), y, noise, True)
            loss = tf.reduce_sum(weight * output.loss)
        found = tape.gradient(loss, variables, unconnected_gradients="zero")
        return weight * output.loss, [tf.convert_to_tensor(g).numpy() for g in found]

    expected, expected_gradients = gradients(exact, (a, z), tf.ones([B], tf.float64))

    probs = sampled.qy_ax(sampled.augmented(tf.constant(x), a)).probs_parameter().numpy()
    others = np.where(probs == probs.max(axis=-1, keepdims=True), 0, probs)
    others = (others / others.sum(axis=-1, keepdims=True)).reshape(B, S, K)
    values, totals = [], []
    for drawn in itertools.product(range(K), repeat=S):
        gumbel = np.tile(100 * np.eye(K)[list(drawn)], [B, 1])  # As good as certain.
        weight = np.prod([others[:, s, k] for s, k in enumerate(drawn)], axis=0)
        value, found = gradients(sampled, (a, (z[:, :2], tf.constant(gumbel))), weight)
        values.append(value)
        totals.append(found)
    np.testing.assert_allclose(np.sum(values, axis=0), expected, rtol=1e-10)
    for of_draws, whole in zip(zip(*totals, strict=True), expected_gradients, strict=True):
        np.testing.assert_allclose(np.sum(of_draws, axis=0), whole, rtol=1e-8, atol=1e-10)


@MAKE
def test_the_bound_rises_in_training(make):
    x, y = builders.examples()
    model = builders.compiled(make(hidden_units=(8,)), mode="graph", steps_per_execution=50)
    model.optimizer.learning_rate = 1e-2

    history = model.fit(x, y, batch_size=N, steps_per_epoch=100, epochs=2, verbose=0).history

    assert history["elbo"][1] > history["elbo"][0]
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] == 1.0


@MAKE
@pytest.mark.parametrize("labels_per_batch", [None, 20])
def test_unlabelled_batches_are_shuffled(make, labels_per_batch, monkeypatch):
    """Data sorted by class come in no such order: every batch holds all classes, about evenly.

    40 unlabelled rows of each of 3 classes to a batch on average; 15 are 5 deviations below that.
    """
    classes = np.repeat(np.arange(K), 200)
    x = np.full([600, D], 0.5, np.float32)
    x[:, 0] = classes / 2
    y = np.where(np.arange(600) % 200 < 10, classes, -1)
    model = make(likelihood=dgm.likelihoods.Bernoulli(binarize=False))
    objective, seen = model.objective, []

    def watched(x, y, *rest):
        seen.append(np.rint(2 * x[:, 0].numpy()).astype(int)[y.numpy() < 0])
        return objective(x, y, *rest)

    monkeypatch.setattr(model, "objective", watched)
    options = {} if labels_per_batch is None else {"steps_per_epoch": 4}
    model.fit(x, y, batch_size=150, labels_per_batch=labels_per_batch, verbose=0, **options)

    assert len(seen) == 4
    for batch in seen:
        assert np.all(np.bincount(batch, minlength=K) >= 15)
        assert np.any(np.diff(batch) < 0)
        # Of sorted rows the neighbours are alike but for the borders, of shuffled ones a third.
        assert np.mean(np.diff(batch) == 0) < 0.55


@MAKE
def test_what_it_does_not_take(make):
    kind = type(make())
    for name in ("classifier", "encoder", "decoder"):
        with pytest.raises(ValueError, match=f"`{name}` must be None: .* makes its own networks"):
            kind(K, **{name: builders.own_m2_networks()[name]})
    for name in ("auxiliary_dim", "num_samples"):
        with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1, got 0"):
            kind(K, **{name: 0})
    with pytest.raises(dgm.Unsupported, match="a committee teaches an M2 or M1"):
        make().as_m2(builders.examples()[0])
