"""What is reported are means over what there is: in any batches, and of nothing there is none."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import K, N, Z

X, Y = builders.examples()
CLASSES = np.arange(N) % K
NAMES = ["loss", "accuracy", "elbo", "reconstruction", "kl"]
NAMES += ["labeled_elbo", "unlabeled_elbo", "classification_loss"]
OF_LABELS = {"accuracy", "labeled_elbo", "classification_loss"}


def without_noise(model):
    model.draw_normal = lambda *shape: tf.zeros(shape, model.variable_dtype)
    model.sample_observation = lambda observation: observation.location
    return model


def given(kind, *data):
    """The same as arrays, or as a dataset of batches."""
    if kind == "arrays":
        return data
    return (tf.data.Dataset.from_tensor_slices(tuple(p for p in data if p is not None)).batch(8),)


NO_LABELS = {
    "unknown": (np.full(N, -1), None),
    "of no weight": (Y, (Y < 0).astype("float32")),
}


@pytest.mark.parametrize("kind", ["arrays", "dataset"])
@pytest.mark.parametrize("case", NO_LABELS)
def test_without_labels_there_is_no_mean_over_them(case, kind):
    y, weight = NO_LABELS[case]
    model, data = builders.m2(), given(kind, X, y, weight)
    how = {"unknown": ": no", "of no weight": " with a sample weight above 0: no"}[case]
    with pytest.warns(UserWarning, match="`validation_data` holds no labelled example" + how):
        held_out = data if kind == "arrays" else data[0]
        history = model.fit(X, Y, validation_data=held_out, verbose=0).history

    assert set(history) == set(NAMES) | {f"val_{name}" for name in set(NAMES) - OF_LABELS}
    options = {} if kind == "dataset" else {"y": y, "sample_weight": weight}
    with pytest.warns(UserWarning, match="`x` holds no labelled example" + how):
        logs = model.evaluate(data[0], **options, verbose=0, return_dict=True)
    assert set(logs) == set(NAMES) - OF_LABELS


def test_labels_of_no_weight_in_training():
    with pytest.warns(UserWarning, match="`x` holds no labelled example with a sample weight"):
        history = builders.m2().fit(X, Y, sample_weight=(Y < 0) * 1.0, verbose=0).history

    assert set(history) == set(NAMES) - OF_LABELS


@pytest.mark.parametrize("make", [builders.m1, builders.m2])
def test_without_a_weight_there_is_no_mean(make):
    data, weight, model = builders.data_for(make), np.zeros(N), make()
    message = "has sample weights of 0 alone: no mean"
    with pytest.warns(UserWarning, match=f"`x` {message}"):
        history = model.fit(*data, sample_weight=weight, verbose=0).history
    np.testing.assert_equal(history, {"loss": [np.nan]})

    with pytest.warns(UserWarning, match=f"`x` {message}"):
        logs = model.evaluate(*data, sample_weight=weight, verbose=0)
    np.testing.assert_equal(logs, [np.nan] * len(model.metrics_names))
    logs = model.test_on_batch(*data, sample_weight=weight, return_dict=True)
    np.testing.assert_equal(logs, {"loss": np.nan})


def test_a_list_has_the_places_of_the_names():
    model = builders.m2()
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert model.metrics_names == NAMES
    assert set(logs) == set(NAMES)

    found = dict(zip(NAMES, model.evaluate(X[:9], Y[:9], verbose=0), strict=True))

    assert {name for name, value in found.items() if np.isnan(value)} == {"unlabeled_elbo"}
    np.testing.assert_allclose(found["elbo"], found["labeled_elbo"])
    np.testing.assert_allclose(found["elbo"], found["reconstruction"] - found["kl"], rtol=1e-5)


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_a_batch_without_labels(method, mode):
    model, y = builders.compiled(builders.m2(), mode=mode, metrics=["accuracy"]), np.full(N, -1)
    model.learn_facts(builders.batches_of(model, X, Y))

    logs = getattr(model, method)(X, y, return_dict=True)
    values = dict(zip(NAMES, getattr(model, method)(X, y), strict=True))

    assert set(logs) == set(NAMES) - OF_LABELS
    assert {name for name, value in values.items() if np.isnan(value)} == OF_LABELS


@pytest.mark.parametrize(
    ("make", "kind"),
    [(builders.m2, "arrays"), (builders.m2, "dataset"), (builders.stacked, "arrays")],
)
def test_labels_of_a_class_that_had_none_in_training(make, kind):
    """q(y|x) is 0 there: they are no part of the cross-entropy, and errors to the accuracy."""
    model, data = make(), given(kind, X, CLASSES)
    held_out = data if kind == "arrays" else data[0]
    message = f"holds labels of classes that had none in training, {N // K} of class 1: q"
    with pytest.warns(UserWarning, match=f"`validation_data` {message}"):
        fitted = model.fit(X, np.where(Y == 1, -1, Y), validation_data=held_out, verbose=0)
    with pytest.warns(UserWarning, match=f"`x` {message}"):
        logs = model.evaluate(*data, verbose=0, return_dict=True)

    probs, seen = model.predict(X, verbose=0), CLASSES != 1
    expected = -np.log(probs[np.arange(N), CLASSES][seen]).mean()
    found = {name[4:]: v[0] for name, v in fitted.history.items() if name.startswith("val_")}
    for values in (logs, found):
        np.testing.assert_allclose(values["classification_loss"], expected, rtol=1e-5)
        np.testing.assert_allclose(values["loss"], -values["elbo"] + 0.1 * expected, rtol=1e-5)
        np.testing.assert_allclose(values["accuracy"], np.mean(probs.argmax(1) == CLASSES))
    assert model.train_on_batch(X, CLASSES)[0] < 100


@pytest.mark.parametrize("kind", ["arrays", "dataset"])
@pytest.mark.parametrize("batch_size", [4, 7, N])
def test_evaluation_is_of_the_data_not_of_its_batches(batch_size, kind):
    """alpha CE of 9 labels among 30, in an order in which many batches hold none or only them."""
    order = np.random.default_rng(0).permutation(N)
    x, y, labeled = X[order], Y[order], Y[order] >= 0
    model = without_noise(builders.m2(alpha=0.7))
    if kind == "arrays":
        logs = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
    else:
        dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
        logs = model.evaluate(dataset, verbose=0, return_dict=True)

    probs = model.predict(x, verbose=0)
    cross_entropy = -np.log(probs[labeled, y[labeled]]).mean()
    elbo = model.objective(x, y, tf.zeros([N, K, Z]), training=False).bound.elbo.numpy().mean()
    np.testing.assert_allclose(logs["classification_loss"], cross_entropy, rtol=1e-5)
    np.testing.assert_allclose(logs["elbo"], elbo, rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], -elbo + 0.7 * cross_entropy, rtol=1e-5)


def test_the_bounds_of_labelled_and_of_other_examples():
    """-L(x, y) of these and -U(x) = sum_y q(y|x) (-L(x, y)) + H[q(y|x)] of those, weighted."""
    model = builders.compiled(without_noise(builders.m2()), keras.optimizers.SGD(0.0))
    weight = np.random.default_rng(0).uniform(0.5, 2, N).astype("float32")
    minus_l = model.labeled_bound(X, tf.range(K)[None], tf.zeros([N, K, Z])).elbo.numpy()
    q = model.predict(X, verbose=0)
    minus_u = np.sum(q * minus_l - q * np.log(q), axis=1)
    labeled = Y >= 0
    of_labeled = np.average(minus_l[labeled, Y[labeled]], weights=weight[labeled])
    of_others = np.average(minus_u[~labeled], weights=weight[~labeled])

    fitted = model.fit(
        X, Y, sample_weight=weight, validation_data=(X, Y, weight), batch_size=7, verbose=0
    )

    for prefix in ("", "val_"):
        found = {name: fitted.history[prefix + name][0] for name in NAMES if name != "accuracy"}
        np.testing.assert_allclose(found["labeled_elbo"], of_labeled, rtol=1e-5)
        np.testing.assert_allclose(found["unlabeled_elbo"], of_others, rtol=1e-5)
