"""The signatures of a served model: named inputs and outputs, a dynamic batch, checks included."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from keras_dgm.serving import inputs

CLASSIFY = "classify"
DEFAULT = "serving_default"


class Signature(NamedTuple):
    """A function of tensors, by position, to a dict of tensors, and the specs of its inputs."""

    function: Callable[..., dict[str, Any]]
    inputs: list[tf.TensorSpec]


def signatures(inference, labels=None, image_shape=None) -> dict[str, Signature]:
    """All signatures of a model.

    | name | of | inputs | outputs |
    |---|---|---|---|
    | `serving_default` | a classifier | `images` [B, D] | `probabilities`, `class_id`, `label` |
    | `serving_default` | M1 | `images` [B, D] | `embedding` |
    | `image_bytes` | images | `image_bytes`, PNG or JPEG files [B] | as `serving_default` |
    | `examples` | all | `examples`, serialized tf.Example with `x` [D] | as `serving_default` |
    | `classify` | a classifier | `inputs`, as `examples` | `classes`, `scores` [B, K] |
    | `embed` | all | `images` | `embedding`; of a classifier also `style` |
    | `generate` | all | `class_id` [B] and `style` [B, Z]; of M1 `embedding` | `images` [B, D] |
    | `analogies` | a classifier | `images` | `images` [B, K, D] |
    | `sample` | all | `seed` int64 [B], and `class_id` of a classifier | `images` [B, D] |

    Args:
        inference: an `Inference`.
        labels: a function from integers [...] to names [...]; of a classifier.
        image_shape: (height, width) or (height, width, channels); None for tables, which have
            no `image_bytes`.
    """
    D, K, Z = inference.input_dim, inference.num_classes, inference.latent_dim
    images = tf.TensorSpec([None, D], tf.float32, "images")
    strings = {
        name: tf.TensorSpec([None], tf.string, name)
        for name in ("image_bytes", "examples", "inputs")
    }
    class_id = tf.TensorSpec([None], tf.int32, "class_id")
    latent = tf.TensorSpec([None, Z], tf.float32, "style" if K else "embedding")
    seed = tf.TensorSpec([None], tf.int64, "seed")

    def check(x, name="images"):
        return inputs.checked_features(x, name, inference.unit_interval)

    def check_latent(z):
        return inputs.checked_features(z, latent.name, unit_interval=False)

    def check_class(y):
        return inputs.checked_classes(y, "class_id", K)

    def classified(x):
        probabilities = inference.probabilities(x)
        y = tf.argmax(probabilities, -1, output_type=tf.int32)
        return {"probabilities": probabilities, "class_id": y, "label": labels(y)}

    def ranked(examples):
        scores = inference.probabilities(check(inputs.parse_examples(examples, D), "x"))
        classes = labels(tf.range(K)[None] + tf.zeros_like(scores, tf.int32))
        return {"classes": classes, "scores": scores}

    answer = classified if K else inference.embed
    found = {DEFAULT: Signature(lambda x: answer(check(x)), [images])}
    if image_shape is not None:
        found["image_bytes"] = Signature(
            lambda files: answer(inputs.decode_images(files, image_shape)),
            [strings["image_bytes"]],
        )
    found["examples"] = Signature(
        lambda examples: answer(check(inputs.parse_examples(examples, D), "x")),
        [strings["examples"]],
    )
    found["embed"] = Signature(lambda x: inference.embed(check(x)), [images])
    if not K:
        found["generate"] = Signature(
            lambda z: {"images": inference.generate(None, check_latent(z))}, [latent]
        )
        found["sample"] = Signature(
            lambda seed: {"images": inference.generate(None, draw(seed, Z))}, [seed]
        )
        return found
    found[CLASSIFY] = Signature(ranked, [strings["inputs"]])
    found["generate"] = Signature(
        lambda y, z: {"images": inference.generate(check_class(y), check_latent(z))},
        [class_id, latent],
    )
    found["analogies"] = Signature(lambda x: {"images": inference.analogies(check(x))}, [images])
    found["sample"] = Signature(
        lambda y, seed: {"images": inference.generate(check_class(y), draw(seed, Z))},
        [class_id, seed],
    )
    return found


def draw(seed, latent_dim):
    """z ~ N(0, I), [B, Z], each row from its own seed: the same whatever the rest of the batch."""
    with tf.control_dependencies([inputs.check_count(seed, "seed")]):
        seed = tf.identity(seed)
    return tf.map_fn(
        lambda s: tf.random.stateless_normal([latent_dim], tf.stack([s, 0])),
        seed,
        fn_output_signature=tf.TensorSpec([latent_dim], tf.float32),
    )
