"""Labels before the rest, classes of unlike weight, p(y) from the labels."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize("steps_per_execution", [1, 5])
def test_labels_come_first(steps_per_execution):
    x, y = builders.examples()
    options = {"steps_per_execution": steps_per_execution}
    model = builders.compiled(builders.m2(), mode="graph", **options)

    model.fit(x, y, batch_size=10, labels_first=7, verbose=0)

    assert int(model.optimizer.iterations) == 7 + 3
    assert model.facts.num_examples == len(x)
    np.testing.assert_allclose(model.labeled_fraction, 9 / 30, rtol=1e-6)


def test_the_labels_alone_are_seen_first():
    """A step on them is one of `fit` on the labelled examples."""
    x, y = builders.examples()
    found = []
    for rows in (slice(None), y >= 0):
        model = builders.compiled(builders.m2(), keras.optimizers.SGD(0.1), mode="graph")
        noise = model.sample_noise(9)
        model.sample_noise = lambda *_, noise=noise, **__: noise
        model.sample_observation = lambda observation, training=True: observation.location
        data = builders.batches_of(model, x[rows], y[rows])
        model.learn_facts(data)
        model.fit_labels(model.labeled_part(data, steps=3), batch_size=9, seed=0)
        found.append(builders.weights(model))

    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_dataset_has_no_labels_to_begin_with():
    x, y = builders.examples()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(10)

    with pytest.raises(ValueError, match="`labels_first` must be 0 with a dataset"):
        builders.m2().fit(dataset, labels_first=3)
    with pytest.raises(ValueError, match="`labels_first` must be 0: M1 models no classes"):
        builders.m1().fit(x, labels_first=3)


def test_held_out_labels_are_not_seen_first():
    """The last third has no part in the steps on labels, whatever its labels are."""
    x, y = builders.examples()
    found = []
    for label in (0, 2):
        labels = np.where(np.arange(len(y)) >= 20, label, y)
        model = builders.compiled(builders.m2(), keras.optimizers.SGD(0.1), mode="graph")
        history = model.fit(x, labels, batch_size=20, labels_first=3, validation_split=1 / 3)
        found.append(history.history["loss"])

    assert found[0] == found[1]


def test_epochs_of_steps_go_on_where_they_were_left():
    """Endless batches from the third on are those that follow two."""
    x, y = builders.examples()
    data = builders.batches_of(builders.m2(), x, y)
    data.steps = 2
    whole, rest = (
        [batch[1].numpy() for batch in data.training(7, 0, 0, True, first).take(count)]
        for first, count in ((0, 9), (2, 7))
    )

    np.testing.assert_array_equal(whole[2:], rest)
    assert {len(batch) for batch in whole} == {7}
    assert sorted(np.concatenate(whole)[:30]) == sorted(y)


def test_weights_of_classes_are_those_of_their_examples():
    x, y = builders.examples()
    by_example = np.where(y == 1, 5.0, 1.0)
    losses = [
        builders.compiled(builders.m2(), keras.optimizers.SGD(0.0))
        .fit(x, y, batch_size=30, shuffle=False, verbose=0, **weights)
        .history["loss"]
        for weights in ({"class_weight": {1: 5.0}}, {"sample_weight": by_example})
    ]

    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_bad_weights_of_classes():
    x, y = builders.examples()

    with pytest.raises(ValueError, match="`class_weight` must have integer keys from 0 to 2"):
        builders.m2().fit(x, y, class_weight={3: 1.0})
    with pytest.raises(ValueError, match="`class_weight` must be None: M1 models no classes"):
        builders.m1().fit(x, class_weight={0: 1.0})


def test_an_empirical_prior():
    """(counts + 1) / (N_labelled + K), of the labels that `fit` sees."""
    x, y = builders.examples()
    y = np.where((y == 2) & (np.arange(len(y)) > 3), -1, y)
    model = builders.m2(class_prior="empirical")
    np.testing.assert_allclose(model.py().probs_parameter(), [1 / 3] * 3, rtol=1e-6)

    model.fit(x, y, verbose=0)

    counts = np.bincount(y[y >= 0], minlength=3)
    expected = (counts + 1) / (counts.sum() + 3)
    np.testing.assert_allclose(model.py().probs_parameter(), expected, rtol=1e-6)


def test_an_unknown_prior():
    with pytest.raises(ValueError, match="`class_prior` must be 'empirical', None or numbers"):
        builders.m2(class_prior="balanced")


def test_batches_hold_more_labels_than_their_share_and_weigh_them_less():
    """A mean over the batches is one over the examples; passes go on across batches."""
    x, y = builders.examples()
    model = builders.m2()
    data = builders.batches_of(model, x, y)
    data.steps = 15

    batches = list(data.training(10, 0, 0, True, labels_per_batch=6).take(15))

    seen = np.concatenate([batch[1] for batch in batches]).reshape(15, 10)
    weights = np.concatenate([batch[2] for batch in batches]).reshape(15, 10)
    assert np.all((seen >= 0).sum(axis=1) == 6)
    np.testing.assert_allclose(weights.mean(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(weights[seen >= 0], 0.3 / 0.6, rtol=1e-6)
    # 90 labelled examples are ten passes over 9, so all come equally often.
    rows = np.concatenate([batch[0].location for batch in batches])[seen.ravel() >= 0]
    np.testing.assert_array_equal(np.unique(rows, axis=0, return_counts=True)[1], 10)


def test_where_labels_are_many_batches_hold_their_share():
    x, y = builders.examples()
    data = builders.batches_of(builders.m2(), x, y)
    data.steps = 2

    (batch,) = data.training(10, 0, 0, True, labels_per_batch=3).take(1)

    assert len(batch) == 2 and np.sum(batch[1] >= 0) == 3


def test_the_objective_is_the_same_with_more_labels_in_a_batch():
    """At a rate of 0 and without noise, the mean loss of whole passes over both parts is J."""
    x, y = builders.examples()
    losses = []
    for options in ({}, {"labels_per_batch": 6}):
        model = builders.compiled(builders.m2(), keras.optimizers.SGD(0.0))
        model.draw_normal = lambda *shape: tf.zeros(shape)
        model.sample_observation = lambda observation: observation.location
        # 21 steps: 14 passes over 9 labels, 4 over 21 others.
        history = model.fit(x, y, batch_size=10, steps_per_epoch=21, verbose=0, **options)
        losses.append([history.history[name][0] for name in ("loss", "elbo")])

    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (builders.m2, {"labels_per_batch": 6}, "go with `steps_per_epoch`, got 6"),
        (
            builders.m2,
            {"labels_per_batch": 10, "steps_per_epoch": 2},
            "less than `batch_size`, got 10 and 10",
        ),
        (builders.m2, {"labels_per_batch": 0, "steps_per_epoch": 2}, "got 0"),
        (builders.m1, {"labels_per_batch": 6, "steps_per_epoch": 2}, "without labels"),
    ],
)
def test_labels_that_a_batch_cannot_hold(make, options, message):
    with pytest.raises(ValueError, match=f"`labels_per_batch` .*{message}"):
        make().fit(*builders.data_for(make), batch_size=10, **options)
