"""A Keras model that reports weighted means, and none over nothing."""

import math
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from keras_dgm.training import means
from keras_dgm.training.replicas import over_workers
from keras_dgm.training.step import StepOutput


class ReportingModel(keras.Model):
    """What `fit`, `evaluate` and the methods `_on_batch` report.

    Attributes:
        trackers: means over examples, by the names that they are reported by.
    """

    trackers: dict[str, keras.metrics.Mean]

    @property
    def loss_tracker(self) -> keras.metrics.Mean:
        """Keras' own mean of the loss over the batches."""
        return self._loss_tracker

    def update_metrics(self, y: Any, output: StepOutput, sample_weight: Any) -> None:
        """Add one batch's `StepOutput` to what `fit` and `evaluate` report, weighted means."""
        self.trackers["elbo"].update_state(output.bound.elbo, sample_weight)
        self.trackers["reconstruction"].update_state(output.bound.reconstruction, sample_weight)
        self.trackers["kl"].update_state(output.bound.kl, sample_weight)

    @property
    def metrics_names(self) -> list[str]:
        """What `evaluate` reports, in the order of its list; the metrics of `compile` by name."""
        asked = self._compile_metrics
        parts = [m.metrics if m is asked else [m] for m in self.metrics]
        return [metric.name for some in parts for metric in some]

    def means_over(self, names: Iterable[str]) -> dict[str, keras.metrics.Mean]:
        """For what is reported by these names, a mean with the same weights."""
        return {name: self.trackers[name] for name in names if name in self.trackers}

    def get_metrics_result(self) -> dict[str, tf.Tensor]:
        """What is reported so far; a mean over nothing is NaN."""
        logs = super().get_metrics_result()
        weights = {name: mean.count for name, mean in self.means_over(logs).items()}
        return {**logs, **{name: means.or_nan(logs[name], weights[name]) for name in weights}}

    def without_empty_means(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Logs without the means over nothing; `loss`, which Keras needs, is NaN then."""
        over = self.means_over(logs)
        logs = {k: v for k, v in logs.items() if k not in over or not means.is_empty(over[k])}
        is_loss_empty = "loss" in logs and means.is_empty(self.trackers["elbo"])
        return {**logs, "loss": math.nan} if is_loss_empty else logs

    def _get_metrics_result_or_logs(self, logs: Any) -> Any:
        if over_workers(self.distribute_strategy):
            logs = self.get_metrics_result()
        else:
            logs = super()._get_metrics_result_or_logs(logs)
        return self.without_empty_means(logs)

    def _flatten_metrics_in_order(self, logs: dict[str, Any]) -> Any:
        return super()._flatten_metrics_in_order(
            {**dict.fromkeys(self.metrics_names, math.nan), **logs}
        )

    def _returned(self, logs: dict[str, Any], return_dict: bool) -> Any:
        """The logs of one batch as a dict or a list."""
        logs = self.without_empty_means(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)
