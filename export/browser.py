"""The files that the web page runs: batch 1, static shapes, floats."""

from pathlib import Path

import numpy as np

from export import litert, metadata
from export.runners import LiteRT, VerificationError
from keras_dgm.data import Column
from keras_dgm.runs.files import read_json, write_json
from keras_dgm.serving import finite_softplus, personalise

NUM_EXAMPLES = 10
# To vary a column of numbers over.
QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
# Of probabilities, by the precision of the page's files.
TOLERANCES = {"float16": 0.02, "float32": 1e-5}


def write(folder, source, x, y, rate=None):
    """Write the files of the page of a model that has one, with labels.txt and model.json.

        read.tflite      an input -> its class probabilities, its style in every class and, where
                         the last layer can learn on, what that sees
        head.bin         the weights of that layer, [H + 1, K] float32, the bias last
        restyle.tflite   a style -> an image of every class; of images alone
        classify.tflite  the classifier alone in float32, for other pages than ours

    Those of images are in float16, unless the probabilities suffer.

    Args:
        folder: an existing one.
        source: a `Source`.
        x: [N, D], examples to put into model.json, with the Keras model's probabilities.
        y: integers [N], their classes.
        rate: the step size with which the last layer learns; None: the default.
    """
    folder, model = Path(folder), source.model
    page = model.page(finite_softplus)
    of_images = source.image_shape is not None
    names = ["read", "restyle"] if of_images else ["read"]
    files = {name: f"{name}.tflite" for name in names}
    with litert.Functions(page, rows=1) as traced:
        for precision in TOLERANCES if of_images else ["float32"]:
            for name, file in files.items():
                traced.write(folder / file, [name], precision)
            if difference(folder / files["read"], page["read"], x) <= TOLERANCES[precision]:
                break
    classify = {"classify": model.endpoints(finite_softplus)["classify"]}
    with litert.Functions(classify, rows=1) as traced:
        traced.write(folder / "classify.tflite", ["classify"])
    learning = model.personalisation(finite_softplus)
    if learning:
        files["head"] = "head.bin"
        weights = learning["get_weights"].function()
        head = np.concatenate([weights["kernel"], weights["bias"][None]])
        (folder / files["head"]).write_bytes(head.astype("<f4").tobytes())
    metadata.write_labels(folder, source.class_names)
    card = {
        "name": source.name,
        "image_shape": list(source.image_shape) if of_images else None,
        "columns": None if of_images else columns(source),
        "may_be_missing": model.features_input().may_be_missing,
        "num_features": model.input_dim,
        "num_classes": model.num_classes,
        "latent_dim": model.latent_dim,
        "class_names": list(source.class_names),
        "files": files,
        "precision": precision,
        "learning_rate": rate or personalise.LEARNING_RATE,
        "prior_stddev": 1,
        "examples": examples(model, x, y),
    }
    write_json(folder / "model.json", card, indent=None)
    return card


def difference(file, endpoint, x, count=100):
    """The largest between a file's probabilities and those of Keras, of the first of x [N, D]."""
    model = LiteRT(file)
    found = model.run_all("read", batch_size=1, images=x[:count])["probabilities"]
    return float(np.abs(found - endpoint.reference(x[:count])["probabilities"]).max())


def verify(folder):
    """The largest difference of the examples' probabilities in float32 to those that Keras gave.

    Raises:
        VerificationError: if a file's differ by more than its precision allows, or an output is
            not finite.
    """
    folder = Path(folder)
    card = read_json(folder / "model.json")
    classify, read = LiteRT(folder / "classify.tflite"), LiteRT(folder / card["files"]["read"])
    restyle = LiteRT(folder / card["files"]["restyle"]) if "restyle" in card["files"] else None
    largest = 0.0
    for example in card["examples"]:
        x = np.array([example["x"]], np.float32)  # None is NaN.
        expected = np.array(example["probabilities"])
        found = classify.run("classify", images=x)["probabilities"][0]
        largest = max(largest, float(np.abs(found - expected).max()))
        answers = read.run("read", images=x)
        error = np.abs(answers["probabilities"][0] - expected).max()
        if not (largest <= TOLERANCES["float32"] and error <= TOLERANCES[card["precision"]]):
            raise VerificationError(f"{folder} differs from Keras by {max(largest, error)}")
        if "head" in card["files"]:
            check_head(folder / card["files"]["head"], answers, TOLERANCES[card["precision"]])
        if restyle is not None:
            style = answers["styles"][:, expected.argmax()]
            images = restyle.run("restyle", style=style)["images"]
            if images.shape != (1, card["num_classes"], card["num_features"]):
                raise VerificationError(f"restyle.tflite: shape {images.shape}")
            if not np.isfinite(images).all():
                raise VerificationError("restyle.tflite: must be finite for finite inputs")
    return largest


def check_head(file, answers, tolerance):
    """Refuse weights of the last layer that do not make its probabilities of what it sees."""
    probabilities, hidden = answers["probabilities"][0], answers["hidden"][0]
    weights = np.frombuffer(file.read_bytes(), "<f4").reshape(len(hidden) + 1, len(probabilities))
    logits = np.append(hidden, 1) @ weights
    found = np.exp(logits - logits.max())
    error = np.abs(found / found.sum() - probabilities).max()
    if not error <= tolerance:
        raise VerificationError(f"{file} differs from read.tflite by {error}")


def columns(source):
    """Of a table, a line for each column: name, kind, and categories or values seen in training."""
    known = source.columns or (source.data.columns if source.data else ())
    known = known or [Column(str(i), "real") for i in range(source.model.input_dim)]
    found = []
    for index, column in enumerate(known):
        line = {"name": column.name, "kind": column.kind}
        if column.categories:
            line["categories"] = list(column.categories)
        else:
            seen = source.data.x_train[:, index] if source.data else np.empty(0)
            line["values"] = spread(seen[~np.isnan(seen)])
        found.append(line)
    return found


def spread(seen):
    """Different values of a column, by `QUANTILES`, of four digits; none where none was seen."""
    if not len(seen):
        return []
    values = np.quantile(seen, QUANTILES, method="nearest")
    return sorted({float(f"{value:.4g}") for value in values})


def examples(model, x, y):
    """Real inputs, one of each class first, with Keras' probabilities.

    Of a model that takes missing entries they may have some, null in JSON.
    """
    if not model.features_input().may_be_missing:
        complete = ~np.isnan(x).any(axis=1)
        x, y = x[complete], y[complete]
    if not len(x):
        return []
    first = [int(np.flatnonzero(y == label)[0]) for label in np.unique(y[y >= 0])]
    rows = [*first, *(i for i in range(len(x)) if i not in first)][:NUM_EXAMPLES]
    probabilities = model.predict(x[rows], verbose=0)
    return [
        {"x": [None if np.isnan(v) else float(v) for v in x[i]], "probabilities": p.tolist(),
         "label": int(y[i])}
        for i, p in zip(rows, probabilities, strict=True)
    ]  # fmt: skip
