"""The files that the web page runs: one function each, batch 1, static shapes, float32."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from keras_dgm.serving.inference import Inference, finite_softplus

from export import litert
from export.runners import LiteRT, VerificationError
from keras_dgm.runs.files import read_json, write_json

NUM_EXAMPLES = 10


def write(folder, model, *, name, class_names, image_shape, x=None, y=None):
    """Write the folder of a classifier (M2 or M1+M2) for the browser.

    `classifier.tflite` maps `x` [1, D] to `probabilities` [1, K], `style.tflite` maps `x` to `z`
    [1, Z], the mean of q(z|x,y) at the most likely class, `analogies.tflite` maps `z` to `images`
    [1, K, D]. `labels.txt` and `model.json` stand beside them.

    Args:
        folder: an existing one.
        model: an `M2` or `StackedM1M2`.
        name: shown to people.
        class_names: K names.
        image_shape: of an example, or None.
        x: [N, D], examples to put into model.json, with the Keras model's probabilities.
        y: integers [N], their classes.
    """
    folder = Path(folder)
    functions = Inference(model, finite_softplus)
    D, K, Z = functions.input_dim, functions.num_classes, functions.latent_dim
    image = tf.TensorSpec([1, D], tf.float32, "x")
    style = tf.TensorSpec([1, Z], tf.float32, "z")

    def analogies(z):
        return {"images": tf.reshape(functions.in_all_classes(z), [1, K, D])}

    endpoints = {
        "classifier": litert.Endpoint(
            lambda x: {"probabilities": functions.probabilities(x)}, [image]
        ),
        "style": litert.Endpoint(lambda x: {"z": functions.style(x)}, [image]),
        "analogies": litert.Endpoint(analogies, [style]),
    }
    files = {key: f"{key}.tflite" for key in endpoints}
    with litert.Functions(endpoints) as traced:
        for key, file in files.items():
            traced.write(folder / file, [key])
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in class_names))
    card = {
        "name": name,
        "image_shape": None if image_shape is None else list(image_shape),
        "num_features": D,
        "num_classes": K,
        "latent_dim": Z,
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
    classifier, style, analogies = (
        LiteRT(Path(folder, card["files"][key])) for key in ("classifier", "style", "analogies")
    )
    largest = 0.0
    for example in card["examples"]:
        x = np.array([example["x"]], np.float32)
        found = classifier.run("classifier", x=x)["probabilities"][0]
        largest = max(largest, float(np.abs(found - example["probabilities"]).max()))
        images = analogies.run("analogies", z=style.run("style", x=x)["z"])["images"]
        if images.shape != (1, card["num_classes"], card["num_features"]):
            raise VerificationError(f"analogies.tflite: shape {images.shape}")
        if not (np.isfinite(images).all() and largest <= 1e-5):
            raise VerificationError(f"{folder} differs from Keras by {largest}")
    return largest


def examples(model, x, y):
    """Real inputs, one of each class first, with Keras' probabilities for them."""
    first = [int(np.flatnonzero(y == label)[0]) for label in np.unique(y[y >= 0])]
    rows = [*first, *(i for i in range(len(x)) if i not in first)][:NUM_EXAMPLES]
    probabilities = model.predict(x[rows], verbose=0)
    return [
        {"x": x[i].tolist(), "probabilities": p.tolist(), "label": int(y[i])}
        for i, p in zip(rows, probabilities, strict=True)
    ]
