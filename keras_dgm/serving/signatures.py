"""The signatures of a SavedModel: a model's endpoints, checked, and further ways to reach them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_dgm.data.columns import Column
from keras_dgm.serving import inputs, table
from keras_dgm.serving.endpoint import Endpoint, Features

CLASSIFY = "classify"
COLUMNS = "columns"
DEFAULT = "serving_default"
SCORE = "score"


class Signature(NamedTuple):
    """What `keras.export.ExportArchive` takes: a function of tensors, and specs of its inputs."""

    function: Callable[..., dict[str, Any]]
    inputs: list[tf.TensorSpec]


def signatures(
    endpoints: Mapping[str, Endpoint],
    class_names: Sequence[str] = (),
    image_shape: tuple[int, ...] | None = None,
    columns: Sequence[Column] = (),
) -> dict[str, Signature]:
    """All signatures of a model, of which the first endpoint is the default.

    | name | of | inputs | outputs |
    |---|---|---|---|
    | `serving_default` | the first endpoint | `images` [B, D] | its own |
    | `image_bytes` | images | `image_bytes`, PNG or JPEG files [B] | as `serving_default` |
    | `columns` | tables | each column by its name, [B]: floats, or strings | as `serving_default` |
    | `examples` | all | `examples`, serialized tf.Example with `x` [D] | as `serving_default` |
    | `classify` | a classifier | `inputs`, as `examples` | `classes`, `scores` [B, K] |
    | the other endpoints | | their own | their own |

    Each but `classify` puts out `valid` [B] too: a row that breaks a rule of an input, or cannot be
    read, is False there, NaN in floats, -1 in `class_id`, empty in `label`; the other rows of its
    batch are answered. Beside `probabilities` [B, K], an endpoint puts out `class_id` and `label`
    [B].

    Args:
        endpoints: of a model.
        class_names: K names, of a classifier.
        image_shape: (height, width) or (height, width, channels); None for tables, which have
            no `image_bytes`.
        columns: of a table, the D of the features; by default there is no `columns`.

    Raises:
        ValueError: if there are not D columns.
    """
    default = next(iter(endpoints.values()))
    (features,) = default.inputs
    assert isinstance(features, Features)

    def named(outputs):
        if "probabilities" not in outputs:
            return outputs
        y = tf.argmax(outputs["probabilities"], -1, output_type=tf.int32)
        y = tf.where(outputs["valid"], y, -1)
        # A constant: a table of the runtime's would keep other engines from reading it.
        return {**outputs, "class_id": y, "label": tf.gather(["", *class_names], y + 1)}

    def answer(x, readable):
        return named(default.guarded(x, readable=readable))

    def answer_examples(examples):
        return answer(*inputs.parse_examples(examples, features.shape[0]))

    def ranked(examples):
        scores = answer_examples(examples)["probabilities"]
        names = tf.broadcast_to(tf.constant(class_names), tf.shape(scores))
        return {"classes": names, "scores": scores}

    def signature(endpoint):
        def checked(*tensors):
            pairs = zip(tensors, endpoint.specs(), strict=True)
            # A session feeds tensors of any shape.
            return named(endpoint.guarded(*(tf.ensure_shape(t, s.shape) for t, s in pairs)))

        return Signature(checked, endpoint.specs())

    found = {DEFAULT: signature(default)}
    if image_shape is not None:
        found["image_bytes"] = Signature(
            lambda files: answer(*inputs.decode_images(files, image_shape)),
            [tf.TensorSpec([None], tf.string, "image_bytes")],
        )
    if columns:
        of_table = table.column_inputs(columns, features)
        found[COLUMNS] = Signature(
            lambda *tensors: answer(*table.encode(of_table, tensors)),
            [each.spec() for each in of_table],
        )
    found["examples"] = Signature(answer_examples, [tf.TensorSpec([None], tf.string, "examples")])
    found |= {name: signature(endpoint) for name, endpoint in endpoints.items()}
    if CLASSIFY in endpoints:
        found[CLASSIFY] = Signature(ranked, [tf.TensorSpec([None], tf.string, "inputs")])
    return found
