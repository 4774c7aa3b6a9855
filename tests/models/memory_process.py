"""How much memory a model takes that is trained on files of many examples; prints JSON."""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

import keras_dgm as dgm

WIDTH, CLASSES, CHUNK, BATCH = 16, 4, 500_000, 5000


def write(folder, count):
    """x [count, WIDTH], clusters in [0, 1], and y [count], one label in a hundred known."""
    rng = np.random.default_rng(0)
    centres = rng.random((CLASSES, WIDTH))
    x, y = folder / "x.npy", folder / "y.npy"
    all_x = np.lib.format.open_memmap(x, "w+", np.float32, (count, WIDTH))
    all_y = np.lib.format.open_memmap(y, "w+", np.int8, (count,))
    for start in range(0, count, CHUNK):
        part = slice(start, min(start + CHUNK, count))
        labels = rng.integers(0, CLASSES, part.stop - start)
        noise = rng.normal(0, 0.2, (len(labels), WIDTH))
        all_x[part] = np.clip(centres[labels] + noise, 0, 1)
        all_y[part] = np.where(rng.random(len(labels)) < 0.01, labels, -1)
    return x, y


def resident():
    """The memory that this process has in use, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def train(x, y, count):
    """An epoch of M2, and the memory after each tenth of it."""
    steps = count // BATCH
    model = dgm.M2(CLASSES, 4, (32,), seed=0)
    model.compile(keras.optimizers.Adam(3e-3), metrics=["accuracy"], steps_per_execution=10)
    memory = []
    log = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: (
            memory.append(resident()) if (step + 1) % (steps // 10) == 0 else None
        )
    )
    before = resident()
    started = time.perf_counter()
    history = model.fit(dgm.data.npy_batches(x, y, BATCH), callbacks=[log], verbose=0).history
    return {
        "examples": count,
        "width": WIDTH,
        "batch_size": BATCH,
        "files_mib": sum(path.stat().st_size for path in (x, y)) / 2**20,
        "seconds": time.perf_counter() - started,
        "accuracy": history["accuracy"][0],
        "resident_mib_before": before,
        "resident_mib_after_each_tenth": memory,
    }


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--examples", type=int, default=5_000_000)
options = parser.parse_args()
with tempfile.TemporaryDirectory() as made:
    files = write(Path(made), options.examples)
    print(json.dumps(train(*files, options.examples), indent=2))
