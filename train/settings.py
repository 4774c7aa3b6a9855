"""Which values a setting may have: said by the type of its field, checked in one place.

A field that is a number has a type from here; texts, paths, truth values and choices need none. One
whose type leaves a number without a rule is refused, whatever its value.
"""

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import keras
import tyro

from programs.commands import shown


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a value must do.

    Attributes:
        text: after "must", in messages.
        holds: whether a value does.
    """

    text: str
    holds: Callable[[Any], bool]

    def check(self, value, flag):
        if not self.holds(value):
            raise ValueError(f"`{flag}` must {self.text}, got {value!r}")


def _is_integer(value, lowest):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= lowest


def _is_activation(value):
    try:
        keras.activations.get(value)
    except ValueError:
        return False
    return True


Positive = Annotated[int, Rule("be an integer of at least 1", lambda value: _is_integer(value, 1))]
NonNegative = Annotated[
    int, Rule("be an integer of at least 0", lambda value: _is_integer(value, 0))
]
PositiveReal = Annotated[float, Rule("be positive and finite", lambda value: 0 < value < math.inf)]
NonNegativeReal = Annotated[
    float, Rule("be finite and not negative", lambda value: 0 <= value < math.inf)
]
Fraction = Annotated[float, Rule("lie in [0, 1)", lambda value: 0 <= value < 1)]
Activation = Annotated[str, Rule("name an activation of Keras", _is_activation)]
Widths = Annotated[tuple[Positive, ...], Rule("name at least one layer", bool)]
Seeds = Annotated[tuple[NonNegative, ...], Rule("name at least one", bool)]
# Of a field that holds settings whose flags do not begin with its own name.
INLINE = tyro.conf.arg(name="")

NEED_NONE = (bool, str, Path, types.NoneType)


def told(kind, command, args, default=None):
    """What the arguments of a shell say, checked.

    Args:
        kind: a dataclass of settings.
        command: of `python -m train`.
        args: the arguments.
        default: an instance of `kind` with the values of what `args` do not name.

    Raises:
        ValueError: naming the flag, the rule and the value received.
    """
    prog = shown(f"python -m train {command}")
    config = tyro.cli(kind, args=args, default=default, prog=prog)
    check_rules(config)
    return config


def check_rules(config, prefix=""):
    """Refuse settings that break a rule of their own.

    Args:
        config: an instance of a dataclass; its fields may hold others.
        prefix: of its flags.

    Raises:
        ValueError: naming the flag, the rule and the value received.
        TypeError: if a field has a type without a rule.
    """
    for name, kind in typing.get_type_hints(type(config), include_extras=True).items():
        if lacks_rule(kind):
            raise TypeError(f"`{prefix}{name}` must have a rule for its type, got {kind}")
        _check(getattr(config, name), kind, prefix + name)


def lacks_rule(kind):
    """Whether a type admits values that no rule decides on."""
    if typing.get_origin(kind) is Annotated:
        base, *metadata = typing.get_args(kind)
        ruled = any(isinstance(each, Rule) for each in metadata)
        return lacks_rule(base) and not (ruled and not typing.get_args(base))
    if typing.get_origin(kind) is Literal or dataclasses.is_dataclass(kind):
        return False
    parts = [part for part in typing.get_args(kind) if part is not Ellipsis]
    return any(map(lacks_rule, parts)) if parts else kind not in NEED_NONE


def _check(value, kind, flag):
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        base, *metadata = arguments
        if dataclasses.is_dataclass(base):
            check_rules(value, "" if INLINE in metadata else f"{flag}.")
            return
        for rule in metadata:
            if isinstance(rule, Rule):
                rule.check(value, flag)
        _check(value, base, flag)
    elif dataclasses.is_dataclass(kind):
        check_rules(value, f"{flag}.")
    elif origin is tuple:
        for each in value:
            _check(each, arguments[0], flag)
    elif origin in (Union, types.UnionType):
        if not any(_is_choice(value, member) for member in arguments):
            free = [member for member in arguments if not _is_of_choices(member)]
            for member in free or arguments:
                _check(value, member, flag)
    elif origin is Literal and value not in arguments:
        names = ", ".join(map(str, arguments))
        raise ValueError(f"`{flag}` must be one of {names}, got {value!r}")


def _is_of_choices(kind):
    return typing.get_origin(kind) is Literal or kind is types.NoneType


def _is_choice(value, kind):
    """Whether a value is one that a type lists."""
    if typing.get_origin(kind) is Literal:
        return value in typing.get_args(kind)
    return kind is types.NoneType and value is None
