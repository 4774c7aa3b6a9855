"""Requests with the answers that Keras gives: what every artifact is held against.

A case is a dict {"signature", "inputs", "outputs"} of NumPy arrays; {"signature", "inputs", "code"}
where the request must be refused; or without either where the answer must be finite. `outputs` come
from the Keras model's own methods, never from the exported functions; where every other row of the
inputs breaks a rule, they are blank in that row.
"""

import numpy as np
import tensorflow as tf

from export import capi, capi_process
from keras_dgm.runs.files import read_json, write_json
from keras_dgm.serving import table
from keras_dgm.serving.signatures import CLASSIFY, COLUMNS, DEFAULT

NUM_EXAMPLES = 16
# What an invalid row is answered with, by the kind of data.
BLANK = {"f": np.nan, "i": -1, "O": b"", "b": False}


def examples(source, count=NUM_EXAMPLES):
    """Inputs [count, D] and their labels: of the test set, or images that the model generates.

    Of a smaller test set the training set; of both smaller, its rows again, without their labels.
    """
    data = source.data
    if data is None:
        return generated(source.model, count), np.full(count, -1, np.int32)
    x, y = data.x_test, data.y_test
    if len(x) < count:
        x, y = data.x_train, data.y_train
    rows = np.arange(count)
    return x[rows % len(x)], np.where(rows < len(x), y[rows % len(x)], -1).astype(np.int32)


def generated(model, count, seed=0):
    """Images [count, D] that the model generates from z ~ N(0, I), every class in turn.

    Raises:
        ValueError: if it does not take them: means of counts, say, are no counts.
    """
    z = np.random.default_rng(seed).standard_normal((count, model.latent_dim)).astype(np.float32)
    images = model.samples(z)  # [K, N, D]
    x = images[np.arange(count) % len(images), np.arange(count)]
    features = model.features_input()
    if not np.all(features.accepts(tf.constant(x))):
        raise ValueError(
            f"`dataset` must be given with a model whose x must {features.rule}, which the means "
            "that it generates do not"
        )
    return x


def cases(source):
    """Cases for every signature, and some that must be refused."""
    endpoints = source.model.endpoints()
    x, _ = examples(source)
    default, endpoint = next(iter(endpoints.items()))
    (features,) = endpoint.inputs
    found = []
    for name, each in endpoints.items():
        if each.reference is None:
            continue
        signature = DEFAULT if each is endpoint else name
        inputs = {i.name: i.examples(x) for i in each.inputs}
        outputs = named(source, each.reference(*inputs.values()))
        found += [
            case(signature, inputs, outputs, name),
            case(signature, *none_of(inputs, outputs)),
        ]
        for i in each.inputs:
            for rows in i.broken(x):
                mixed, blank = spoiled(inputs, outputs, {i.name: rows})
                found.append(case(signature, mixed, blank, name))
            found += [refused(signature, {**inputs, i.name: tensor}) for tensor in i.refused(x)]
            found += [
                extreme(signature, {**inputs, i.name: tensor}, name) for tensor in i.extreme(x)
            ]
    answered = found[0]["outputs"]
    files = {"examples": strings([tf_example(row) for row in x])}
    junk = {"examples": strings([b"not an example"] * len(x))}
    found += [
        case(DEFAULT, {features.name: x[:1]}, named(source, endpoint.reference(x[:1]))),
        case("examples", files, answered),
        case("examples", *none_of(files, answered)),
        case("examples", *spoiled(files, answered, junk)),
    ]
    if default == CLASSIFY:
        names = np.tile(strings([name.encode() for name in source.class_names]), (len(x), 1))
        scores = {"scores": answered["probabilities"], "classes": names}
        found.append(case(CLASSIFY, {"inputs": files["examples"]}, scores))
    else:
        found.append(case(default, {features.name: x}, answered))
    if source.columns:
        of_table = table.column_inputs(source.columns, features)
        entries = {each.name: each.examples(x) for each in of_table}
        found.append(case(COLUMNS, entries, answered))
        found += [
            case(COLUMNS, *spoiled(entries, answered, {each.name: tensor}))
            for each in of_table
            for tensor in each.broken(x)
        ]
    if source.image_shape is not None:
        pixels = np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)
        pngs = {"image_bytes": strings([png(row, source.image_shape) for row in pixels])}
        decoded = named(source, endpoint.reference((pixels / 255).astype(np.float32)))
        found += [case("image_bytes", pngs, decoded), case("image_bytes", *none_of(pngs, decoded))]
        for file in (pngs["image_bytes"][0][:40], b""):
            cut = {"image_bytes": strings([file] * len(x))}
            found.append(case("image_bytes", *spoiled(pngs, decoded, cut)))
    return found


def named(source, outputs):
    """What a signature adds to the outputs of an endpoint, of valid rows."""
    rows = len(next(iter(outputs.values())))
    outputs = {**outputs, "valid": np.ones(rows, bool)}
    if "probabilities" not in outputs:
        return outputs
    y = outputs["probabilities"].argmax(1).astype(np.int32)
    labels = strings([source.class_names[i].encode() for i in y])
    return {**outputs, "class_id": y, "label": labels}


def labelled(cases):
    """The inputs of the first case, [N, D], and no labels: of a bundle without its data."""
    x = cases[0]["inputs"]["images"]
    return x, np.full(len(x), -1, np.int32)


def case(signature, inputs, outputs, endpoint=None):
    """A request and its answer, of an endpoint as it is or by another way."""
    return {"signature": signature, "inputs": inputs, "outputs": outputs, "endpoint": endpoint}


def none_of(inputs, outputs):
    """The same request without a row, and its answer."""
    return ({k: v[:0] for k, v in inputs.items()}, {k: v[:0] for k, v in outputs.items()})


def spoiled(inputs, outputs, wrong):
    """The same request with every other row from `wrong` tensors, and its answer."""
    mixed = {name: np.array(values) for name, values in inputs.items()}
    for name, values in wrong.items():
        mixed[name][1::2] = values[1::2]
    answer = {name: np.array(values) for name, values in outputs.items()}
    for values in answer.values():
        values[1::2] = BLANK[values.dtype.kind]
    return mixed, answer


def refused(signature, inputs):
    return {"signature": signature, "inputs": inputs, "code": capi.INVALID_ARGUMENT}


def extreme(signature, inputs, endpoint):
    """A request far from all data."""
    return {"signature": signature, "inputs": inputs, "endpoint": endpoint}


def strings(values):
    """A list of bytes as an array of objects."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def tf_example(row):
    """A serialized tf.Example with the numbers of an example."""
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=row))
    features = tf.train.Features(feature={"x": feature})
    return tf.train.Example(features=features).SerializeToString()


def png(pixels, image_shape):
    """A PNG file of uint8 pixels [D]."""
    return tf.io.encode_png(pixels.reshape((*image_shape, 1)[:3])).numpy()


def save(path, found):
    """Write cases as JSON."""
    content = [
        {k: _map(capi_process.encode, v) if isinstance(v, dict) else v for k, v in c.items()}
        for c in found
    ]
    write_json(path, content, indent=None)


def load(path):
    """The cases of a file that `save` wrote."""
    content = read_json(path)
    return [
        {k: _map(capi_process.decode, v) if isinstance(v, dict) else v for k, v in c.items()}
        for c in content
    ]


def _map(function, values):
    return {name: function(value) for name, value in values.items()}
