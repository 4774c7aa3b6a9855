"""What several workers cost: the seconds of a step, predicted from its parts, and measured.

A step of n workers, b examples each, is the step of one worker on b examples, and ROUNDS exchanges
of a number, and one of the gradients, P numbers. Their bytes are 2 (n - 1) / n * 4 P a worker.
"""

import dataclasses
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm.runs import files
from train import pipeline, workers
from train.config import Strategy
from train.settings import Positive

WIDTH = 784
STEPS = 20
# Whether there is a batch, its size, and the sum and the count of the loss.
ROUNDS = 4


@dataclasses.dataclass(frozen=True)
class ScalingConfig:
    """Measure the steps of an M1 (784-600-600-50) by one process, or by each of several.

    Without --alone in one process; then with it in several: python -m train launch -- scaling
    """

    strategy: Strategy = "single"
    """single or multi-worker."""
    batch_sizes: tuple[Positive, ...] = (125, 500, 2000)
    """Examples of a step for each worker."""
    threads: Positive = 1
    """Of each worker's arithmetic."""
    alone: Path | None = None
    """What one process has measured, to predict from."""
    output: Path = Path("runs", "scaling.json")
    """Where the figures go, as JSON."""


def run(config):
    """Measure, write the JSON file, and return its content."""
    alone = None if config.alone is None else files.read_json(config.alone)
    tf.config.threading.set_intra_op_parallelism_threads(config.threads)
    strategy = pipeline.strategy(config)
    count = strategy.num_replicas_in_sync
    with strategy.scope():
        steps = {str(size): seconds_per_step(size, count) for size in config.batch_sizes}
        params = model().count_params()
        exchange = {name: seconds_to_sum(n) for name, n in (("number", 1), ("gradients", params))}
    result = {
        "workers": count,
        "threads": config.threads,
        "params": params,
        "bytes_a_worker": 2 * (count - 1) / count * 4 * params,
        "seconds": {"step": steps, "exchange": exchange},
        "versions": pipeline.versions(),
    }
    if alone is not None:
        result |= predicted(alone["seconds"]["step"], exchange)
    if workers.is_chief(strategy):
        config.output.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(config.output, result)
    return result


def predicted(alone, exchange):
    """Seconds of a step for each batch size, and the one at which exchange and compute balance."""
    exchanged = ROUNDS * exchange["number"] + exchange["gradients"]
    small, *_, large = sorted(alone, key=int)
    per_example = (alone[large] - alone[small]) / (int(large) - int(small))
    return {
        "predicted": {size: seconds + exchanged for size, seconds in alone.items()},
        "balanced_batch_size": exchanged / per_example,
    }


def model():
    """An M1 as in the benchmark; without XLA, which workers do not use."""
    m1 = dgm.M1(50, (600, 600), seed=0)
    m1.build((None, WIDTH))
    m1.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    return m1


def seconds_per_step(size, count):
    """The median over an epoch, of `size` examples for each of `count` workers."""
    ends = []
    timer = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    x = np.random.default_rng(0).random((STEPS * size * count, WIDTH), np.float32)
    model().fit(x, batch_size=size * count, callbacks=[timer], verbose=0)
    return statistics.median(np.diff(ends[1:]))


def seconds_to_sum(length):
    """The median time in which workers add up so many float32 numbers of each."""
    strategy = tf.distribute.get_strategy()
    value = tf.zeros([length])

    def add():
        return tf.distribute.get_replica_context().all_reduce("SUM", value)

    exchange = tf.function(lambda: strategy.run(add), autograph=False)

    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        exchange()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def table(result):
    """What the command prints."""
    lines = [
        f"{result['workers']} workers, {result['bytes_a_worker'] / 1e6:.1f} MB a step for each"
    ]
    for size, seconds in result["seconds"]["step"].items():
        line = f"  {size:>5} examples each: {1000 * seconds:.0f} ms a step"
        if "predicted" in result:
            line += f", predicted {1000 * result['predicted'][size]:.0f}"
        lines.append(line)
    if "balanced_batch_size" in result:
        size = result["balanced_batch_size"]
        lines.append(f"exchange takes as long as compute at {size:.0f} examples each")
    return "\n".join(lines)
