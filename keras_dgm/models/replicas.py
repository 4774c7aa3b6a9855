"""Training by several replicas: their shares of a batch, and what Keras needs over workers."""

import tensorflow as tf


def replica_share(count):
    """The part of a step's examples that this replica has, `count` of them."""
    if not tf.distribute.has_strategy():
        return 1.0
    count = tf.cast(count, tf.float32)
    return count / tf.distribute.get_replica_context().all_reduce("SUM", count)


def over_workers(strategy):
    """Whether a strategy's replicas belong to processes that TF_CONFIG names."""
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return several and bool(strategy.cluster_resolver.cluster_spec())


class WorkersMixin:
    """Keras' `fit` and `evaluate` under `tf.distribute.MultiWorkerMirroredStrategy`.

    Keras takes the mean of what a step reports along its first dimension, and fails on scalars
    (its issue 20585); it also fails to take the mean of a batch of several tensors. Each mean
    costs the step a round between the workers: a step reports its loss alone, an epoch everything.
    """

    def train_step(self, data):
        return self._reported(super().train_step(data))

    def test_step(self, data):
        return self._reported(super().test_step(data))

    def _reported(self, logs):
        if not over_workers(self.distribute_strategy):
            return logs
        return {"loss": tf.reshape(logs["loss"], [1])}

    def _get_metrics_result_or_logs(self, logs):
        if not over_workers(self.distribute_strategy):
            return super()._get_metrics_result_or_logs(logs)
        return self.get_metrics_result()

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if iterator is not None and over_workers(self.distribute_strategy):
            _, _, batches = next(iter(iterator))
            local = self.distribute_strategy.experimental_local_results
            data_batch = tf.nest.map_structure(lambda part: local(part)[0], next(batches))
            iterator = None
        super()._maybe_symbolic_build(iterator, data_batch)
