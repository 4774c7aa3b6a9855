"""Requests with the answers that Keras gives: what every artifact is held against.

A case is a dict {"signature", "inputs", "outputs"} of NumPy arrays, or {"signature", "inputs",
"code"} where the request must be refused. `outputs` come from the Keras model's own methods, never
from the exported functions.
"""

import numpy as np
import tensorflow as tf

from export import capi, capi_process
from keras_dgm.runs.files import read_json, write_json

NUM_EXAMPLES = 16


def examples(source, count=NUM_EXAMPLES):
    """Inputs [count, D]: of the test set, or images that the model generates, and their labels."""
    data = source.data
    if data is not None:
        for x, y in ((data.x_test, data.y_test), (data.x_train, data.y_train)):
            if len(x) >= count:
                return x[:count], y[:count]
    return generated(source.model, count), np.full(count, -1, np.int32)


def generated(model, count, seed=0):
    """Images [count, D] that the model generates from z ~ N(0, I), every class in turn."""
    z = np.random.default_rng(seed).standard_normal((count, model.latent_dim)).astype(np.float32)
    if hasattr(model, "num_classes"):
        return model.generate(np.arange(count) % model.num_classes, z)
    return model.generate(z)


def cases(source):
    """Cases for every signature, and some that must be refused."""
    x, _ = examples(source)
    model, names = source.model, source.class_names
    images = {"images": x}
    files = [tf_example(row) for row in x]
    answered = answer(model, names, x)
    found = [
        case("serving_default", images, answered),
        case("serving_default", {"images": x[:1]}, answer(model, names, x[:1])),
        case("examples", {"examples": strings(files)}, answered),
        case("embed", images, latents(model, x)),
        refused("serving_default", {"images": np.full_like(x, np.nan)}),
        refused("serving_default", {"images": x[:0]}),
        refused("serving_default", {"images": x[:, :-1]}),
        refused("examples", {"examples": strings([b"not an example"])}),
    ]
    if source.image_shape is not None:
        pixels = np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)
        pngs = [png(row, source.image_shape) for row in pixels]
        decoded = (pixels / 255).astype(np.float32)
        found += [
            case("image_bytes", {"image_bytes": strings(pngs)}, answer(model, names, decoded)),
            refused("image_bytes", {"image_bytes": strings([pngs[0][:40]])}),
            refused("image_bytes", {"image_bytes": strings([b""])}),
        ]
    z = np.random.default_rng(0).standard_normal((len(x), model.latent_dim)).astype(np.float32)
    seeds = np.arange(len(x), dtype=np.int64)
    drawn = np.stack(
        [tf.random.stateless_normal([model.latent_dim], [seed, 0]) for seed in range(len(x))]
    )
    if not names:
        return [
            *found,
            case("generate", {"embedding": z}, {"images": model.generate(z)}),
            case("sample", {"seed": seeds}, {"images": model.generate(drawn)}),
        ]
    y = (np.arange(len(x)) % len(names)).astype(np.int32)
    scores = {
        "scores": answered["probabilities"],
        "classes": np.tile(strings([name.encode() for name in names]), (len(x), 1)),
    }
    return [
        *found,
        case("classify", {"inputs": strings(files)}, scores),
        case("analogies", images, {"images": model.analogies(x)}),
        case("generate", {"class_id": y, "style": z}, {"images": model.generate(y, z)}),
        case("sample", {"class_id": y, "seed": seeds}, {"images": model.generate(y, drawn)}),
        refused("generate", {"class_id": np.full_like(y, len(names)), "style": z}),
    ]


def labelled(cases):
    """The inputs of the first case, [N, D], and no labels: of a bundle without its data."""
    x = cases[0]["inputs"]["images"]
    return x, np.full(len(x), -1, np.int32)


def answer(model, names, x):
    """What `serving_default` answers for x [N, D]."""
    if not names:
        return latents(model, x)
    probabilities = model.predict(x, batch_size=1000, verbose=0)
    y = probabilities.argmax(1).astype(np.int32)
    labels = strings([names[i].encode() for i in y])
    return {"probabilities": probabilities, "class_id": y, "label": labels}


def latents(model, x):
    """What `embed` answers for x [N, D]."""
    if not hasattr(model, "num_classes"):
        return {"embedding": model.embed(x)}
    means, qy_x = model.posterior_means(x)
    style = tf.gather(means, qy_x.mode(), batch_dims=1).numpy()
    if not hasattr(model, "m1"):
        return {"embedding": model.embed(x), "style": style}
    return {"embedding": model.m1.embed(x)[:, model.active_dims], "style": style}


def case(signature, inputs, outputs):
    return {"signature": signature, "inputs": inputs, "outputs": outputs}


def refused(signature, inputs):
    return {"signature": signature, "inputs": inputs, "code": capi.INVALID_ARGUMENT}


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
