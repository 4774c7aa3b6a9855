"""The report of a bundle: one table."""

import platform
from importlib import metadata

import keras_dgm as dgm
from export import measure

PACKAGES = ("keras", "tensorflow", "ai-edge-litert", "numpy")


def make(source, version, rows, differences, count, labels, expected, left_out=()):
    """The content of report.json."""
    return {
        "name": source.name,
        "version": version,
        "model": source.model.title,
        "test_examples": count if labels is not None else None,
        "keras_test_error": None if labels is None else measure.error(expected, labels),
        "largest_difference_to_keras": differences,
        "artifacts": rows,
        "left_out": list(left_out),
        "warnings": measure.warnings(expected, labels, source.class_names),
        "threads": 1,
        "versions": versions(),
    }


def table(made):
    """A report as Markdown."""
    error = _percent(made["keras_test_error"])
    lines = [
        f"{made['model']} {made['name']}, version {made['version']}; "
        f"Keras: test error {error} on {made['test_examples'] or 'no'} examples; "
        f"{made['threads']} thread",
        "",
        "| artifact | kB | test error | largest difference | batch 1, ms | batch 64, ms |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in made["artifacts"]:
        times = [f"{median:.3f} (p99 {high:.3f})" for median, high in row["latency_ms"].values()]
        lines.append(
            f"| {row['artifact']} | {row['bytes'] / 1000:.0f} | {_percent(row['test_error'])} "
            f"| {row['max_difference']:.1e} | {' | '.join(times)} |"
        )
    remarks = [f"\n{line}" for line in [*made["left_out"], *made["warnings"]]]
    return "\n".join([*lines, *remarks])


def versions():
    """Of this package and what an export depends on, by name; None of what is not installed."""
    installed = {name: _version(name) for name in PACKAGES}
    return {"keras_dgm": dgm.__version__, **installed, "python": platform.python_version()}


def _percent(value):
    return "–" if value is None else f"{100 * value:.2f} %"


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
