"""A LiteRT file that goes on learning: the last layer of q(y|x) adapts to a user's examples."""

import keras
import tensorflow as tf

from export import litert


def endpoints(inference):
    """The signatures of the file, and the Keras layers that they use.

    `train` makes one step of gradient descent on the mean of -log q(y|x) over `images` [B, D] and
    `class_id` [B], with the step size `learning_rate` [], and returns the `loss` before it.
    `infer` maps `images` to `probabilities`; `get_weights` returns `kernel` [H, K] and `bias`
    [K]; `set_weights` takes and returns them.

    Raises:
        ValueError: if the classifier does not end in a linear Dense layer.
    """
    last = last_layer(inference)
    if last is None:
        raise ValueError("`classifier` must end in a linear Dense layer to be personalised")
    *body, _ = inference.classifier_stages
    kernel = tf.Variable(last.kernel.numpy(), name="kernel")  # [H, K]
    bias = tf.Variable(last.bias.numpy(), name="bias")  # [K]
    K = last.units

    def hidden(images):
        h = inference.features(images)
        for stage in body:
            h = stage(h)
        return h

    def infer(images):
        return {"probabilities": tf.nn.softmax(hidden(images) @ kernel + bias)}

    def train(images, class_id, learning_rate):
        h = hidden(images)  # [B, H]
        log_probs = tf.nn.log_softmax(h @ kernel + bias)  # [B, K]
        target = tf.one_hot(class_id, K)
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

    images = tf.TensorSpec([None, inference.input_dim], tf.float32, "images")
    class_id = tf.TensorSpec([None], tf.int32, "class_id")
    learning_rate = tf.TensorSpec([], tf.float32, "learning_rate")
    weights = [
        tf.TensorSpec(kernel.shape, tf.float32, "kernel"),
        tf.TensorSpec(bias.shape, tf.float32, "bias"),
    ]
    return {
        "train": litert.Endpoint(train, [images, class_id, learning_rate]),
        "infer": litert.Endpoint(infer, [images]),
        "get_weights": litert.Endpoint(get_weights, []),
        "set_weights": litert.Endpoint(set_weights, weights),
    }


def last_layer(inference):
    """The linear Dense layer that puts out the logits of q(y|x), or None."""
    last = inference.classifier_stages[-1]
    is_linear = isinstance(last, keras.layers.Dense) and last.activation is keras.activations.linear
    return last if is_linear else None
