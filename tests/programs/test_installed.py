"""`keras-dgm` as the wheel installs it, in an environment of its own and far from the checkout."""

import csv
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from keras_dgm_programs.__main__ import COMMANDS, USAGE
from programs import commands

ROOT = Path(__file__).parents[2]
PARTS = ("keras_dgm", "keras_dgm_programs", "train", "export", "programs")
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
FEW = "--no-baselines --m2.no-committee --m2.steps 30 --m2.labels-first 30".split()


def test_the_usage_names_every_command():
    named = {line.split()[0] for line in USAGE.splitlines() if line.startswith("  ")}

    assert named - {"keras-dgm"} == set(COMMANDS)


def test_commands_are_shown_as_they_are_called(monkeypatch):
    text = "python -m train fit\npython -m export bundle\npython -m trainer"
    assert commands.shown(text) == text

    monkeypatch.setattr(commands, "_called", "keras-dgm")
    assert commands.shown(text) == "keras-dgm fit\nkeras-dgm bundle\npython -m trainer"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with the wheel, and with what this one has installed."""
    folder = tmp_path_factory.mktemp("installed")
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / part, folder / "source" / part, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / "source")
    pip = [sys.executable, "-m", "pip"]
    told = ["--quiet", "--disable-pip-version-check", "--no-deps"]
    wheel = [*pip, "wheel", *told, "--no-build-isolation", "-w", folder, folder / "source"]
    subprocess.run(wheel, check=True)
    venv.create(folder / "venv", symlinks=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (site / "shared.pth").write_text("\n".join(shared))
    (made,) = folder.glob("keras_dgm-*.whl")
    into = ["--python", folder / "venv" / "bin" / "python", "install", "--no-index"]
    subprocess.run([*pip, *into, *told, made], check=True)
    return folder / "venv", site


@pytest.mark.slow
def test_nothing_of_a_common_name_is_installed(environment):
    _, site = environment

    names = {path.name for path in site.iterdir()} - {"shared.pth"}
    assert {name.partition("-")[0] for name in names} == {"keras_dgm", "keras_dgm_programs"}
    parts = {path.name for path in (site / "keras_dgm_programs").iterdir() if path.is_dir()}
    assert parts - {"__pycache__"} == {"train", "export", "programs"}


@pytest.mark.slow
def test_a_table_is_learned_and_predicted(environment, tmp_path):
    folder, _ = environment

    def call(*arguments):
        environ = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        command = [str(folder / "bin" / "keras-dgm"), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    rows = [("height", "weight", "kind")]
    rows += [(i % 7 + 10 * (i % 2), i % 5, "big" if i % 2 else "small") for i in range(120)]
    rows[-40:] = [(*row[:2], "") for row in rows[-40:]]
    with open(tmp_path / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)

    helped = call("--help")
    assert helped.returncode == 0 and helped.stdout == USAGE
    assert "unknown command 'table1'" in call("table1").stderr
    fitted = call("fit", "--dataset", "table.csv", "--target", "kind", "--run-dir", "run", *FEW)
    assert fitted.returncode == 0, fitted.stderr
    assert json.loads((tmp_path / "run" / "result.json").read_text())["test_error"] < 0.3
    predicted = call("predict", "run", "table.csv", "--output", "labelled.csv")
    assert predicted.returncode == 0, predicted.stderr
    with open(tmp_path / "labelled.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 120
    # A worker imports the same programs; its help is quick.
    launched = call("launch", "--workers", "1", "--", "fit", "--help")
    assert launched.returncode == 0 and "--num-labeled" in launched.stdout, launched.stderr
