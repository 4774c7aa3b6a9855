"""A classifier that goes on learning: the last layer of q(y|x) adapts to a user's examples."""

from typing import Any

import keras
import tensorflow as tf

from keras_dgm.serving.deployed import DeployedM2
from keras_dgm.serving.endpoint import ClassId, Endpoint, Features, Input


def endpoints(deployed: DeployedM2, features: Features, class_id: ClassId) -> dict[str, Endpoint]:
    """What changes and reads the last layer; nothing unless it is a linear Dense layer.

    `train` makes one step of gradient descent on the mean of -log q(y|x) over `images` [B, D] and
    `class_id` [B], with the step size `learning_rate` [], and returns the `loss` before it.
    `infer` maps `images` to `probabilities`; `get_weights` returns `kernel` [H, K] and `bias`
    [K]; `set_weights` takes and returns them.
    """
    *body, last = deployed.classifier.stages
    if not (isinstance(last, keras.layers.Dense) and last.activation is keras.activations.linear):
        return {}
    kernel = tf.Variable(last.kernel.numpy(), name="kernel")  # [H, K]
    bias = tf.Variable(last.bias.numpy(), name="bias")  # [K]

    def hidden(images):
        h = deployed.inputs(images)
        for stage in body:
            h = stage(h)
        return h

    def infer(images):
        return {"probabilities": tf.nn.softmax(hidden(images) @ kernel + bias)}

    def train(images, y, learning_rate):
        h = hidden(images)  # [B, H]
        log_probs = tf.nn.log_softmax(h @ kernel + bias)  # [B, K]
        target = tf.one_hot(y, last.units)
        loss = -tf.reduce_mean(tf.reduce_sum(target * log_probs, -1))
        # The gradient of the loss with respect to the logits, [B, K].
        gradient = (tf.exp(log_probs) - target) / tf.cast(tf.shape(h)[0], tf.float32)
        kernel.assign_sub(learning_rate * tf.matmul(h, gradient, transpose_a=True))
        bias.assign_sub(learning_rate * tf.reduce_sum(gradient, 0))
        return {"loss": loss}

    def get_weights():
        return {"kernel": kernel.read_value(), "bias": bias.read_value()}

    def set_weights(new_kernel, new_bias):
        kernel.assign(new_kernel)
        bias.assign(new_bias)
        return {"kernel": new_kernel, "bias": new_bias}

    def tensor(name: str, shape: Any) -> Input:
        return Input(name, tuple(shape), batched=False)

    weights = (tensor("kernel", kernel.shape), tensor("bias", bias.shape))
    return {
        "train": Endpoint(train, (features, class_id, tensor("learning_rate", ()))),
        "infer": Endpoint(infer, (features,)),
        "get_weights": Endpoint(get_weights, ()),
        "set_weights": Endpoint(set_weights, weights),
    }
