"""Holds every artifact against what Keras answers; nothing is reported that was not run."""

from pathlib import Path

import numpy as np

from export import (
    browser,
    card,
    litert,
    litert_files,
    metadata,
    onnx_files,
    reference,
    runners,
    servable,
)
from export.differences import check_finite, check_sums, compare
from export.runners import LiteRT, VerificationError, operations, tensor_types
from keras_dgm.runs.files import read_json
from keras_dgm.serving import personalise

MARKER = "bundle.json"
STATEFUL = {"READ_VARIABLE", "ASSIGN_VARIABLE", "VAR_HANDLE", "CALL_ONCE"}
ADAPTATION_STEPS = 30
# Tried one after the other; wide layers need smaller ones.
ADAPTATION_RATES = (personalise.LEARNING_RATE, 0.01, 0.002)


def saved_model(folder, cases):
    """Every signature through the C library; the largest difference to Keras.

    Raises:
        VerificationError: if an answer is another, or a bad request is not refused.
    """
    answers = runners.run_saved_model(folder, cases)
    if len(answers) != len(cases):
        raise VerificationError(f"{folder} answered {len(answers)} of {len(cases)} requests")
    largest = 0.0
    for case, answer in zip(cases, answers, strict=True):
        where = f"SavedModel {Path(folder).name}, signature {case['signature']}"
        if "code" in case:
            if answer.get("code") != case["code"]:
                raise VerificationError(f"{where}: a bad request must be refused, got {answer}")
        elif "error" in answer:
            raise VerificationError(f"{where}: {answer['error']}")
        elif "outputs" not in case:
            check_finite(answer["outputs"], where)
        else:
            largest = max(largest, compare(answer["outputs"], case["outputs"], where))
    return largest


def litert_folder(folder, cases, examples, labels):
    """Every LiteRT file in a folder.

    Returns the largest difference of the float32 ones to Keras, and the step size with which the
    personalisation learns; None where there is none, or too few labels to tell.

    Args:
        folder: that `litert_files.write` wrote.
        cases: of `reference`.
        examples: real inputs [N, D] and their `labels` [N], for personalisation.

    Raises:
        VerificationError: if a file is not what it should be.
    """
    files = sorted(Path(folder).glob("*.tflite"))
    if not files:
        raise VerificationError(f"{folder} holds no LiteRT file")
    largest, rate = 0.0, None
    for file in files:
        builtin, custom = operations(file)
        if custom:
            raise VerificationError(f"{file.name} needs operations that LiteRT lacks: {custom}")
        if file.name == litert_files.PERSONALISE:
            rate = personalisation(file, cases, examples, labels)
            continue
        if builtin & STATEFUL:
            raise VerificationError(f"{file.name} holds variables: {builtin & STATEFUL}")
        check_labels(file)
        model = LiteRT(file)
        if file.stem.endswith(litert.INTEGERS):
            if floats := tensor_types(file) & {"FLOAT32", "FLOAT16", "FLOAT64"}:
                raise VerificationError(f"{file.name} must hold no floats, got {floats}")
            continue  # Its classes are held against Keras' where its error is measured.
        finite_where_valid(model, cases)
        if file.stem.endswith(litert.FORMATS[0]):
            largest = max(largest, litert_answers(model, cases))
    return largest, rate


def check_labels(file):
    """Refuse a file that holds other labels than those beside it."""
    beside = file.with_name(metadata.LABELS)
    wanted = beside.read_text("utf-8").splitlines() if beside.exists() else []
    found = metadata.labels(file)
    if found != wanted:
        raise VerificationError(f"{file.name} must hold the labels {wanted}, got {found}")


def litert_answers(model, cases):
    """The signatures of a float32 file against Keras."""
    largest = 0.0
    for case in cases:
        name = case.get("endpoint")
        if name in model.signatures and "outputs" in case:
            outputs = model.run(name, **case["inputs"])
            expected = {key: case["outputs"][key] for key in outputs}
            largest = max(largest, compare(outputs, expected, f"{model.file.name}, {name}"))
    return largest


def finite_where_valid(model, cases):
    """Every signature of a file tells valid rows from others, of which alone the answers are NaN.

    Probabilities sum to 1, however few bits the file has.
    """
    for case in cases:
        name = case.get("endpoint")
        if name not in model.signatures:
            continue
        where = f"{model.file.name}, {name}"
        outputs = model.run(name, **case["inputs"])
        valid = outputs["valid"]
        if "outputs" in case and not np.array_equal(valid, case["outputs"]["valid"]):
            raise VerificationError(f"{where}: must tell invalid rows apart, got {valid}")
        check_finite({key: values[valid] for key, values in outputs.items()}, where)
        for key, values in outputs.items():
            if values.dtype.kind == "f" and not np.isnan(values[~valid]).all():
                raise VerificationError(f"{where}, {key}: must be NaN in invalid rows")
        check_sums(outputs, where)


def personalisation(file, cases, examples, labels):
    """The adapting file infers as Keras does, learns other names of the classes, and can be reset.

    What it cannot learn from leaves its weights alone. Returns the first of `ADAPTATION_RATES` with
    which it learns; None where there are too few labels.

    Raises:
        VerificationError: if it does not lower the loss on held-out examples.
    """
    model = LiteRT(file)
    if set(model.signatures) != {"train", "infer", "get_weights", "set_weights"}:
        raise VerificationError(f"{file.name} has the signatures {sorted(model.signatures)}")
    case = next(c for c in cases if c["signature"] == "serving_default" and "outputs" in c)
    expected = {"probabilities": case["outputs"]["probabilities"]}
    compare(model.run("infer", **case["inputs"]), expected, file.name)
    refuses_to_learn(model, case["inputs"]["images"])

    known = labels >= 0
    num_classes = case["outputs"]["probabilities"].shape[1]
    x, y = examples[known], (labels[known] + 1) % num_classes
    if len(x) < 20:
        return None
    weights = model.run("get_weights")
    half = len(x) // 2
    before = cross_entropy(model, x[half:], y[half:])
    for rate in ADAPTATION_RATES:
        for _ in range(ADAPTATION_STEPS):
            model.run("train", images=x[:half], class_id=y[:half], learning_rate=np.float32(rate))
        after = cross_entropy(model, x[half:], y[half:])
        model.run("set_weights", **weights)
        if cross_entropy(model, x[half:], y[half:]) != before:
            raise VerificationError(f"{file.name}: set_weights does not undo training")
        if after < before:
            return rate
    raise VerificationError(
        f"{file.name} must lower the loss on held-out examples, got {before} -> {after}"
    )


def refuses_to_learn(model, x):
    """Refuse an adapting file that learns from what is none of its inputs."""
    y, rate = np.zeros(len(x), np.int32), np.float32(personalise.LEARNING_RATE)
    before = model.run("get_weights")
    for what, images, class_id, learning_rate in (
        ("infinite images", np.full_like(x, np.inf), y, rate),
        ("classes that there are not", x, y - 1, rate),
        ("a rate of NaN", x, y, np.float32(np.nan)),
    ):
        told = model.run("train", images=images, class_id=class_id, learning_rate=learning_rate)
        after = model.run("get_weights")
        same = all(np.array_equal(before[name], after[name]) for name in before)
        if not same or told["examples"] != 0:
            raise VerificationError(f"{model.file.name} must not learn from {what}")


def cross_entropy(model, x, y):
    """The mean of -log q(y|x) of a personalised model."""
    probabilities = model.run("infer", images=x)["probabilities"]
    return float(-np.log(np.maximum(probabilities[np.arange(len(y)), y], 1e-30)).mean())


def bundle(folder):
    """Verify a bundle again, with the reference inside it; the largest difference to Keras."""
    folder = Path(folder)
    marker = read_marker(folder)
    if marker is None:
        raise ValueError(f"`folder` must hold a bundle, got {folder}, which has no {MARKER}")
    check_sums_of_files(folder)
    models = folder / "servable" / marker["name"]
    largest = []
    for version in servable.versions(models):
        model = models / str(version)
        cases = reference.load(model / "assets.extra" / servable.REFERENCE)
        largest.append(saved_model(model, cases))
        if version == marker["version"]:
            of_newest = cases
            of_files, _ = litert_folder(folder / "litert", cases, *reference.labelled(cases))
            largest.append(of_files)
    if onnx_files.can_be_run(folder):
        largest.append(onnx_files.verify(folder / onnx_files.FOLDER, of_newest))
    if (folder / "litert" / "browser").is_dir():
        largest.append(browser.verify(folder / "litert" / "browser"))
    return max(largest)


def check_sums_of_files(folder):
    """Refuse a bundle of which a file is not as its card says.

    Raises:
        VerificationError: naming it.
    """
    described = read_json(folder / card.JSON, missing_ok=True) or {"sha256": {}}
    there = card.checksums(folder)
    for name, digest in described["sha256"].items():
        if there.get(name) != digest:
            what = "is missing" if name not in there else "is not the file that was exported"
            raise VerificationError(f"{folder / name} {what}")


def read_marker(folder):
    """The content of bundle.json; None where there is none."""
    try:
        content = read_json(folder / MARKER)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
