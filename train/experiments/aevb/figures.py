"""Figures 2 and 3 of the AEVB paper, from the files of the curves."""

import statistics

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from keras_dgm.generation.figures import plots
from keras_dgm.runs import files
from train.picture import save

# Colours, and markers for print without colour.
STYLES = {
    "aevb": ("AEVB", plots.BLUE, "o"),
    "wake-sleep": ("wake-sleep", plots.ORANGE, "s"),
    "mcem": ("Monte-Carlo EM", plots.GREEN, "^"),
}
# Dashes, and what fills the markers.
SPLITS = {"train": ("--", "white"), "test": ("-", None)}
# Inches, at least: those of the legend.
WIDTH = 7.0
DATASETS = {"mnist": "MNIST", "frey_face": "Frey faces"}


def draw(folder):
    """Draw what the curves in a folder allow, there; the paths of the figures."""
    found = [files.read_json(path) for path in sorted(folder.glob("*.json"))]
    bounds = [curve for curve in found if curve["of"] == "bound"]
    likelihoods = [curve for curve in found if curve["of"] == "likelihood"]
    drawn = []
    for name, figure in (("bound", of_bounds(bounds)), ("likelihood", of_likelihoods(likelihoods))):
        if figure is not None:
            drawn.append(folder / f"{name}.svg")
            save(figure, drawn[-1])
    return drawn


def of_bounds(curves):
    """A row for each data set, a panel for each size of z: the bound against training points.

    An axis of the bound starts where AEVB does in the median panel.
    """
    rows = {
        dataset: sorted({c["latent_dim"] for c in curves if c["dataset"] == dataset})
        for dataset in DATASETS
    }
    rows = {dataset: dims for dataset, dims in rows.items() if dims}
    if not rows:
        return None
    columns = max(len(dims) for dims in rows.values())
    figure = Figure(
        figsize=(max(WIDTH, 2 + 2.6 * columns), 0.8 + 2.7 * len(rows)), layout="constrained"
    )
    panels = figure.subplots(len(rows), columns, sharey="row", squeeze=False)
    for (dataset, dims), row in zip(rows.items(), panels, strict=True):
        row[0].set_ylabel("ELBO (nats)")
        for panel in row[len(dims) :]:
            panel.remove()
        for latent_dim, panel in zip(dims, row, strict=False):
            panel.set_title(f"{DATASETS[dataset]}, {latent_dim}-d z")
            panel.set_xlabel("training points seen")
            for curve in curves:
                if (curve["dataset"], curve["latent_dim"]) == (dataset, latent_dim):
                    _plot(panel, curve, "at")
        # First bounds can lie so far below that all else is flat.
        own = [curve for curve in curves if curve["dataset"] == dataset]
        starts = [min(c["train"] + c["test"]) for c in own if c["method"] == "aevb"]
        if starts:
            low, high = statistics.median(starts), max(max(c["train"] + c["test"]) for c in own)
            row[0].set_ylim(low, high + 0.05 * (high - low))
    _finish(figure, panels)
    return figure


def of_likelihoods(curves):
    """A column for each number of training points: against evaluations, and against seconds."""
    sizes = sorted({curve["train_size"] for curve in curves})
    if not sizes:
        return None
    figure = Figure(figsize=(max(WIDTH, 2 + 3.6 * len(sizes)), 6.4), layout="constrained")
    panels = figure.subplots(2, len(sizes), sharey="col", squeeze=False)
    for size, column in zip(sizes, panels.T, strict=True):
        column[0].set_title(f"{size:,} training points")
        labels = ("training points evaluated", "seconds of training")
        for panel, key, label in zip(column, ("at", "seconds"), labels, strict=True):
            panel.set_xlabel(label)
            panel.set_ylabel("log p(x) (nats)")
            for curve in curves:
                if curve["train_size"] == size:
                    _plot(panel, curve, key)
    _finish(figure, panels)
    return figure


def _plot(panel, curve, key):
    name, colour, marker = STYLES[curve["method"]]
    for split, (dashes, fill) in SPLITS.items():
        panel.plot(
            curve[key],
            curve[split],
            dashes,
            color=colour,
            marker=marker,
            markersize=4,
            markerfacecolor=fill,
            label=f"{name} ({split})",
        )
    panel.set_xscale("log")
    panel.xaxis.set_minor_formatter(NullFormatter())  # Those of less than two decades overlap.
    panel.grid(alpha=0.3)


def _finish(figure, panels):
    lines = {line.get_label(): line for panel in panels.flat for line in panel.get_lines()}
    figure.legend(
        handles=lines.values(), loc="outside lower center", ncols=len(lines) // len(SPLITS)
    )
