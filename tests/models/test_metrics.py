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


@pytest.fixture(scope="module", params=[True, False], ids=["eager", "graph"])
def evaluated(request):
    """What `evaluate` reports of every metric at once, and q(y|x)."""
    model = builders.m2()
    own = keras.metrics.MeanMetricWrapper(lambda y, p: keras.ops.cast(y, "float32"), name="own")
    model.compile(
        metrics=[*ONE_HOT, keras.metrics.F1Score("macro"), own],
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


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("binary_accuracy", "BinaryAccuracy"),
        (keras.metrics.BinaryCrossentropy(), "BinaryCrossentropy"),
        (keras.metrics.MeanIoU(K), "MeanIoU"),
        (keras.metrics.Accuracy(), "Accuracy"),
        (keras.metrics.Mean(), "Mean"),
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
