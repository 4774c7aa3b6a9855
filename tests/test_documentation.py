"""What the README and the site say: sizes, numbers, links, lines of code that run."""

import re
from pathlib import Path

import pytest

from keras_dgm.runs import files
from train.report import with_error

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def test_the_readme_stays_short():
    assert len(README.read_bytes()) <= 7 * 1024


def test_the_readme_s_numbers_are_those_of_the_committed_results():
    """Each row is one of table 1, of the comparison, or made of draws.json."""
    tables = ROOT / "docs/measured/table1.md", ROOT / "docs/results/compare/README.md"
    known = [line for path in tables for line in path.read_text().splitlines()]
    draws = files.read_json(ROOT / "docs" / "results" / "digits-50" / "draws.json")
    ours = [draw["test_error"] for draw in draws]
    of_digits = {"M1+M2": ours} | {
        name: [draw["baselines"][name]["test_error"] for draw in draws]
        for name in draws[0]["baselines"]
    }
    numbers = [with_error(errors).removesuffix(" %") for errors in of_digits.values()]
    for cells in (of_digits, ["---"] * len(numbers), numbers):
        known.append(f"| {' | '.join(cells)} |")
    rows = [line for line in README.read_text().splitlines() if line.startswith("| ")]

    assert [row for row in rows if "**M1+M2**" in row] and known[-1] in rows
    assert [row for row in rows if row not in known] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md"])
def test_links_lead_to_files(name):
    """Sphinx looks after those of the site."""
    links = LINK.findall((ROOT / name).read_text())

    wrong = [link for link in links if ":" not in link and not (ROOT / link).exists()]
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_the_readme_s_python_runs(number, tmp_path, monkeypatch):
    """As it is, but for the number of epochs."""
    monkeypatch.chdir(tmp_path)
    code = BLOCK.findall(README.read_text())[number]

    exec(re.sub(r"epochs=\d+", "epochs=1", code), {})


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.stem)
def test_the_site_s_python_is_python(path):
    for code in BLOCK.findall(path.read_text()):
        compile(code, str(path), "exec")
