"""The model card of a bundle: what the model is, was taught, takes and answers, and how it errs.

After Mitchell et al. (2019), arXiv 1810.03993. What only its authors know, they add.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy import stats

from export import litert, measure, servable
from export.runners import LiteRT
from keras_dgm import evaluation
from keras_dgm.runs.files import sha256

JSON, MARKDOWN = "model_card.json", "model_card.md"
# Whose content the card vouches for; the settings around them are the user's.
PARTS = ("servable", "litert", "onnx", "examples")
PERCENTILES = (0.5, 5, 50, 95, 99.5)
FACTS = {"train": "x_train", "valid": "x_valid", "test": "x_test"}


def make(folder, source, version, report, test, rate):
    """The content of model_card.json.

    Args:
        folder: of the bundle, whose files are there.
        source: a `Source`.
        version: of the servable.
        report: the content of report.json.
        test: x [N, D], y [N] or None, and Keras' first output, of `measure.test_set`.
        rate: the step size with which the personalisation learned, or None.
    """
    _, y, expected = test
    return {
        **facts(source, y, expected),
        "version": version,
        "signatures": signatures(folder / "servable" / source.name / str(version)),
        "score": score(source.model),
        "personalisation": personalisation(rate),
        "warnings": report["warnings"],
        "versions": report["versions"],
        "sha256": checksums(folder),
    }


def facts(source, y, expected):
    """What every card says of a `Source` whose first output is `expected` on examples of y [N]."""
    return {
        "name": source.name,
        "model": source.model.title,
        "data": data(source.data),
        "labels": list(source.class_names),
        "error": None if y is None else errors(expected, y),
        "calibration": None if y is None else float(evaluation.calibration(y, expected).error),
        "inputs": inputs(source),
        "columns": columns(source),
    }


def data(found):
    """Of a `Dataset`: its name and the sizes of its parts; None where there is none."""
    if found is None:
        return None
    counts = {part: len(getattr(found, attribute)) for part, attribute in FACTS.items()}
    labelled = int((found.y_train >= 0).sum())
    return {"name": found.name, "examples": counts, "labelled": labelled}


def errors(probabilities, y):
    """The error on labelled examples, and Wilson's interval of 95 % around it."""
    known = int((y >= 0).sum())
    error = measure.error(probabilities, y)
    return {"error": error, "interval": wilson(error, known), "examples": known}


def wilson(share, count):
    """The interval in which a true share lies with 95 %, given that of `count` draws."""
    found = stats.binomtest(round(share * count), count).proportion_ci(method="wilson")
    return [float(found.low), float(found.high)]


def inputs(source):
    """Of the inputs of all endpoints: shape, type, rule; and the range seen in training."""
    found = {}
    for endpoint in source.model.endpoints().values():
        for each in endpoint.inputs:
            found[each.name] = {
                "shape": [None, *each.shape],
                "dtype": each.dtype.name,
                "rule": each.rule,
            }
    features = next(iter(source.model.endpoints().values())).inputs[0]
    if source.data is not None and len(source.data.x_train):
        found[features.name]["seen"] = seen(source.data.x_train)
    return found


def seen(x):
    """The least and the largest number, and the share of missing ones."""
    return {
        "min": float(np.nanmin(x)),
        "max": float(np.nanmax(x)),
        "missing": float(np.isnan(x).mean()),
    }


def columns(source):
    """Of a table, a line for each column: its name, kind, categories or range."""
    found = []
    for index, column in enumerate(source.columns):
        line = {"name": column.name, "kind": column.kind}
        if column.categories:
            line["categories"] = list(column.categories)
        elif source.data is not None and not np.isnan(source.data.x_train[:, index]).all():
            line["seen"] = seen(source.data.x_train[:, index])
        found.append(line)
    return found


def signatures(folder):
    """The tensors of each signature of a SavedModel: type and shape, None for any size."""
    return {
        name: {"inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs)}
        for name, signature in sorted(servable.definitions(folder).items())
    }


def tensors(found):
    return {
        name: {
            "dtype": tf.dtypes.as_dtype(tensor.dtype).name,
            "shape": None
            if tensor.tensor_shape.unknown_rank
            else [None if dim.size < 0 else dim.size for dim in tensor.tensor_shape.dim],
        }
        for name, tensor in sorted(found.items())
    }


def score(model):
    """The scores of validation data at some percentiles; None where no percentile is given."""
    if model.score.quantiles is None:
        return None
    last = len(model.score.quantiles) - 1
    at = {str(p): float(model.score.quantiles[round(p / 100 * last)]) for p in PERCENTILES}
    return {"validation_examples": model.score.num_examples, "percentiles": at}


def personalisation(rate):
    """How to let `personalise.tflite` learn; None where it was not seen to."""
    if rate is None:
        return None
    return {"learning_rate": rate, "steps": 100, "examples_per_class": 5}


def litert_files(folder, rows, source, rate):
    """The content of litert/card.json: of each file its measures, and its tensors by signature."""
    files = {}
    for row in rows:
        if not row["artifact"].endswith(litert.SUFFIX):
            continue
        file = folder / row["artifact"]
        described = LiteRT(file).tensors()
        files[row["artifact"]] = {**row, "sha256": sha256(file), "signatures": described}
    return {
        "name": source.name,
        "labels": list(source.class_names),
        "inputs": inputs(source),
        "personalisation": personalisation(rate),
        "files": files,
    }


def checksums(folder):
    """SHA-256 of each file of the `PARTS` of a bundle, by its path in it."""
    paths = [path for part in PARTS for path in Path(folder, part).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(paths)}


def markdown(card):
    """A card for people to read."""
    lines = [
        f"# {card['name']}, version {card['version']}",
        "",
        *about(card),
        "",
        *taken(card),
        "A row that breaks a rule is answered with NaN, class -1 and `valid` false; its neighbours",
        "get their answers.",
    ]
    lines += ["", "## Signatures", "", "| signature | inputs | outputs |", "|---|---|---|"]
    for name, each in card["signatures"].items():
        lines.append(f"| `{name}` | {_tensors(each['inputs'])} | {_tensors(each['outputs'])} |")
    names = [name for name in card["sha256"] if name.startswith("onnx/")]
    if names:
        lines += [
            "",
            f"{', '.join(f'`{name}`' for name in names)} take and answer what the signatures of "
            "these names do, but for `class_id` and `label`.",
        ]
    if card["score"]:
        nats = ", ".join(f"{value:.1f} ({p})" for p, value in card["score"]["percentiles"].items())
        lines += [
            "",
            f"Of {card['score']['validation_examples']} validation examples, to which `percentile` "
            f"refers, the scores in nats at some percentiles: {nats}.",
        ]
    if card["personalisation"]:
        advice = card["personalisation"]
        lines += [
            "",
            f"`litert/personalise.tflite` learns on: {advice['examples_per_class']} examples a "
            f"class, {advice['steps']} steps, a rate of {advice['learning_rate']} to begin with.",
        ]
    lines += ["", f"Checksums of {len(card['sha256'])} files stand in {JSON}."]
    return "\n".join(lines)


def about(card):
    """Lines on what the model is, was taught, and how it errs."""
    lines = [f"A {card['model']}."]
    if card["data"]:
        counts = card["data"]["examples"]
        lines += [
            "",
            f"Taught on {counts['train']} examples of {card['data']['name']}, "
            f"{card['data']['labelled']} of them labelled; {counts['valid']} were held out to "
            f"choose by, {counts['test']} to test on.",
        ]
    if card["labels"]:
        lines += ["", f"{len(card['labels'])} classes: {', '.join(card['labels'])}."]
    return [*lines, "", *_quality(card)]


def taken(card):
    """Lines on what it takes: inputs, and the columns of a table."""
    lines = ["## Inputs", "", "| input | type | shape | must | seen |", "|---|---|---|---|---|"]
    for name, each in card["inputs"].items():
        seen_range = each.get("seen")
        span = f"{seen_range['min']:g} to {seen_range['max']:g}" if seen_range else ""
        facts = (f"`{name}`", each["dtype"], _shape(each["shape"]), each["rule"] or "", span)
        lines.append(f"| {' | '.join(facts)} |")
    if card["columns"]:
        lines += ["", "| column | kind | entries |", "|---|---|---|"]
        for column in card["columns"]:
            span = column.get("seen")
            entries = ", ".join(map(str, column.get("categories", ())))
            entries = f"{span['min']:g} to {span['max']:g}" if span else entries
            lines.append(f"| {column['name']} | {column['kind']} | {entries} |")
    return [*lines, ""]


def _quality(card):
    if card["error"] is None:
        return ["No labelled example was there to test on: its error is not known."]
    low, high = (100 * bound for bound in card["error"]["interval"])
    lines = [
        f"It errs on {100 * card['error']['error']:.2f} % of {card['error']['examples']} test "
        f"examples (95 %: {low:.2f} to {high:.2f} %). Its confidence is off by "
        f"{100 * card['calibration']:.1f} points on average (expected calibration error)."
    ]
    return [*lines, *(f"\n{line}" for line in card["warnings"])]


def _tensors(found):
    return ", ".join(f"`{name}` {t['dtype']} {_shape(t['shape'])}" for name, t in found.items())


def _shape(shape):
    return "?" if shape is None else f"[{', '.join('B' if n is None else str(n) for n in shape)}]"
