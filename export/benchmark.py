"""How fast a bundle's classifier is, in units of what the machine allows.

Everything on one thread. The contestants take turns, round after round, so that what else the
machine does falls on all of them; of each, the best round's median counts, and of the SavedModel
the round of the median ratio.
"""

import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits

from export import litert, runners, verify
from export.runners import LiteRT

ROUNDS = 7
BATCH = 64
# Larger than the caches of common machines; the products are square and fit into them.
STREAMED_BYTES = 1 << 30
PEAK_SIZE = 1024


def run(folder):
    """Measure a bundle; a list of rows (what, seconds, ratio, of what).

    Raises:
        ValueError: if there is no bundle of a classifier.
    """
    folder = Path(folder)
    marker = verify.read_marker(folder)
    if marker is None or not (folder / "litert" / "browser").is_dir():
        raise ValueError(f"`folder` must hold the bundle of a classifier, got {folder}")
    browser = folder / "litert" / "browser" / "classify.tflite"
    int8 = folder / "litert" / "classify_int8.tflite"
    saved_model = folder / "servable" / marker["name"] / str(marker["version"])
    shapes = weights_of(browser)
    multiply_adds = sum(rows * columns for rows, columns in shapes)
    x = np.random.default_rng(0).random((BATCH, shapes[0][0]), np.float32)

    with threadpool_limits(1), tempfile.TemporaryDirectory() as bare:
        write_chain(bare, shapes)
        contestants = {
            "float32": timed(LiteRT(browser), "classify", images=x[:1]),
            "int8": timed(LiteRT(int8), "classify", images=x[:1]) if int8.exists() else None,
            "openvino": openvino_runner(browser, x[:1]),
        }
        best = take_turns({k: v for k, v in contestants.items() if v is not None})
        rounds = [(served_seconds(saved_model, x), served_seconds(bare, x)) for _ in range(5)]
        served, chain = sorted(rounds, key=lambda pair: pair[0] / pair[1])[len(rounds) // 2]
        bandwidth, peak = read_bandwidth(), multiply_add_rate()

    limit = max(4 * multiply_adds / bandwidth, multiply_adds / peak)
    found = [
        ("limit: read the weights once, or multiply-adds at the peak", limit, None, ""),
        ("LiteRT float32, batch 1", best["float32"], best["float32"] / limit, "the limit"),
    ]
    if "int8" in best:
        ratio = best["int8"] / best["float32"]
        found.append(("LiteRT int8, batch 1", best["int8"], ratio, "float32"))
    if "openvino" in best:
        ratio = best["float32"] / best["openvino"]
        found.append(("OpenVINO float32, batch 1", best["openvino"], ratio, "(LiteRT / OpenVINO)"))
    return [
        *found,
        (f"bare matrix products in TensorFlow's C library, batch {BATCH}", chain, None, ""),
        (
            f"SavedModel in TensorFlow's C library, batch {BATCH}",
            served,
            served / chain,
            "the bare",
        ),
    ]


def table(rows):
    """Rows as Markdown."""
    lines = ["| one thread | ms | ratio | to |", "|---|--:|--:|---|"]
    for what, seconds, ratio, to in rows:
        times = "" if ratio is None else f"{ratio:.2f}"
        lines.append(f"| {what} | {1000 * seconds:.3f} | {times} | {to} |")
    return "\n".join(lines)


def weights_of(file):
    """The shapes of the matrices in a LiteRT classifier, (inputs, outputs), in order."""
    return [(columns, rows) for rows, columns in runners.matrices(file)]


def timed(model, signature, **inputs):
    """A function that runs a LiteRT file once."""
    return lambda: model.run(signature, **inputs)


def openvino_runner(file, x):
    """The same of OpenVINO; None where it is not installed."""
    try:
        import openvino
    except ImportError:
        return None
    options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    # By default it may compute in bfloat16.
    options["INFERENCE_PRECISION_HINT"] = "f32"
    request = openvino.Core().compile_model(str(file), "CPU", options).create_infer_request()
    return lambda: request.infer({0: x}, share_inputs=True)


def take_turns(contestants, repeats=300):
    """The best round's median of each, in seconds."""
    medians: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, function in contestants.items():
            seconds = []
            for _ in range(repeats):
                started = time.perf_counter()
                function()
                seconds.append(time.perf_counter() - started)
            medians[name].append(statistics.median(seconds))
    return {name: min(found) for name, found in medians.items()}


def served_seconds(folder, x, repeats=200):
    """The median of a SavedModel in the C library, on one thread."""
    request = {"signature": "serving_default", "inputs": {"images": x}, "repeat": repeats}
    (answer,) = runners.run_saved_model(folder, [request], threads=1)
    return statistics.median(answer["seconds"])


def write_chain(folder, shapes):
    """A SavedModel of matrix products alone."""
    rng = np.random.default_rng(0)
    weights = [tf.Variable(rng.normal(size=shape, scale=0.01).astype("f")) for shape in shapes]

    def chain(images):
        for weight in weights:
            images = tf.matmul(images, weight)
        return {"outputs": images}

    archive = keras.export.ExportArchive()
    spec = tf.TensorSpec([None, shapes[0][0]], tf.float32, "images")
    archive.add_endpoint("serving_default", chain, input_signature=[spec])
    with litert.quiet():
        archive.write_out(folder, verbose=False)


def read_bandwidth():
    """Bytes a second that one thread reads from memory."""
    data = np.ones(STREAMED_BYTES // 4, np.float32)
    return data.nbytes / best_of(lambda: np.dot(data, data), 5)


def multiply_add_rate():
    """Multiply-adds a second of a float32 matrix product on one thread."""
    a = np.ones((PEAK_SIZE, PEAK_SIZE), np.float32)
    return PEAK_SIZE**3 / best_of(lambda: a @ a, 10)


def best_of(function, times):
    """The shortest of some runs, in seconds."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
