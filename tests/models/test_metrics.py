"""Metrics of classes see y in the form that they want, of the labelled examples alone."""

import builders
import keras
import numpy as np
import pytest
from builders import K
from sklearn import metrics

X, Y = builders.examples()
LABELED = Y >= 0

ONE_HOT = {
    "AUC": lambda y, p: metrics.roc_auc_score(np.eye(K)[y].ravel(), p.ravel()),
    "Precision": lambda y, p: metrics.precision_score(
        np.eye(K)[y], p > 0.5, average="micro", zero_division=0
    ),
    "Recall": lambda y, p: metrics.recall_score(np.eye(K)[y], p > 0.5, average="micro"),
    "categorical_accuracy": lambda y, p: np.mean(p.argmax(1) == y),
    "TopKCategoricalAccuracy": lambda y, p: 1.0,
    "CategoricalCrossentropy": lambda y, p: metrics.log_loss(y, p, labels=range(K)),
    "mse": lambda y, p: np.mean((np.eye(K)[y] - p) ** 2),
    "SparseCategoricalAccuracy": lambda y, p: np.mean(p.argmax(1) == y),
    "accuracy": lambda y, p: np.mean(p.argmax(1) == y),
}
F1 = "f1_score"


class Area(keras.metrics.AUC):
    """It updates as that of Keras does."""


class AreaOfIntegers(keras.metrics.AUC):
    """It has an `update_state` of its own, which sees integers."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), K)
        super().update_state(y_true, y_pred, sample_weight)


def loss(y_true, y_pred):
    return keras.ops.cast(y_true, y_pred.dtype)


@pytest.fixture(scope="module", params=[True, False], ids=["eager", "graph"])
def evaluated(request):
    """What `evaluate` reports of every metric at once, and q(y|x)."""
    model = builders.m2()
    own = keras.metrics.MeanMetricWrapper(lambda y, p: keras.ops.cast(y, "float32"), name="own")
    model.compile(
        metrics=[
            *ONE_HOT,
            keras.metrics.F1Score("macro"),
            own,
            Area(name="area"),
            AreaOfIntegers(name="area_of_integers"),
            keras.losses.CategoricalCrossentropy(label_smoothing=0.1, name="smoothed"),
            keras.losses.SparseCategoricalCrossentropy(name="sparse"),
        ],
        jit_compile=False,
        run_eagerly=request.param,
    )
    logs = model.evaluate(X, Y, batch_size=16, verbose=0, return_dict=True)
    return logs, model.predict(X, verbose=0)


@pytest.mark.parametrize("name", ONE_HOT)
def test_it_is_that_of_scikit_learn(name, evaluated):
    logs, probs = evaluated

    expected = ONE_HOT[name](Y[LABELED], probs[LABELED])
    # Keras sums the area under the curve over 200 thresholds.
    assert logs[name] == pytest.approx(expected, abs=0.02 if name == "AUC" else 1e-5)


def test_the_f1_score(evaluated):
    logs, probs = evaluated

    expected = metrics.f1_score(Y[LABELED], probs[LABELED].argmax(1), average="macro")
    assert logs[F1] == pytest.approx(expected, abs=1e-5)


def test_a_metric_of_ones_own_sees_integers(evaluated):
    assert evaluated[0]["own"] == pytest.approx(Y[LABELED].mean())


def test_a_subclass_is_what_it_updates_as(evaluated):
    assert evaluated[0]["area"] == evaluated[0]["area_of_integers"] == evaluated[0]["AUC"]


def test_a_loss_is_the_metric_of_its_name(evaluated):
    logs, probs = evaluated

    y, p = Y[LABELED], probs[LABELED]
    smoothed = np.mean(-np.sum((0.9 * np.eye(K)[y] + 0.1 / K) * np.log(p), axis=1))
    assert logs["smoothed"] == pytest.approx(smoothed, abs=1e-5)
    assert logs["sparse"] == pytest.approx(metrics.log_loss(y, p, labels=range(K)), abs=1e-5)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (None, "must be metrics of Keras or their names, .*, got None"),
        (metrics.accuracy_score, "must be .*, got <function accuracy_score .*; what takes arrays"),
        (keras.losses.Dice(), "must be metrics, got the loss Dice, of which keras.metrics has"),
        (keras.losses.BinaryCrossentropy(), "must be of K classes .*, got BinaryCrossentropy: use"),
        (keras.metrics.AUC(name="elbo"), "must have names of their own, .*: 'elbo' is reported"),
        (keras.metrics.AUC(name="loss"), "must have names of their own, .*: 'loss' is reported"),
        (loss, "must have names of their own, .*: 'loss' is reported"),
    ],
)
def test_what_is_no_metric_or_hides_one(metric, message):
    with pytest.raises(ValueError, match=f"`metrics` {message}"):
        builders.m2().compile(metrics=[metric])


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("binary_accuracy", "BinaryAccuracy"),
        (keras.metrics.BinaryCrossentropy(), "BinaryCrossentropy"),
        (keras.metrics.MeanIoU(K), "MeanIoU"),
        (keras.metrics.Accuracy(), "Accuracy"),
        (keras.metrics.Mean(), "Mean"),
        (type("Own", (keras.metrics.Mean,), {})(), "Mean"),
    ],
)
def test_metrics_of_something_else_are_refused(metric, name):
    with pytest.raises(ValueError, match=f"`metrics` must be of K classes .*, got {name}: use "):
        builders.m2().compile(metrics=[metric])


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"`metrics` must .* got 'acuracy'"):
        builders.m2().compile(metrics=["acuracy"])


def test_a_loaded_model_has_them(tmp_path):
    model = builders.m2()
    model.compile(metrics=["accuracy", keras.metrics.AUC(name="area")], run_eagerly=True)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    assert loaded.evaluate(X, Y, verbose=0, return_dict=True) == model.evaluate(
        X, Y, verbose=0, return_dict=True
    )
