"""Training by several replicas: their shares of a batch, and what Keras needs over workers."""

from typing import Any

import tensorflow as tf


def replica_share(count: tf.Tensor) -> Any:
    """The part of a step's examples that this replica has, `count` of them."""
    if not tf.distribute.has_strategy():
        return 1.0
    count = tf.cast(count, tf.float32)
    return count / tf.distribute.get_replica_context().all_reduce("SUM", count)


def over_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether a strategy's replicas belong to processes that TF_CONFIG names."""
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return several and bool(strategy.cluster_resolver.cluster_spec())


def reported(logs: dict[str, tf.Tensor], strategy: tf.distribute.Strategy) -> dict[str, tf.Tensor]:
    """What a step hands to Keras, which means to take the mean over the workers of it.

    Keras takes it along the first dimension, and fails on scalars (its issue 20585). Each mean
    costs the step a round between the workers: a step reports its loss alone, an epoch everything.
    """
    return {"loss": tf.reshape(logs["loss"], [1])} if over_workers(strategy) else logs


def first_batch(iterator: Any, strategy: tf.distribute.Strategy) -> Any:
    """This worker's part of the first batch; Keras fails to take the mean of several tensors."""
    _, _, batches = next(iter(iterator))
    local = strategy.experimental_local_results
    return tf.nest.map_structure(lambda part: local(part)[0], next(batches))
