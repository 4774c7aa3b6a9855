"""What the artifacts of a bundle weigh, how often they err, and how long they take."""

import time
from pathlib import Path

import numpy as np

from export import litert, runners
from export.onnx_files import OnnxFile
from export.runners import LiteRT, VerificationError

BATCH_SIZES = (1, 64)
REPEATS = {1: 200, 64: 50}
# Of a quantised file over Keras, in percentage points.
ALLOWED_INCREASE = 0.2
# Of an output in float16, in units of the largest that Keras gives, or 1.
ALLOWED_DIFFERENCE = 0.05
# Of the examples, which may be generated ones without labels.
MOST_CHANGED = 0.1


class TooInaccurate(VerificationError):
    """A file of few bits that answers otherwise than Keras."""


def test_set(source, generated):
    """The examples to measure on, x [N, D] and y [N] or None, and what Keras answers by default.

    `generated` [N, D] stands in where there is no test set.
    """
    data = source.data
    has_test = data is not None and len(data.x_test)
    x = data.x_test if has_test else generated
    labels = data.y_test if has_test and source.class_names else None
    if labels is not None and not (labels >= 0).any():
        labels = None
    _, endpoint = default(source)
    (expected,) = endpoint.reference(x).values()
    return x, labels, expected


def default(source):
    """The name of the model's first endpoint, and itself; it has one output."""
    return next(iter(source.model.endpoints().items()))


def saved_model(folder, source, x, y, expected):
    """A row of the report."""
    _, endpoint = default(source)
    (output,) = endpoint.reference(x[:1])
    requests = [
        {"signature": "serving_default", "inputs": {"images": x[i : i + 1000]}}
        for i in range(0, len(x), 1000)
    ]
    timed = [
        {
            "signature": "serving_default",
            "inputs": {"images": rows(x, size)},
            "repeat": REPEATS[size],
        }
        for size in BATCH_SIZES
    ]
    answers = runners.run_saved_model(folder, [*requests, *timed])
    for answer in answers:
        if "error" in answer:
            raise VerificationError(f"{folder}: {answer['error']}")
    count = len(requests)
    found = np.concatenate([answer["outputs"][output] for answer in answers[:count]])
    latency = {
        size: percentiles(answer["seconds"])
        for size, answer in zip(BATCH_SIZES, answers[count:], strict=True)
    }
    # What a server loads: without the warm-up requests and the reference.
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if path.parent.name != "assets.extra")
    return row("SavedModel, C library", size, found, expected, y, latency)


def litert_file(file, source, x, y, expected):
    """A row of the report; of a quantised file, after a check of its error.

    Raises:
        TooInaccurate: if it is far off, or errs too much more often than Keras.
    """
    model = LiteRT(file)
    signature, endpoint = default(source)
    (output,) = endpoint.reference(x[:1])
    if signature not in model.signatures:
        signature = "infer"  # Of the file that learns on.
    found = model.run_all(signature, images=x)[output]
    latency = {size: percentiles(clock(model, signature, rows(x, size))) for size in BATCH_SIZES}
    line = row(file.name, file.stat().st_size, found, expected, y, latency)
    if file.stem.endswith(litert.FORMATS[0]) and not line["max_difference"] <= 1e-5 * max(
        1, np.abs(expected).max()
    ):
        raise VerificationError(
            f"{file.name} must differ from Keras by at most 1e-5, got {line['max_difference']}"
        )
    if file.stem.endswith("float16") and not line["max_difference"] <= ALLOWED_DIFFERENCE * max(
        1, np.abs(expected).max()
    ):
        raise TooInaccurate(
            f"{file.name} must differ from Keras by at most {ALLOWED_DIFFERENCE}, got "
            f"{line['max_difference']:.2g}"
        )
    if source.class_names:
        check_classes(file.name, found, expected)
    if y is not None:
        check_error(file.name, found, expected, y)
    return line


def onnx_file(file, source, x, y, expected):
    """A row of the report."""
    model = OnnxFile(file)
    _, endpoint = default(source)
    (output,) = endpoint.reference(x[:1])
    parts = [model.run(file.stem, images=x[i : i + 500])[output] for i in range(0, len(x), 500)]
    latency = {size: percentiles(clock(model, file.stem, rows(x, size))) for size in BATCH_SIZES}
    name = f"{file.name}, ONNX Runtime"
    return row(name, file.stat().st_size, np.concatenate(parts), expected, y, latency)


def check_classes(name, found, expected):
    """Refuse a file that takes too many of the examples for another class than Keras.

    With or without labels.
    """
    changed = (found.argmax(1) != expected.argmax(1)).mean()
    if not changed <= MOST_CHANGED:
        raise TooInaccurate(
            f"{name} must not take more than {100 * MOST_CHANGED:.0f} % of the examples for "
            f"another class than Keras, got {100 * changed:.0f} %"
        )


def check_error(name, found, expected, y):
    """Refuse a file that errs more often than Keras by 0.2 points, and by more than chance.

    Chance: two standard errors of the difference, that is 2 sqrt(n) / N where n of N examples
    change their class. In a set of 10,000 the 0.2 points decide, in one of 400 this does.
    """
    changed = (found.argmax(1) != expected.argmax(1)).sum()
    increase = 100 * (error(found, y) - error(expected, y))
    allowed = max(ALLOWED_INCREASE, 200 * np.sqrt(changed) / len(y))
    if increase > allowed:
        raise TooInaccurate(
            f"{name} must not err over {allowed:.2f} points more often than Keras on the test "
            f"set, got {increase:.2f}"
        )


def warnings(expected, y, class_names):
    """What a verification does not see, in lines: that the model itself knows nothing.

    Args:
        expected: the Keras model's probabilities, [N, K].
        y: labels, [N], or None.
        class_names: K names; none of a model without classes.
    """
    if not class_names:
        return []
    found = []
    classes = expected.argmax(1)
    if len(classes) > 1 and len(class_names) > 1 and (classes == classes[0]).all():
        name = class_names[classes[0]]
        found.append(f"warning: the model answers {name!r} to each of {len(classes)} examples")
    if y is not None:
        known = y[y >= 0]
        # Of whoever always answers the most frequent class; and two standard errors.
        chance = 1 - np.bincount(known).max() / len(known)
        margin = 2 * np.sqrt(chance * (1 - chance) / len(known))
        errs = error(expected, y)
        if errs > chance - margin:
            found.append(
                f"warning: the model is no better than chance: it errs on {100 * errs:.1f} % of "
                f"{len(known)} examples, the most frequent class alone on {100 * chance:.1f} %"
            )
    return found


def row(name, size, found, expected, y, latency):
    return {
        "artifact": name,
        "bytes": size,
        "test_error": None if y is None else error(found, y),
        "max_difference": float(np.abs(found - expected).max()),
        "latency_ms": latency,
    }


def error(probabilities, y):
    """The fraction of examples that are classified wrongly."""
    known = y >= 0
    return float((probabilities.argmax(1) != y)[known].mean())


def rows(x, count):
    """`count` rows of x, from the start again where it has fewer."""
    return x[np.arange(count) % len(x)]


def clock(model, signature, images):
    """Seconds of repeated runs."""
    model.run(signature, images=images)
    seconds = []
    for _ in range(REPEATS[len(images)]):
        started = time.perf_counter()
        model.run(signature, images=images)
        seconds.append(time.perf_counter() - started)
    return seconds


def percentiles(seconds):
    """The median and the 99th percentile, in milliseconds."""
    return [float(1000 * np.percentile(seconds, q)) for q in (50, 99)]
