"""Imports point one way, whatever is written at the top of a module or inside a function."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A part of the package imports from itself and from parts of earlier ranks.
RANKS = [
    {"containers"},
    {"labels"},
    {"_version", "activations", "checks", "runs"},
    {"distributions", "networks", "class_sums", "data"},
    {"adversarial", "convolutions"},
    {"trunks"},
    {"likelihoods"},
    {"preprocessing"},
    {"bounds", "serving"},
    {"training"},
    {"models"},
    {"evaluation", "generation", "classifiers"},
]
RANK = {part: rank for rank, parts in enumerate(RANKS) for part in parts}


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def imports(path):
    """The absolute names that a module imports; `from a import b` counts as a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
            base = ".".join([*(package if node.level else ()), *filter(None, [node.module])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def parts_imported(path):
    """The parts of keras_dgm that a module imports."""
    names = (name.split(".") for name in imports(path))
    return {name[1] for name in names if name[0] == "keras_dgm" and len(name) > 1}


@pytest.mark.parametrize("path", modules("keras_dgm"), ids=lambda p: str(p.relative_to(ROOT)))
def test_parts_of_the_package_import_from_earlier_ones(path):
    part = path.relative_to(ROOT / "keras_dgm").with_suffix("").parts[0]
    if part == "__init__":
        return

    assert part in RANK, f"give {part!r} its place in RANKS"
    imported = parts_imported(path) - {part}
    assert {name for name in imported if RANK.get(name, len(RANKS)) >= RANK[part]} == set()


@pytest.mark.parametrize("path", modules("keras_dgm"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_package_imports_no_program(path):
    roots = {name.split(".")[0] for name in imports(path)}

    assert roots & {"train", "export", "programs", "tests"} == set()


def test_the_walk_sees_every_kind_of_import(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "keras_dgm" / "models" / "m1.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import keras_dgm.bounds\nfrom keras_dgm import checks\nfrom .base import a\n"
        "from ..data import batches\ndef f():\n    from keras_dgm.networks import mlp\n"
    )

    assert parts_imported(path) == {"bounds", "checks", "models", "data", "networks"}


@pytest.mark.parametrize("path", modules("programs"), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_the_programs_share_starts_without_the_package(path):
    """Importing it would import TensorFlow before `quiet_tensorflow` can keep it quiet."""
    roots = {name.split(".")[0] for name in imports(path)}

    assert roots & {"keras_dgm", "train", "export", "tests"} == set()


def test_what_export_shares_with_train_is_in_neither():
    for path in modules("export"):
        assert "train" not in {name.split(".")[0] for name in imports(path)}, path
