"""Outside of keras_dgm/models, nothing asks what kind of model it has."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "keras_dgm" / "models"

ASKING = {"isinstance", "issubclass", "hasattr", "getattr"}
KINDS = {"M1", "M2", "VAE", "StackedM1M2", "ConditionalM1", "DeepGenerativeModel"}
KINDS |= {"Autoencoder", "GenerativeClassifier", "ADGM", "SDGM"}
TYPES = {"type", "__class__"}
TRAITS = {"m1", "m2", "num_classes", "has_classifier"}


def modules(*folders):
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in found]


def named(node):
    """The names, attributes and texts in an expression."""
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                yield name


def questions(tree):
    """Where a program asks for the kind of a model: what it calls or matches, and the line."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in ASKING:
                asked = {each for argument in node.args for each in named(argument)}
                traits = TRAITS & {a.value for a in node.args if isinstance(a, ast.Constant)}
                if KINDS & asked or traits:
                    yield name, node.lineno
            case ast.MatchClass(cls=cls) if KINDS & set(named(cls)):
                yield "case", cls.lineno
            case ast.Compare() if KINDS & set(named(node)) and TYPES & set(named(node)):
                yield "comparison", node.lineno


@pytest.mark.parametrize("path", modules("keras_dgm", "train", "export"))
def test_no_module_asks_for_the_kind_of_a_model(path):
    if MODELS not in path.parents:
        assert list(questions(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize("path", modules("keras_dgm", "train", "export", "programs"))
def test_no_class_is_a_mixin(path):
    classes = [n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ClassDef)]

    assert [name for name in classes if name.endswith("Mixin")] == []


@pytest.mark.parametrize(
    "line",
    [
        "isinstance(model, M1)",
        "isinstance(model, (int, dgm.StackedM1M2))",
        "issubclass(type(model), models.base.DeepGenerativeModel)",
        "hasattr(model, 'm1')",
        "getattr(model, 'num_classes', None)",
        "match model:\n    case dgm.M2(): pass",
        "type(model) is dgm.M2",
        "type(model).__name__ == 'M1'",
    ],
)
def test_the_walk_sees_every_way_to_ask(line):
    assert len(list(questions(ast.parse(line)))) == 1


def test_the_walk_lets_other_questions_pass():
    line = "isinstance(x, tf.data.Dataset) and getattr(module, model.num_classes) is m1"

    assert list(questions(ast.parse(line))) == []
    assert list(questions(ast.parse("spread > dgm.StackedM1M2.COLLAPSED_STDDEV"))) == []
