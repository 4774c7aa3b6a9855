"""Weights of examples by their class, as `class_weight` of Keras gives them."""

import math
import numbers
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_dgm import checks


def by_example(class_weight: Any, y: Any, sample_weight: Any, num_classes: int) -> np.ndarray:
    """The weight of each example, by its class where it is labelled.

    Args:
        class_weight: a dict from classes to weights; classes that it does not name weigh 1.
        y: labels [N].
        sample_weight: [N], by which these weights are multiplied; None: 1.
        num_classes: K.

    Returns:
        float32 [N].

    Raises:
        ValueError: naming the argument, the rule and the value received.
    """
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            "`class_weight` must be a dict from classes to weights, as {0: 1.0, 1: 5.0}, got "
            f"{class_weight!r}; compute_class_weight of sklearn.utils balances labelled examples"
        )
    wrong = [key for key in class_weight if not _is_class(key, num_classes)]
    if wrong:
        raise ValueError(
            f"`class_weight` must have integer keys from 0 to {num_classes - 1}, got {wrong}"
        )
    for label, weight in class_weight.items():
        if not _is_weight(weight):
            raise ValueError(
                f"`class_weight` must hold finite weights, not negative, got {weight!r} of class "
                f"{label}"
            )
    if y is None:
        raise ValueError("`class_weight` must be given with an array `y`; there is none")
    y = checks.check_labels(y, num_classes=num_classes)
    by_class = np.ones(num_classes + 1, np.float32)  # The last is of -1.
    for label, weight in class_weight.items():
        by_class[label] = weight
    if sample_weight is None:
        return by_class[y]
    weights = checks.check_weights(sample_weight, argument="sample_weight", length=len(y))
    return by_class[y] * weights


def _is_class(key: Any, num_classes: int) -> bool:
    try:
        return not isinstance(key, (bool, np.bool_)) and 0 <= operator.index(key) < num_classes
    except TypeError:
        return False


def _is_weight(value: Any) -> bool:
    return isinstance(value, numbers.Real) and 0 <= float(value) < math.inf
