"""Writes a SavedModel that TF Serving's C++ loader reads."""

import copy
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_dgm.serving import table
from keras_dgm.serving.signatures import CLASSIFY, COLUMNS, signatures
from keras_dgm.serving.softplus import fast_softplus

LABELS = "labels.txt"


def write(path, model, class_names=None, image_shape=None, columns=()):
    """Write a SavedModel with the signatures of `keras_dgm.serving.signatures`.

    Args:
        path: the folder to write.
        model: a built model, with `endpoints`.
        class_names: K names; None: the numbers from 0. Stored as the asset `labels.txt`.
        image_shape: the (height, width) or (height, width, channels) of an example, for the
            signature that takes PNG and JPEG files; None: there is none.
        columns: of a table, `Dataset.columns`, for the signature that takes each by its name
            (`column_I`, I from 0, in Python where that is not a name there).

    Raises:
        ValueError: naming the argument, the rule and the value received; nothing is written.
    """
    endpoints = model.endpoints(fast_softplus)
    class_names = check_class_names(class_names, model.num_classes)
    image_shape = check_image_shape(image_shape, model.input_dim)
    # It finds the variables by itself; tracking their layers as well would store them twice.
    archive = keras.export.ExportArchive()
    with tempfile.TemporaryDirectory(prefix="labels-") as folder:
        if class_names:
            file = Path(folder, LABELS)
            file.write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")
            archive.track(tf.saved_model.Asset(str(file)))
        found = signatures(endpoints, class_names, image_shape, columns)
        for name, (function, inputs) in found.items():
            archive.add_endpoint(name, function, input_signature=inputs)
        archive.write_out(str(path), verbose=False)
    finish(Path(path, "saved_model.pb"), table.column_inputs(columns, model.features_input()))


def finish(file, columns):
    """Say in a file what Keras cannot: Classify for `classify`, and any text as a column's name."""
    saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in saved_model.meta_graphs:
        if CLASSIFY in graph.signature_def:
            method = tf.saved_model.CLASSIFY_METHOD_NAME
            graph.signature_def[CLASSIFY].method_name = method
        if columns:
            inputs = graph.signature_def[COLUMNS].inputs
            tensors = {name: copy.deepcopy(tensor) for name, tensor in inputs.items()}
            inputs.clear()
            for each in columns:
                inputs[each.name].CopyFrom(tensors[each.argument])
    file.write_bytes(saved_model.SerializeToString(deterministic=True))


def check_class_names(class_names, num_classes):
    """Returns K names as a tuple; an empty one for M1.

    Raises:
        ValueError: if there are not K different names, each of one line.
    """
    if num_classes is None:
        return ()
    if class_names is None:
        return tuple(str(i) for i in range(num_classes))
    if isinstance(class_names, str):
        raise ValueError(f"`class_names` must be a list of names, got the string {class_names!r}")
    names = tuple(str(name) for name in class_names) if np.iterable(class_names) else ()
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise ValueError(
            f"`class_names` must be {num_classes} different names, one a class, got {class_names!r}"
        )
    for name in names:
        if not name or len(name.splitlines()) != 1 or name != name.strip():
            raise ValueError(f"`class_names` must be names of one line each, got {name!r}")
    return names


def check_image_shape(image_shape, input_dim):
    """Returns (height, width) or (height, width, channels) as a tuple, or None.

    Raises:
        ValueError: if an image of that shape has not D numbers, or another number of channels
            than a grey or coloured picture has.
    """
    if image_shape is None:
        return None
    try:
        shape = tuple(int(size) for size in image_shape)
    except (TypeError, OverflowError):
        raise ValueError(f"`image_shape` must hold integers, got {image_shape!r}") from None
    size = 1
    for side in shape:
        size *= side
    if len(shape) not in (2, 3) or size != input_dim or (*shape, 1)[2] not in (1, 3, 4):
        raise ValueError(
            "`image_shape` must be (height, width) or (height, width, 1, 3 or 4) with "
            f"{input_dim} numbers in all, got {shape}"
        )
    return shape
