"""Metrics of classes, whatever form of y they want."""

from collections.abc import Collection
from typing import Any

import keras
import tensorflow as tf

# Of this Keras finds out by itself that y are integers.
INFERRED = ("accuracy", "acc")
# Of two classes in one number, or of a class in place of its probability.
REFUSED = {
    "accuracy": '"accuracy"',
    "binaryaccuracy": '"accuracy"',
    "binarycrossentropy": "SparseCategoricalCrossentropy",
    "binaryiou": "OneHotMeanIoU",
    "iou": "OneHotIoU",
    "meaniou": "OneHotMeanIoU",
    "mean": '"accuracy"',
    "sum": '"accuracy"',
}


def of_classes(metrics: list[Any], num_classes: int, reserved: Collection[str]) -> list[Any]:
    """Metrics as `compile` takes them, made for integers y [B] and probabilities [B, K].

    Those of Keras that want one-hot y get it, losses as the metric of their name; a user's own,
    which has an `update_state` of its own, gets integers.

    Args:
        metrics: names, metrics, losses or functions.
        num_classes: K.
        reserved: names of what is reported anyway.

    Raises:
        ValueError: if one is no metric, is of something else than classes, or has a reserved name.
    """
    return [_of_classes(metric, num_classes, reserved) for metric in metrics]


def _of_classes(metric: Any, num_classes: int, reserved: Collection[str]) -> Any:
    if isinstance(metric, str) and metric.lower() in INFERRED:
        return metric
    found = _found(metric)
    is_metric = isinstance(found, keras.metrics.Metric)
    named = found.name if is_metric else getattr(found, "__name__", "")
    if named in reserved:
        raise ValueError(
            f"`metrics` must have names of their own, got {metric!r}: {named!r} is reported anyway"
        )
    kind = _kind(type(found)) if is_metric else found
    name = getattr(kind, "__name__", "")
    if not _is_of_keras(kind) or name == "MeanMetricWrapper":
        return metric
    key = name.replace("_", "").lower()
    if key in REFUSED:
        raise ValueError(
            f"`metrics` must be of K classes and their probabilities, got {name}: "
            f"use {REFUSED[key]}"
        )
    if key.startswith("sparse"):
        return found if isinstance(metric, keras.losses.Loss) else metric
    if not is_metric:
        found = keras.metrics.MeanMetricWrapper(found, name=name)
    return OneHot(found, num_classes, name=metric if isinstance(metric, str) else found.name)


def _found(metric: Any) -> Any:
    """A metric or a function of (y, q(y|x)), by its name or itself."""
    try:
        found = keras.metrics.get(metric)
    except (TypeError, ValueError):
        found = None
    if isinstance(found, keras.losses.Loss):
        return _of_loss(found)
    if not callable(found) or getattr(found, "__module__", "").startswith("sklearn."):
        raise ValueError(
            "`metrics` must be metrics of Keras or their names, or functions of tensors, got "
            f"{metric!r}; what takes arrays can be given the result of `predict`"
        )
    return found


def _of_loss(loss: keras.losses.Loss) -> keras.metrics.Metric:
    """The metric of the name of a loss of Keras'."""
    name = type(loss).__name__
    metric = getattr(keras.metrics, name, None)
    if metric is None or not _is_of_keras(type(loss)):
        raise ValueError(
            f"`metrics` must be metrics, got the loss {name}, of which keras.metrics has none"
        )
    config = loss.get_config()
    # A metric is a mean, and the classes are the last axis.
    return metric.from_config({k: v for k, v in config.items() if k not in ("reduction", "axis")})


def _kind(metric: type) -> type:
    """The class that says which y a metric wants: of Keras, unless it updates in its own way."""
    lineage = metric.__mro__
    updates = next(each for each in lineage if "update_state" in vars(each))
    return next(each for each in lineage if _is_of_keras(each)) if _is_of_keras(updates) else metric


def _is_of_keras(kind: Any) -> bool:
    return getattr(kind, "__module__", "").startswith("keras.")


@keras.saving.register_keras_serializable(package="keras_dgm")
class OneHot(keras.metrics.Metric):
    """A metric that wants one-hot y, given integers.

    Args:
        metric: of one-hot y [B, K] and probabilities [B, K].
        num_classes: K.
    """

    def __init__(self, metric: keras.metrics.Metric, num_classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.metric = metric
        self.num_classes = num_classes

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y = tf.one_hot(tf.cast(y_true, tf.int32), self.num_classes, dtype=y_pred.dtype)
        self.metric.update_state(y, y_pred, sample_weight)

    def result(self) -> Any:
        return self.metric.result()

    def reset_state(self) -> None:
        self.metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        metric = keras.saving.serialize_keras_object(self.metric)
        return {**super().get_config(), "metric": metric, "num_classes": self.num_classes}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OneHot":
        metric = keras.saving.deserialize_keras_object(config["metric"])
        return cls(**{**config, "metric": metric})
