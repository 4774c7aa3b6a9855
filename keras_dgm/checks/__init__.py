"""Checks of what callers pass in: an error names the argument, the rule and the value received."""

from keras_dgm.checks.arguments import (
    are_proportions,
    as_floats,
    check_class_prior,
    check_flag,
    check_integer,
    check_names,
    check_number,
    check_positive_integer,
    check_seed,
    check_widths,
    shown,
)
from keras_dgm.checks.examples import (
    check_features,
    check_labels,
    check_numbers,
    check_weights,
)

__all__ = [
    "are_proportions",
    "as_floats",
    "check_class_prior",
    "check_features",
    "check_flag",
    "check_integer",
    "check_labels",
    "check_names",
    "check_number",
    "check_numbers",
    "check_positive_integer",
    "check_seed",
    "check_weights",
    "check_widths",
    "shown",
]
