"""Every setting of every command has a rule, or a type that needs none."""

import dataclasses
import importlib
import pkgutil
from pathlib import Path
from typing import Annotated, Literal, get_origin, get_type_hints

import pytest

import train
from train import recipes, settings
from train.cli import DrawsConfig
from train.config import FitConfig
from train.settings import (
    INLINE,
    Activation,
    Fraction,
    NonNegativeReal,
    Positive,
    PositiveReal,
    Seeds,
    Widths,
)


def configs():
    """The dataclasses that commands are told, in all modules of train."""
    modules = (m.name for m in pkgutil.walk_packages(train.__path__, "train."))
    members = (
        member
        for name in modules
        if not name.endswith("__main__")
        for member in vars(importlib.import_module(name)).values()
    )
    suffixes = ("Config", "Recipe")
    found = {m for m in members if isinstance(m, type) and m.__name__.endswith(suffixes)}
    return sorted(filter(dataclasses.is_dataclass, found), key=lambda kind: kind.__name__)


FIELDS = [
    pytest.param(hint, id=f"{kind.__name__}.{name}")
    for kind in configs()
    for name, hint in get_type_hints(kind, include_extras=True).items()
]


def test_the_walk_finds_the_commands_of_every_folder():
    names = {kind.__name__ for kind in configs()}

    assert {"FitConfig", "DrawsConfig", "Recipe", "M1Recipe", "M2Recipe", "FiguresConfig"} <= names
    assert {"LikelihoodConfig", "LaunchConfig", "Table1Config", "AevbConfig"} <= names
    assert {"StudyConfig", "BenchmarkConfig", "ScalingConfig"} <= names


@pytest.mark.parametrize("hint", FIELDS)
def test_no_field_lacks_a_rule(hint):
    assert not settings.lacks_rule(hint)


@pytest.mark.parametrize("kind", configs(), ids=lambda kind: kind.__name__)
def test_defaults_keep_the_rules(kind):
    required = {
        f.name: ("run",) if get_origin(get_type_hints(kind)[f.name]) is tuple else Path("run")
        for f in dataclasses.fields(kind)
        if f.default is f.default_factory is dataclasses.MISSING
    }
    settings.check_rules(kind(**required))


def test_recipes_keep_the_rules():
    for recipe in recipes.RECIPES.values():
        settings.check_rules(recipe)


@dataclasses.dataclass(frozen=True)
class Inner:
    width: Positive = 1


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner = dataclasses.field(default_factory=Inner)
    inline: Annotated[Inner, INLINE] = dataclasses.field(default_factory=Inner)
    widths: Widths = (1,)
    seeds: Seeds = (0,)
    maybe: Positive | None = None
    choice: Literal["exact"] | Positive = "exact"
    prior: Literal["uniform"] | tuple[PositiveReal, ...] = "uniform"
    mode: Literal["a", "b"] | None = None
    part: Fraction = 0.0
    weight: NonNegativeReal = 0.0
    activation: Activation = "relu"


WRONG = [
    ({"inner": Inner(0)}, "`inner.width` must be an integer of at least 1, got 0"),
    ({"inline": Inner(True)}, "`width` must be an integer of at least 1, got True"),
    ({"widths": ()}, "`widths` must name at least one layer, got ()"),
    ({"widths": (3, 0)}, "`widths` must be an integer of at least 1, got 0"),
    ({"seeds": ()}, "`seeds` must name at least one, got ()"),
    ({"seeds": (-1,)}, "`seeds` must be an integer of at least 0, got -1"),
    ({"maybe": 1.5}, "`maybe` must be an integer of at least 1, got 1.5"),
    ({"choice": 0}, "`choice` must be an integer of at least 1, got 0"),
    ({"choice": "all"}, "`choice` must be an integer of at least 1, got 'all'"),
    ({"prior": (0.5, 0.0)}, "`prior` must be positive and finite, got 0.0"),
    ({"mode": "c"}, "`mode` must be one of a, b, got 'c'"),
    ({"part": 1.0}, "`part` must lie in [0, 1), got 1.0"),
    ({"weight": float("nan")}, "`weight` must be finite and not negative, got nan"),
    ({"weight": float("inf")}, "`weight` must be finite and not negative, got inf"),
    ({"activation": "softmin"}, "`activation` must name an activation of Keras, got 'softmin'"),
]


@pytest.mark.parametrize("values, message", WRONG, ids=[message for _, message in WRONG])
def test_the_message_names_the_flag_the_rule_and_the_value(values, message):
    settings.check_rules(Outer())
    with pytest.raises(ValueError) as error:
        settings.check_rules(Outer(**values))
    assert str(error.value) == message


@pytest.mark.parametrize(
    "values", [{"choice": 3}, {"prior": (0.1, 0.9)}, {"mode": "a"}, {"maybe": 2}]
)
def test_values_that_keep_their_rules(values):
    settings.check_rules(Outer(**values))


@pytest.mark.parametrize(
    "hint", [int, float, int | None, tuple[int, ...], Literal["a"] | int, dict, list[str] | float]
)
def test_a_number_without_a_rule_is_refused_whatever_its_value(hint):
    kind = dataclasses.make_dataclass("Unruled", [("size", hint)])

    with pytest.raises(TypeError, match="`size` must have a rule"):
        settings.check_rules(kind(None))


def test_flags_of_draws_are_those_of_fit_and_seeds():
    hints = get_type_hints(DrawsConfig, include_extras=True)

    assert hints == {**get_type_hints(FitConfig, include_extras=True), "seeds": Seeds}
