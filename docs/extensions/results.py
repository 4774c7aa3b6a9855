"""The committed results, and how a table says them in Markdown."""

import json
import statistics
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
RESULTS = DOCS / "results"


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def files(folder, pattern):
    """The contents of some results, in the order of their names.

    Raises:
        FileNotFoundError: if there is none: a table would be empty in silence.
    """
    found = sorted((RESULTS / folder).glob(pattern))
    if not found:
        raise FileNotFoundError(f"no {pattern} in {RESULTS / folder}")
    return [read(path) for path in found]


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def spread(values, factor=100, digits=2):
    """Mean ± standard error."""
    mean = f"{factor * statistics.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    error = factor * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean} ± {error:.{digits}f}"
