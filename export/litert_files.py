"""Which LiteRT files a model gets."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from export import litert, metadata
from keras_dgm.serving import Endpoint, finite_softplus

NUM_CALIBRATION = 500
PERSONALISE = "personalise.tflite"


def write(folder, source, calibration):
    """Write the files of a model.

    `classify_integers.tflite` of a classifier takes and gives int8, by the scales in its tensors,
    where it `takes_integers`.
    `model_PRECISION.tflite` has all endpoints that LiteRT can compute, a file named after the first
    of them that one alone (`classify_int8.tflite` of a classifier), `personalise.tflite` those by
    which a classifier learns on, where there are any. Inputs and outputs are named as in the
    SavedModel; a row that breaks a rule gets NaN and `valid` False, in the files of few bits too.
    Each holds its `metadata`.

    Args:
        folder: an existing one.
        source: a `Source`.
        calibration: inputs [N, D] for int8.
    """
    folder = Path(folder)
    endpoints = portable(source.model.endpoints(finite_softplus))
    default = next(iter(endpoints))
    samples = calibrate(endpoints, calibration)
    with litert.Functions(guarded(endpoints)) as functions:
        for stem, names in {"model": list(endpoints), default: [default]}.items():
            for precision in litert.FORMATS:
                functions.write(folder / f"{stem}_{precision}.tflite", names, precision, samples)
    if takes_integers(source, endpoints[default]):
        with litert.Functions({default: endpoints[default]}) as functions:
            file = folder / f"{default}_{litert.INTEGERS}{litert.SUFFIX}"
            functions.write(file, [default], litert.INTEGERS, samples)
    learning = source.model.personalisation(finite_softplus)
    if learning:
        with litert.Functions(learning) as functions:
            functions.write(folder / PERSONALISE, list(learning), variables=True)
    inputs = {each.name: each for endpoint in endpoints.values() for each in endpoint.inputs}
    for file in folder.glob(f"*{litert.SUFFIX}"):
        metadata.add(file, inputs, source.class_names)
    if source.class_names:
        metadata.write_labels(folder, source.class_names)


def takes_integers(source, endpoint: Endpoint) -> bool:
    """Whether a classifier's inputs can be int8: of one scale, which a table's columns have not.

    And without missing entries, for which int8 has no number.
    """
    (features,) = endpoint.inputs
    return bool(source.class_names) and not source.columns and not features.may_be_missing


def portable(endpoints: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """Those that LiteRT can compute."""
    return {name: endpoint for name, endpoint in endpoints.items() if endpoint.portable}


def guarded(endpoints: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """The same with blank answers to invalid rows, and `valid`, as the SavedModel has."""
    return {
        name: dataclasses.replace(endpoint, function=endpoint.guarded)
        for name, endpoint in endpoints.items()
    }


def calibrate(endpoints: Mapping[str, Endpoint], x: np.ndarray) -> litert.Samples:
    """Samples of the inputs of all endpoints, from inputs x [N, D].

    What one endpoint takes and another makes of x, a style say, is calibrated on both the latter
    and draws from its prior.
    """
    found: dict[str, np.ndarray] = {}
    (features,) = next(iter(endpoints.values())).inputs
    for endpoint in endpoints.values():
        if endpoint.inputs == (features,):
            outputs = endpoint.function(tf.constant(x))
            found |= {name: np.asarray(values) for name, values in outputs.items()}

    def samples(each):
        rows = each.examples(x)
        made = found.get(each.name) if each != features else None
        return np.concatenate([rows if made is None else made, rows])

    return {
        name: {each.name: samples(each) for each in endpoint.inputs}
        for name, endpoint in endpoints.items()
    }
