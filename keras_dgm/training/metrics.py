"""Metrics of classes, whatever form of y they want."""

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


def of_classes(metrics: list[Any], num_classes: int) -> list[Any]:
    """Metrics as `compile` takes them, made for integers y [B] and probabilities [B, K].

    Those of Keras that want one-hot y get it; a user's own get integers.

    Args:
        metrics: names, metrics or functions.
        num_classes: K.

    Raises:
        ValueError: if one of Keras' metrics is of something else than classes.
    """
    return [_of_classes(metric, num_classes) for metric in metrics]


def _of_classes(metric: Any, num_classes: int) -> Any:
    if isinstance(metric, str) and metric.lower() in INFERRED:
        return metric
    try:
        found = keras.metrics.get(metric)
    except (TypeError, ValueError):
        raise ValueError(
            f"`metrics` must be metrics of Keras or their names, got {metric!r}"
        ) from None
    is_metric = isinstance(found, keras.metrics.Metric)
    kind = type(found) if is_metric else found
    name = getattr(kind, "__name__", "")
    if not getattr(kind, "__module__", "").startswith("keras.") or name == "MeanMetricWrapper":
        return metric
    key = name.replace("_", "").lower()
    if key in REFUSED:
        raise ValueError(
            f"`metrics` must be of K classes and their probabilities, got {name}: "
            f"use {REFUSED[key]}"
        )
    if key.startswith("sparse"):
        return metric
    if not is_metric:
        found = keras.metrics.MeanMetricWrapper(found, name=name)
    return OneHot(found, num_classes, name=metric if isinstance(metric, str) else found.name)


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
