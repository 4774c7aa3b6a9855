"""What a model sees of its examples."""

from typing import NamedTuple

import tensorflow as tf


class Observation(NamedTuple):
    """What of some examples stays the same from step to step, computed once a data set.

    A model of x observes a point. M1+M2 observes q(z1|x), of which each step draws a point.

    Attributes:
        location: [B, W], the point, or the mean.
        scale: [B, W], the standard deviation; of a point (), a structure without a tensor.
    """

    location: tf.Tensor
    scale: tf.Tensor | tuple[()] = ()
