"""Which LiteRT files a model gets."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from keras_dgm.serving.inference import Inference, finite_softplus

from export import litert, personalise

NUM_CALIBRATION = 500
PERSONALISE = "personalise.tflite"


def write(folder, source, calibration):
    """Write the files of a model.

    `model_PRECISION.tflite` has the signatures `classify`, `embed` and `generate` (M1: `embed`
    and `generate`), `classifier_PRECISION.tflite` `classify` alone, `personalise.tflite` those
    of `export.personalise`. Inputs and outputs are named as in the SavedModel.

    Args:
        folder: an existing one.
        source: a `Source`.
        calibration: inputs [N, D] for int8.
    """
    folder = Path(folder)
    inference = Inference(source.model, finite_softplus)
    endpoints = signatures(inference)
    samples = calibrate(inference, calibration)
    files = {"model": list(endpoints)}
    if "classify" in endpoints:
        files["classifier"] = ["classify"]
    with litert.Functions(endpoints) as functions:
        for stem, names in files.items():
            for precision in litert.FORMATS:
                functions.write(folder / f"{stem}_{precision}.tflite", names, precision, samples)
    if can_personalise(inference):
        endpoints = personalise.endpoints(inference)
        with litert.Functions(endpoints) as functions:
            functions.write(folder / PERSONALISE, list(endpoints), variables=True)
    if source.class_names:
        text = "".join(f"{name}\n" for name in source.class_names)
        (folder / "labels.txt").write_text(text, encoding="utf-8")


def can_personalise(inference):
    return inference.num_classes is not None and personalise.last_layer(inference) is not None


def signatures(inference):
    """The signatures of a model, batch dynamic."""
    images = tf.TensorSpec([None, inference.input_dim], tf.float32, "images")
    embed = litert.Endpoint(inference.embed, [images])
    if inference.num_classes is None:
        embedding = tf.TensorSpec([None, inference.latent_dim], tf.float32, "embedding")
        generate = litert.Endpoint(lambda z: {"images": inference.generate(None, z)}, [embedding])
        return {"embed": embed, "generate": generate}
    class_id = tf.TensorSpec([None], tf.int32, "class_id")
    style = tf.TensorSpec([None, inference.latent_dim], tf.float32, "style")
    classify = litert.Endpoint(lambda x: {"probabilities": inference.probabilities(x)}, [images])
    generate = litert.Endpoint(lambda y, z: {"images": inference.generate(y, z)}, [class_id, style])
    return {"classify": classify, "embed": embed, "generate": generate}


def calibrate(inference, x):
    """Samples of the inputs of all signatures, from inputs x [N, D]."""
    found = inference.embed(tf.constant(x))
    if inference.num_classes is None:
        return {"embed": {"images": x}, "generate": {"embedding": found["embedding"].numpy()}}
    # Styles of the data and of the prior, in the most likely class and in every class in turn.
    style = found["style"].numpy()
    prior = np.random.default_rng(0).standard_normal(style.shape).astype(np.float32)
    likely = tf.argmax(inference.probabilities(tf.constant(x)), -1).numpy()
    in_turn = np.arange(len(x)) % inference.num_classes
    return {
        "classify": {"images": x},
        "embed": {"images": x},
        "generate": {
            "class_id": np.concatenate([likely, in_turn]).astype(np.int32),
            "style": np.concatenate([style, prior]),
        },
    }
