"""Virtual adversarial training as a term of M2's and M1+M2's loss, and of no bound."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K, N

from keras_dgm import likelihoods
from keras_dgm.adversarial import adversarial_loss

SMOOTH = {"adversarial_weight": 2.0, "adversarial_radius": 0.5}
# Which no step draws anew.
GREY = likelihoods.Bernoulli(binarize=False)


def smooth(make=builders.m2, **options):
    return make(**SMOOTH, **options)


def with_layer(layer):
    """A classifier of one's own with this layer in it."""
    keras.utils.set_random_seed(0)
    hidden, output = (keras.layers.Dense(size, dtype="float64") for size in (5, K))
    return keras.Sequential([hidden, layer, output])


@pytest.mark.parametrize("training", [True, False])
def test_it_is_a_term_of_the_loss_and_of_no_bound(training):
    """The same for examples with and without a label, in training and in evaluation."""
    model, without = smooth(dtype="float64"), builders.m2(dtype="float64")
    x, y = builders.examples("float64")
    noise, direction = model.sample_noise(N, training)

    output = model.objective(tf.constant(x), tf.constant(y), (noise, direction), training)

    plain = without.objective(tf.constant(x), tf.constant(y), noise, training)
    expected = model.smoothness.loss(lambda r: model.qy_near(tf.constant(x), r), direction)
    np.testing.assert_allclose(output.adversarial_loss, expected, rtol=1e-12)
    assert np.all(expected > 0)
    np.testing.assert_allclose(output.loss, plain.loss + 2 * expected, rtol=1e-12)
    np.testing.assert_array_equal(output.bound.elbo, plain.bound.elbo)
    assert plain.adversarial_loss is None


@pytest.mark.parametrize("make", [builders.adgm, builders.sdgm])
@pytest.mark.parametrize("training", [True, False])
def test_of_an_auxiliary_model_it_is_where_the_labels_train_q_of_y(make, training):
    """At the first a that the bound draws, of q(a|x + r)."""
    model = smooth(make, dtype="float64", num_samples=2)
    x, y = builders.examples("float64")
    noise, direction = model.sample_noise(N, training)

    output = model.objective(tf.constant(x), tf.constant(y), (noise, direction), training)

    def near(r):
        rows = model.augmented(tf.constant(x) + r, noise[0][:, :1])
        return model.qy_ax(rows)

    expected = model.smoothness.loss(near, direction)
    np.testing.assert_allclose(output.adversarial_loss, expected, rtol=1e-9)
    assert np.all(expected > 0)


def test_near_x_at_0_is_q_of_y():
    model = smooth()
    x = model.observe(builders.examples()[0]).location

    near = model.qy_near(x, tf.zeros_like(x))

    np.testing.assert_array_equal(near.logits_parameter(), model.qy_x(x).logits_parameter())


@pytest.mark.parametrize("make", [builders.m2, builders.stacked])
@pytest.mark.parametrize("mode", ["graph", pytest.param("core", marks=pytest.mark.slow)])
def test_an_epoch_reports_it_and_its_loss_holds_it(make, mode):
    """At a learning rate of 0: loss = -elbo + alpha CE + weight * this, of held-out data too."""
    model = builders.compiled(smooth(make), keras.optimizers.SGD(0.0), mode)
    data = builders.examples()

    logs = model.fit(*data, batch_size=7, validation_data=data, verbose=0).history

    for prefix in ("", "val_"):
        elbo, classification, adversarial = (
            logs[prefix + name][0] for name in ("elbo", "classification_loss", "adversarial_loss")
        )
        assert adversarial > 0
        loss = -elbo + 0.1 * classification + 2 * adversarial
        np.testing.assert_allclose(logs[prefix + "loss"][0], loss, rtol=1e-5)
    assert "adversarial_loss" not in make().evaluate(*data, verbose=0, return_dict=True)


@pytest.mark.parametrize("mode", ["core", pytest.param("xla", marks=pytest.mark.slow)])
def test_compiled_steps_are_the_eager_ones(mode, monkeypatch):
    data, histories = builders.examples(), []
    noise = smooth().sample_noise(15)
    for how in ("eager", mode):
        model = builders.compiled(smooth(likelihood=GREY), mode=how)
        monkeypatch.setattr(model, "sample_noise", lambda *_, **__: noise)
        histories.append(model.fit(*data, batch_size=15, verbose=0).history)

    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-4, err_msg=name)


def test_a_sampled_sum_over_classes_has_the_same_term():
    x, y = (tf.constant(part) for part in builders.examples())
    exact, sampled = smooth(), smooth(class_sum=1)
    _, direction = exact.sample_noise(N)
    noise, _ = sampled.sample_noise(N)

    found = sampled.objective(x, y, (noise, direction), True).adversarial_loss

    expected = exact.objective(x, y, (exact.sample_bound_noise(N, True), direction), True)
    np.testing.assert_allclose(found, expected.adversarial_loss, rtol=1e-5)


def test_an_example_of_no_weight_counts_in_nothing():
    x, y = builders.examples()
    weights = np.arange(N) % 2
    model = builders.compiled(smooth(likelihood=GREY), keras.optimizers.SGD(0.0))
    model.fit(x, y, verbose=0)
    drawn = model.draw_normal(N, D)
    model.sample_noise = lambda size, training: (model.draw_normal(size, K, 2), drawn[:size])

    logs = model.evaluate(x, y, sample_weight=weights, batch_size=N, return_dict=True, verbose=0)

    of_each = model.smoothness.loss(lambda r: model.qy_near(tf.constant(x), r), drawn)
    np.testing.assert_allclose(logs["adversarial_loss"], np.mean(of_each[1::2]), rtol=1e-5)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "poisson"])
def test_the_spread_is_that_of_what_the_classifier_sees(likelihood):
    x, y = builders.examples()
    x = np.round(20 * x) if likelihood == "poisson" else x
    model = smooth(likelihood=likelihood)

    model.fit(x, y, verbose=0)

    seen = np.log1p(x) if likelihood == "poisson" else x
    expected = np.sqrt(seen.var(axis=0).sum())
    np.testing.assert_allclose(model.smoothness.spread, expected, rtol=1e-5)


def test_the_spread_of_a_stack_is_that_of_its_active_means():
    x, y = builders.examples()
    model = smooth(builders.stacked, active_dims=None)

    model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(7), verbose=0)

    means = model.m1.embed(x)[:, model.active_dims]
    expected = np.sqrt(means.var(axis=0).sum())
    np.testing.assert_allclose(model.m2.smoothness.spread, expected, rtol=1e-4)


def test_the_measured_spread_scales_r(monkeypatch):
    """x in other units, a classifier to match: the same loss."""
    x = tf.constant(builders.examples("float64")[0])
    found = []
    for factor in (1.0, 50.0):
        model = smooth(likelihood="gaussian", dtype="float64")
        kernel = model.classifier.layers[0].kernel
        kernel.assign(kernel / factor)
        model.measure_spread([model.observe(factor * x)])
        direction = tf.constant(np.random.default_rng(0).normal(size=[N, D]))
        near = lambda r, m=model, f=factor: m.qy_near(f * x, r)  # noqa: E731
        found.append(model.smoothness.loss(near, direction))

    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_missing_entries_and_the_mask_are_not_moved():
    x, y = builders.examples()
    x[np.random.default_rng(0).uniform(size=x.shape) < 0.3] = np.nan
    model = smooth(missing=True)

    inputs, moved = (
        model.view.inputs(tf.constant(x)),
        model.view.inputs_near(tf.constant(x), 1 + 0 * x),
    )

    np.testing.assert_array_equal(inputs, np.concatenate([np.nan_to_num(x), ~np.isnan(x)], axis=1))
    observed = ~np.isnan(x)
    by = observed * np.sqrt(observed.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(moved, inputs + np.concatenate([by, 0 * by], axis=1), rtol=1e-6)
    history = model.fit(x, y, verbose=0).history
    assert history["adversarial_loss"][0] > 0
    filled = np.nan_to_num(x)
    np.testing.assert_allclose(
        model.smoothness.spread, np.sqrt(filled.var(axis=0).sum()), rtol=1e-5
    )


def test_a_row_without_an_entry_has_no_adversary():
    model = smooth(missing=True)
    x = tf.fill([2, D], np.float32(np.nan))

    output = model.objective(x, tf.constant([0, -1]), model.sample_noise(2), True)

    np.testing.assert_array_equal(output.adversarial_loss, [0, 0])


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Dropout(0.5, seed=1, dtype="float64"),
        keras.layers.BatchNormalization(momentum=0.5, dtype="float64"),
    ],
)
def test_layers_that_differ_in_training_do_not_train_in_it(layer):
    """It is of q(y|x) as `predict` gives it; each statistic moves once a step, by what is seen."""
    model = smooth(classifier=with_layer(layer), dtype="float64", likelihood=GREY)
    x, y = builders.examples("float64")
    x, y, noise = tf.constant(x), tf.constant(y), model.sample_noise(N)
    before = [v.numpy() for v in model.classifier.non_trainable_variables]
    evaluated = model.objective(x, y, noise, training=False)
    unchanged = [v.numpy() for v in model.classifier.non_trainable_variables]

    trained = model.objective(x, y, noise, training=True)

    np.testing.assert_allclose(trained.adversarial_loss, evaluated.adversarial_loss, rtol=1e-12)
    for was, is_now in zip(before, unchanged, strict=True):
        np.testing.assert_array_equal(is_now, was)
    if isinstance(layer, keras.layers.BatchNormalization):
        hidden = model.classifier.layers[0](x)
        np.testing.assert_allclose(layer.moving_mean, 0.5 * np.mean(hidden, axis=0), rtol=1e-9)


def test_what_a_layer_adds_to_the_loss_is_of_the_examples():
    """Not of what the perturbation makes of them."""
    layer = keras.layers.Dense(4, activity_regularizer=keras.regularizers.L2(0.5), dtype="float64")
    model = smooth(classifier=with_layer(layer), dtype="float64", likelihood=GREY)
    x, y = builders.examples("float64")

    model.objective(tf.constant(x), tf.constant(y), model.sample_noise(N), training=True)
    (added,) = model.losses

    model.qy_x(tf.constant(x), training=True)
    assert added == model.losses[0] > 0


def test_a_row_of_few_entries_is_moved_less():
    model = smooth(missing=True, dtype="float64", likelihood=GREY)
    x = np.full([2, D], 0.5)
    x[1, 1:] = np.nan

    moved = model.view.inputs_near(tf.constant(x), tf.ones([2, D], tf.float64))
    moved = moved - model.view.inputs(tf.constant(x))

    expected = np.zeros([2, 2 * D])
    expected[0, :D], expected[1, 0] = 1, D**-0.5
    np.testing.assert_allclose(moved, expected)


def test_weights_of_a_model_without_it_warn(tmp_path):
    plain = builders.m2()
    plain.save_weights(tmp_path / "m2.weights.h5")

    with pytest.warns(UserWarning, match="without an adversarial loss"):
        smooth().load_weights(tmp_path / "m2.weights.h5")


def test_mixed_precision():
    found = []
    for dtype in ("float32", "mixed_bfloat16"):
        model = smooth(dtype=dtype, likelihood=GREY)
        model.fit(*builders.examples(), batch_size=10, epochs=2, verbose=0)
        found.append(
            model.evaluate(*builders.examples(), batch_size=N, return_dict=True, verbose=0)
        )

    assert all(np.isfinite(list(logs.values())).all() for logs in found)
    np.testing.assert_allclose(found[1]["adversarial_loss"], found[0]["adversarial_loss"], rtol=0.3)


def test_sparse_data_is_made_dense_first():
    x, y = builders.examples()
    x[x < 0.5] = 0
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(10)
    sparse = batches.map(lambda x, y: (tf.sparse.from_dense(x), y))
    losses = []
    for data in (batches, sparse):
        losses.append(smooth().fit(data, verbose=0).history["loss"])

    assert losses[0] == losses[1]


def test_a_class_without_a_label_stays_at_0():
    x, y = builders.examples()
    model = smooth()

    with pytest.warns(UserWarning, match="no labelled example of class"):
        history = model.fit(x, np.where(y == 2, -1, y), verbose=0).history

    assert np.isfinite(history["adversarial_loss"]).all()


def test_a_saved_model_keeps_its_spread(tmp_path):
    for make in (builders.m2, builders.stacked):
        model = smooth(make)
        model.fit(*builders.examples(), verbose=0)
        model.save(tmp_path / "model.keras")

        loaded = keras.models.load_model(tmp_path / "model.keras")

        for part in {loaded, getattr(loaded, "m2", loaded)}:
            assert part.get_config()["adversarial_weight"] == 2.0
            assert part.get_config()["adversarial_radius"] == 0.5
        spreads = [getattr(m, "m2", m).smoothness.spread.numpy() for m in (loaded, model)]
        assert spreads[0] == spreads[1] != 1.0


def test_it_says_where_it_is_not_finite():
    model = smooth(likelihood="gaussian")
    model.fit(*builders.examples(), verbose=0)
    model.smoothness.measure = lambda parts: model.smoothness.spread.assign(np.inf)

    with pytest.raises(FloatingPointError, match="by the adversarial loss;"):
        model.fit(*builders.examples(), verbose=0)


def test_it_makes_a_classifier_smoother():
    """Labels at random, learned by heart: q(y|x) changes less by a factor of 3 at least."""
    x, _ = builders.examples()
    y = np.random.default_rng(0).integers(0, K, N)
    direction = tf.random.stateless_normal([N, D], [0, 0])
    changes = []
    for weight in (0.0, 10.0):
        options = {"adversarial_weight": weight, "adversarial_radius": 0.3, "alpha": 10.0}
        model = builders.m2(hidden_units=(16,), likelihood="gaussian", **options)
        builders.compiled(model, keras.optimizers.Adam(1e-2), "graph", steps_per_execution=50)
        model.fit(x, y, batch_size=N, steps_per_epoch=300, verbose=0)
        near = lambda r, m=model: m.qy_near(tf.constant(x), r)  # noqa: E731
        changes.append(np.mean(adversarial_loss(near, direction, 0.1)))

    assert changes[1] < changes[0] / 3
