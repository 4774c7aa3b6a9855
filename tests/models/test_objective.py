"""The loss of a batch: J^alpha / N, an unbiased estimate whatever the batch holds."""

import itertools

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

EXAMPLES = 5
Y = np.array([0, -1, 2, -1, -1])


@pytest.fixture
def setting():
    model = builders.m2(dtype="float64")
    model.labeled_fraction.assign(2 / EXAMPLES)
    x = tf.constant(np.random.default_rng(0).uniform(size=[EXAMPLES, builders.D]))
    return model, x, tf.constant(Y, tf.int32), model.sample_noise(EXAMPLES)


def test_the_mean_over_all_examples_is_equation_9(setting):
    model, x, y, noise = setting

    output = model.objective(x, y, noise, training=True)

    labeled = y >= 0
    minus_l = tf.boolean_mask(output.bound.elbo, labeled)
    minus_u = tf.boolean_mask(output.bound.elbo, ~labeled)
    cross_entropy = tf.boolean_mask(output.cross_entropy, labeled)
    alpha = 0.1 * EXAMPLES
    j_alpha = -np.sum(minus_l) - np.sum(minus_u) + alpha * np.mean(cross_entropy)
    np.testing.assert_allclose(np.mean(output.loss), j_alpha / EXAMPLES, rtol=1e-7)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_average_over_all_batches_is_the_full_objective(setting, batch_size):
    """Value and gradient, with the same noise for an example; many batches hold no label."""
    model, x, y, noise = setting
    batches = [list(b) for b in itertools.combinations(range(EXAMPLES), batch_size)]
    assert any(np.all(Y[batch] < 0) for batch in batches)

    def loss(indices):
        of_batch = tf.gather(x, indices), tf.gather(y, indices), builders.rows(noise, indices)
        return tf.reduce_mean(model.objective(*of_batch, training=True).loss)

    with tf.GradientTape(persistent=True) as tape:
        average = tf.reduce_mean([loss(batch) for batch in batches])
        full = loss(list(range(EXAMPLES)))

    np.testing.assert_allclose(average, full, rtol=1e-12)
    for variable in model.trainable_variables:
        found, expected = (
            tf.convert_to_tensor(tape.gradient(value, variable)) for value in (average, full)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=variable.path)


def test_the_sampled_sum_over_classes_is_unbiased(setting):
    """Value and gradient of its expectation over the class drawn, z's noise being one per example.

    The likeliest class is always in the sum; of the others each is drawn in proportion to q(y|x).
    """
    exact, x, y, _ = setting
    K = builders.K
    model = builders.m2(dtype="float64", class_sum=1)  # the same weights
    model.labeled_fraction.assign(exact.labeled_fraction)
    noise = tf.constant(np.random.default_rng(1).normal(size=[EXAMPLES, 1, builders.Z]))
    q = exact.qy_x(x).probs_parameter().numpy()
    order = np.argsort(-q, axis=-1)  # [N, K], the likeliest first
    others = np.take_along_axis(q, order[:, 1:], axis=-1)
    chances = others / others.sum(axis=-1, keepdims=True)

    with tf.GradientTape(persistent=True) as tape:
        all_classes = exact.objective(x, y, tf.repeat(noise, K, axis=1), training=True).loss
        expected = tf.reduce_sum(all_classes)
        mean = 0.0
        for rank in range(K - 1):
            gumbel = tf.one_hot(order[:, 1 + rank], K, on_value=1e6, dtype=tf.float64)
            drawn = model.objective(x, y, (tf.repeat(noise, 2, axis=1), gumbel), training=True)
            mean += tf.reduce_sum(chances[:, rank] * drawn.loss)

    np.testing.assert_allclose(mean, expected, rtol=1e-12)
    for sampled, summed in zip(model.trainable_variables, exact.trainable_variables, strict=True):
        found = tf.convert_to_tensor(tape.gradient(mean, sampled))
        gradient = tf.convert_to_tensor(tape.gradient(expected, summed))
        np.testing.assert_allclose(found, gradient, rtol=1e-9, atol=1e-12, err_msg=summed.path)


@pytest.mark.parametrize("batch_size", [4, 7, 30])
def test_an_epoch_of_fit_reports_j_alpha(batch_size):
    """At a learning rate of 0, in any batches (7 does not divide 30): loss = -elbo + alpha CE.

    An epoch's `loss` weighs batches by their size, and `classification_loss` is the mean over the
    labelled examples, so that this holds to float32's precision.
    """
    model = builders.compiled(builders.m2(alpha=0.7), keras.optimizers.SGD(0.0))

    history = model.fit(*builders.examples(), batch_size=batch_size, epochs=2, verbose=0).history

    for epoch in range(2):
        logs = {name: values[epoch] for name, values in history.items()}
        expected = -logs["elbo"] + 0.7 * logs["classification_loss"]
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)
        np.testing.assert_allclose(logs["elbo"], logs["reconstruction"] - logs["kl"], rtol=1e-5)


@pytest.mark.parametrize("make", [builders.m1, builders.m2])
def test_the_weight_prior_adds_its_share_an_example(make):
    """-log N(weights; 0, 1) / N, in training and in evaluation."""
    x, y = builders.examples()
    y = None if make is builders.m1 else y
    losses = []
    for weight_prior in (False, True):
        model = builders.compiled(make(weight_prior=weight_prior), keras.optimizers.SGD(0.0))
        trained = model.fit(x, y, batch_size=7, verbose=0).history["loss"][0]
        losses.append((trained, model.evaluate(x, y, verbose=0, return_dict=True)["loss"]))
    log_prior = sum(stats.norm.logpdf(w.numpy()).sum() for w in model.trainable_variables)

    (trained, evaluated), (trained_with_prior, evaluated_with_prior) = losses
    share = -log_prior / len(x)
    np.testing.assert_allclose(trained_with_prior - trained, share, rtol=1e-4)
    np.testing.assert_allclose(evaluated_with_prior - evaluated, share, rtol=1e-4)


def test_sample_weights_scale_the_loss_of_an_example():
    x, _ = builders.examples()
    weight = np.where(np.arange(len(x)) < 15, 2.0, 0.0)
    model = builders.compiled(builders.m1(), keras.optimizers.SGD(0.0))
    state = model.seed_generator.state.numpy()

    history = model.fit(x, sample_weight=weight, shuffle=False, batch_size=15, verbose=0).history

    model.seed_generator.state.assign(state)
    first_half = model.fit(x[:15], shuffle=False, batch_size=15, verbose=0).history
    np.testing.assert_allclose(history["loss"], first_half["loss"], rtol=1e-5)


def test_evaluation_weighs_the_labels_of_what_is_evaluated():
    """alpha CE of held-out examples, all labelled, however few labels training had."""
    x, y = builders.examples()
    model = builders.m2(alpha=0.7)
    model.fit(x, y, verbose=0)

    logs = model.evaluate(x[:9], y[:9], batch_size=4, verbose=0, return_dict=True)

    expected = -logs["elbo"] + 0.7 * logs["classification_loss"]
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


def test_evaluation_without_labels_is_the_bound():
    x, y = builders.examples()
    model = builders.m2()
    model.fit(x, y, verbose=0)

    logs = model.evaluate(x, np.full(len(x), -1), batch_size=8, verbose=0, return_dict=True)

    np.testing.assert_allclose(logs["loss"], -logs["elbo"], rtol=1e-6)
