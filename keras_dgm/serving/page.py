"""What the web page runs of a classifier: it reads an input once, and draws a style."""

from collections.abc import Callable

import tensorflow as tf

from keras_dgm.serving.deployed import DeployedM2
from keras_dgm.serving.endpoint import Endpoint, Features, Latent


def endpoints(
    deployed: DeployedM2, features: Features, style: Latent, predict: Callable, samples: Callable
) -> dict[str, Endpoint]:
    """The two functions of the page, with every network in one of them alone.

    `read` maps `images` [B, D] to `probabilities` [B, K] and to `styles` [B, K, Z], the means of
    q(z|x,y) in every class. Where the last layer of q(y|x) can learn on, it puts out as well what
    that layer sees, `hidden` [B, H]. `restyle` maps `style` [B, Z] to `images` [B, K, D].

    Args:
        deployed: of the model.
        features: its input.
        style: its latent variables.
        predict: of arrays x [N, D], the probabilities that Keras gives.
        samples: of arrays z [N, Z], Keras' means in every class, [N, K, D].
    """
    last = deployed.classifier.stages[-1]

    def read(images):
        inputs = deployed.inputs(images)
        hidden = deployed.seen_by_last(inputs)
        outputs = {
            "probabilities": tf.nn.softmax(last(hidden)),
            "styles": deployed.styles(inputs),
        }
        return outputs | ({"hidden": hidden} if deployed.learns_on else {})

    return {
        "read": Endpoint(read, (features,), lambda x: {"probabilities": predict(x)}),
        "restyle": Endpoint(
            lambda z: {"images": deployed.in_all_classes(z)},
            (style,),
            lambda z: {"images": samples(z)},
        ),
    }
