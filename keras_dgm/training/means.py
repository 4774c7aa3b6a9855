"""Means that may be over nothing: their weights sum to 0, and Keras has 0 for them."""

import math
from typing import Any

import keras
import tensorflow as tf


def or_nan(value: Any, weight: Any) -> Any:
    """What was averaged with this sum of weights, tensors; NaN where the sum is 0."""

    def of_part(part: Any) -> Any:
        part = tf.convert_to_tensor(part)
        if not part.dtype.is_floating:
            return part
        nan = tf.constant(math.nan, part.dtype)
        return tf.where(tf.convert_to_tensor(weight) > 0, part, nan)

    return tf.nest.map_structure(of_part, value)


def is_empty(mean: keras.metrics.Mean) -> bool:
    """Whether a mean is over nothing; outside of a graph."""
    return not tf.convert_to_tensor(mean.count)
