"""The files that the web page runs: one function each, batch 1, static shapes, float32."""

from pathlib import Path

import numpy as np

from export import litert
from export.runners import LiteRT, VerificationError
from keras_dgm.runs.files import read_json, write_json
from keras_dgm.serving import finite_softplus

NUM_EXAMPLES = 10


def endpoints(model):
    """What the page runs of a model, by name; there may be nothing."""
    found = model.endpoints(finite_softplus)
    return {name: endpoint for name, endpoint in found.items() if endpoint.page}


def write(folder, model, *, name, class_names, image_shape, x=None, y=None):
    """Write a file for each endpoint that the page runs, with labels.txt and model.json.

    Args:
        folder: an existing one.
        model: a model that has such endpoints.
        name: shown to people.
        class_names: K names.
        image_shape: of an example, or None.
        x: [N, D], examples to put into model.json, with the Keras model's probabilities.
        y: integers [N], their classes.
    """
    folder = Path(folder)
    found = endpoints(model)
    files = {key: f"{key}.tflite" for key in found}
    with litert.Functions(found, rows=1) as traced:
        for key, file in files.items():
            traced.write(folder / file, [key])
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in class_names), "utf-8")
    card = {
        "name": name,
        "image_shape": None if image_shape is None else list(image_shape),
        "num_features": model.input_dim,
        "num_classes": model.num_classes,
        "latent_dim": model.latent_dim,
        "class_names": list(class_names),
        "files": {**files, "labels": "labels.txt"},
        "prior_stddev": 1,
        "examples": [] if x is None else examples(model, x, y),
    }
    write_json(folder / "model.json", card, indent=None)
    return card


def write_source(folder, source, x, y):
    """Write the folder of a `Source`, with examples x [N, D] of classes y [N]."""
    return write(
        folder,
        source.model,
        name=source.name,
        class_names=source.class_names,
        image_shape=source.image_shape,
        x=x,
        y=y,
    )


def verify(folder):
    """The largest difference of the examples' probabilities to those that Keras gave.

    Raises:
        VerificationError: if one is larger than 1e-5, or an output is not finite.
    """
    card = read_json(Path(folder, "model.json"))
    classify, style, restyle = (
        LiteRT(Path(folder, card["files"][key])) for key in ("classify", "style", "restyle")
    )
    largest = 0.0
    for example in card["examples"]:
        x = np.array([example["x"]], np.float32)
        found = classify.run("classify", images=x)["probabilities"][0]
        largest = max(largest, float(np.abs(found - example["probabilities"]).max()))
        z = style.run("style", images=x)["style"]
        images = restyle.run("restyle", style=z)["images"]
        if images.shape != (1, card["num_classes"], card["num_features"]):
            raise VerificationError(f"restyle.tflite: shape {images.shape}")
        if not (np.isfinite(images).all() and largest <= 1e-5):
            raise VerificationError(f"{folder} differs from Keras by {largest}")
    return largest


def examples(model, x, y):
    """Real inputs without missing entries, one of each class first, with Keras' probabilities."""
    complete = ~np.isnan(x).any(axis=1)  # JSON has no NaN.
    x, y = x[complete], y[complete]
    if not len(x):
        return []
    first = [int(np.flatnonzero(y == label)[0]) for label in np.unique(y[y >= 0])]
    rows = [*first, *(i for i in range(len(x)) if i not in first)][:NUM_EXAMPLES]
    probabilities = model.predict(x[rows], verbose=0)
    return [
        {"x": x[i].tolist(), "probabilities": p.tolist(), "label": int(y[i])}
        for i, p in zip(rows, probabilities, strict=True)
    ]
