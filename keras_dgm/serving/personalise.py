"""A classifier that goes on learning: the last layer of q(y|x) adapts to a user's examples."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_dgm.serving import inputs
from keras_dgm.serving.deployed import DeployedM2
from keras_dgm.serving.endpoint import ClassId, Endpoint, Features, Input

# The step size to begin with: of 5 examples a class, 100 steps.
LEARNING_RATE = 0.05


def endpoints(deployed: DeployedM2, features: Features, class_id: ClassId) -> dict[str, Endpoint]:
    """What changes and reads the last layer; nothing unless it is a linear Dense layer.

    `train` makes one step of gradient descent on the mean of -log q(y|x) over `images` [B, D] and
    `class_id` [B], with the step size `learning_rate` [], and returns the `loss` before it and of
    how many `examples` it is the mean: of those that keep the rules of the inputs. Without one,
    with a rate that is no finite number above 0, or where a weight would no longer be finite, the
    weights stay, `examples` is 0 and `loss` NaN.
    `infer` maps `images` to `probabilities`; `get_weights` returns `kernel` [H, K] and `bias`
    [K]; `set_weights` takes them, unless one is not finite, and returns those that now hold.
    """
    if not deployed.learns_on:
        return {}
    last = deployed.classifier.stages[-1]
    kernel = tf.Variable(last.kernel.numpy(), name="kernel")  # [H, K]
    bias = tf.Variable(last.bias.numpy(), name="bias")  # [K]

    def finite(tensor):
        return tf.reduce_all(tf.math.is_finite(tensor))

    def hidden(images):
        return deployed.seen_by_last(deployed.inputs(images))

    def infer(images):
        return {"probabilities": tf.nn.softmax(hidden(images) @ kernel + bias)}

    def train(images, y, learning_rate):
        valid = features.valid(images) & class_id.valid(y)
        usable = (learning_rate > 0) & (learning_rate < np.inf)  # NaN is neither.
        count = tf.where(usable, tf.reduce_sum(tf.cast(valid, tf.float32)), 0.0)
        weight = tf.cast(valid, tf.float32) / tf.maximum(count, 1)  # [B]
        h = hidden(inputs.keep_rows(images, valid))  # [B, H]
        log_probs = tf.nn.log_softmax(h @ kernel + bias)  # [B, K]
        target = tf.one_hot(y, last.units)
        loss = -tf.reduce_sum(weight[:, None] * target * log_probs)
        # The gradient of the loss with respect to the logits, [B, K].
        gradient = weight[:, None] * (tf.exp(log_probs) - target)
        new_kernel = kernel - learning_rate * tf.matmul(h, gradient, transpose_a=True)
        new_bias = bias - learning_rate * tf.reduce_sum(gradient, 0)
        learned = (count > 0) & finite(new_kernel) & finite(new_bias)
        kernel.assign(tf.where(learned, new_kernel, kernel))
        bias.assign(tf.where(learned, new_bias, bias))
        return {
            "loss": tf.where(learned, loss, np.nan),
            "examples": tf.where(learned, tf.cast(count, tf.int32), 0),
        }

    def get_weights():
        return {"kernel": kernel.read_value(), "bias": bias.read_value()}

    def set_weights(new_kernel, new_bias):
        both = finite(new_kernel) & finite(new_bias)
        kernel.assign(tf.where(both, new_kernel, kernel))
        bias.assign(tf.where(both, new_bias, bias))
        return get_weights()

    def tensor(name: str, shape: Any) -> Input:
        return Input(name, tuple(shape), batched=False)

    weights = (tensor("kernel", kernel.shape), tensor("bias", bias.shape))
    return {
        "train": Endpoint(train, (features, class_id, tensor("learning_rate", ()))),
        "infer": Endpoint(infer, (features,)),
        "get_weights": Endpoint(get_weights, ()),
        "set_weights": Endpoint(set_weights, weights),
    }
