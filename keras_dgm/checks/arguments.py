"""Checks of single arguments: numbers, flags, sizes, names."""

import contextlib
import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def check_integer(value: object, *, argument: str, at_least: int = 0) -> int:
    """Returns `value` as an int.

    Raises:
        ValueError: if `value` is not an integer of at least `at_least`.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = at_least - 1
    if number < at_least or isinstance(value, (bool, np.bool_)):
        raise ValueError(
            f"`{argument}` must be an integer of at least {at_least}, got {shown(value)}"
        )
    return number


def check_positive_integer(value: object, *, argument: str) -> int:
    """Returns `value` as an int.

    Raises:
        ValueError: if `value` is not an integer of at least 1.
    """
    return check_integer(value, argument=argument, at_least=1)


def check_seed(seed: object, *, argument: str = "seed") -> int:
    """Returns `seed` as an int.

    Raises:
        ValueError: if `seed` is not an integer of at least 0.
    """
    return check_integer(seed, argument=argument)


def check_number(value: object, *, argument: str, positive: bool = False) -> float:
    """Returns `value` as a float.

    Raises:
        ValueError: if `value` is no finite number, is negative, or is 0 where it must be positive.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    number = float(value) if is_number else math.nan  # type: ignore[arg-type]
    if not (0 < number < math.inf or (number == 0 and not positive)):
        rule = "positive and finite" if positive else "finite and not negative"
        raise ValueError(f"`{argument}` must be {rule}, got {shown(value)}")
    return number


def check_flag(value: object, *, argument: str) -> bool:
    """Returns `value` as a bool.

    Raises:
        ValueError: if `value` is neither True nor False.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"`{argument}` must be True or False, got {shown(value)}")
    return bool(value)


def check_widths(widths: object, *, argument: str, at_least: int = 0) -> tuple[int, ...]:
    """Returns the widths of layers as ints.

    Raises:
        ValueError: if `widths` is not a sequence of positive integers, or has fewer than
            `at_least`.
    """
    if not isinstance(widths, Sequence) or isinstance(widths, str) or len(widths) < at_least:
        raise ValueError(
            f"`{argument}` must be a sequence of at least {at_least} positive integers, "
            f"got {shown(widths)}"
        )
    return tuple(check_positive_integer(width, argument=argument) for width in widths)


def check_names(names: Sequence[str], *, num_classes: int) -> tuple[str, ...]:
    """Checks the names of the classes and returns them as a tuple.

    Raises:
        ValueError: if they are not K different texts.
    """
    found: tuple[Any, ...] = ()
    if not isinstance(names, str):
        with contextlib.suppress(TypeError):
            found = tuple(names)
    texts = {name for name in found if isinstance(name, str)}
    if not len(texts) == len(found) == num_classes:
        raise ValueError(f"`class_names` must be {num_classes} different texts, got {names!r}")
    return tuple(str(name) for name in found)


def check_class_prior(prior: npt.ArrayLike, *, num_classes: int) -> tuple[float, ...]:
    """Checks p(y) and returns it as floats.

    Raises:
        ValueError: if `prior` is not K positive numbers that sum to 1.
    """
    array = as_floats(prior)
    if not (are_proportions(array, num_classes) and (array > 0).all()):
        raise ValueError(
            f"`class_prior` must be {num_classes} positive numbers that sum to 1, got {prior!r}"
        )
    return tuple(array.tolist())


def are_proportions(values: np.ndarray, count: int) -> bool:
    """Whether these are so many numbers, none negative, that sum to 1."""
    return values.shape == (count,) and bool((values >= 0).all() and np.isclose(values.sum(), 1))


def as_floats(values: Any) -> np.ndarray:
    """Numbers as float64; a lone NaN where they are none."""
    with contextlib.suppress(ValueError):
        array = np.asarray(values)
        if array.dtype.kind in "buif":
            return array.astype(np.float64)
    return np.array(math.nan)


def shown(value: object) -> str:
    """A value as in an error message."""
    return "no value (None)" if value is None else repr(value)
