"""Training by several processes, the workers, which TF_CONFIG names to each other.

All of them run the same code on the same data, of which each trains on its part. The first, the
chief, writes the run folder and prints; the others do so to nowhere.
"""

import contextlib
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import tensorflow as tf

from keras_dgm.runs import run_folder

# How TensorFlow reports that another process is gone, or does not answer.
LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.UnavailableError,
)


@functools.cache
def strategy():
    """The strategy of this process; waits for the other workers.

    Of a process that is not the chief, what it prints from then on goes nowhere.

    Raises:
        ValueError: if TF_CONFIG does not say who the workers are, or TensorFlow is in use already.
        ConnectionError: if the workers cannot reach each other.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    try:
        known = resolver.task_type is not None and resolver.task_id is not None
        known = known and bool(resolver.cluster_spec())
    except (ValueError, TypeError, AttributeError):
        known = False
    if not known:
        raise ValueError(
            "TF_CONFIG must name the workers for `strategy` multi-worker, as python -m train "
            f"launch sets it, got {os.environ.get('TF_CONFIG')!r}"
        )
    try:
        made = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except RuntimeError as error:  # A process can do so at its start alone.
        raise ValueError(f"`strategy` multi-worker needs a process of its own: {error}") from None
    except tf.errors.OpError as error:
        raise ConnectionError(f"the workers could not meet: {error.message}") from None
    if not is_chief(made):
        sys.stdout = open(os.devnull, "w")
    return made


def is_chief(strategy):
    """Whether this process writes: the only one, or the first of several workers."""
    resolver = strategy.cluster_resolver
    if resolver is None:
        return True
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_id == 0


def gather(number):
    """The integer that each worker gives, a list; waits for all of them."""
    current = tf.distribute.get_strategy()
    if current.cluster_resolver is None:
        return [number]

    def own(context):
        rank, count = context.replica_id_in_sync_group, context.num_replicas_in_sync
        return tf.one_hot(rank, count, on_value=tf.cast(number, tf.int64))

    given = current.experimental_distribute_values_from_function(own)
    return current.reduce("SUM", given, axis=None).numpy().tolist()


@contextlib.contextmanager
def opened(config):
    """The run folder; for all but the chief a copy of it, to resume from, that is removed again.

    Raises:
        ValueError: as `run_folder.opened`.
        ConnectionError: if another worker ends, or does not answer for a while.
    """
    with _alive():
        if is_chief(tf.distribute.get_strategy()):
            with run_folder.opened(config.folder, config.overwrite, config.resume) as folder:
                gather(0)  # There is nothing in it, or what is to be resumed.
                gather(0)  # All have seen it.
                yield folder
        else:
            with tempfile.TemporaryDirectory() as own:
                gather(0)
                if config.folder.is_dir():
                    skipped = shutil.ignore_patterns(run_folder.LOCK, run_folder.TENSORBOARD)
                    shutil.copytree(config.folder, own, ignore=skipped, dirs_exist_ok=True)
                gather(0)
                yield Path(own)


@contextlib.contextmanager
def _alive():
    """One line instead of TensorFlow's many, where another worker is gone."""
    try:
        yield
    except LOST as error:
        if tf.distribute.get_strategy().cluster_resolver is None:
            raise
        raise ConnectionError(
            "another worker has ended or does not answer, and this one ends too; start all of them "
            "again with --resume to go on from the last checkpoint"
        ) from error


def check_same_epoch(epoch):
    """Refuse to train where workers have resumed from different checkpoints.

    Raises:
        ValueError: with the epochs found.
    """
    epochs = gather(epoch)
    if len(set(epochs)) > 1:
        raise ValueError(
            "`run-dir` must be a folder that all workers see, to resume from it; got checkpoints "
            f"of the epochs {epochs}, in the order of the workers"
        )
