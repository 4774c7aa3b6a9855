"""Curves, points and tables: what differs by colour differs by marker, line or text too."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

MARKERS = "os^Dv<>dX*"  # Not P: it vanishes where it is small and without an edge.
LINES = ("-", "--", "-.", ":")
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # of Okabe and Ito


def _series(mapping, last=0.85):
    """The items of a dict, each with a shade, a marker and a line of its own."""
    shades = colormaps["viridis"](np.linspace(0, last, len(mapping)))
    for i, (name, values) in enumerate(mapping.items()):
        yield name, values, shades[i], MARKERS[i % len(MARKERS)], LINES[i % len(LINES)]


def component_collapse(kl, title="Divergence by latent dimension"):
    """How many latent dimensions carry something.

    Args:
        kl: a dict from the name of a model to its `evaluation.kl_per_dimension`, [Z].
        title: of the figure.
    """
    figure = Figure((4.8, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, values, shade, marker, line in _series(kl):
        dimensions = np.arange(1, len(values) + 1)
        axes.plot(dimensions, values, line, marker=marker, ms=4, color=shade, label=name)
    axes.set(title=title, xlabel="latent dimension, sorted", ylabel="KL, nats")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if len(kl) > 1:
        axes.legend(fontsize="small", ncols=-(-len(kl) // 12))
    return figure


def bounds_by_latent_dim(bounds, title="Bound by latent size"):
    """What superfluous latent dimensions cost.

    Args:
        bounds: a dict from the name of a decoder to a dict from Z to the bound, nats.
        title: of the figure.
    """
    figure = Figure((6, 4), layout="constrained")
    axes = figure.subplots()
    for name, values, shade, marker, line in _series(bounds):
        dims = sorted(values)
        heights = [values[dim] for dim in dims]
        axes.plot(dims, heights, line, marker=marker, color=shade, label=name)
    axes.set(title=title, xlabel="latent dimensions, Z", ylabel="bound on test data, nats")
    axes.set_xscale("log")
    dims = sorted(set().union(*bounds.values()))
    axes.set_xticks(dims, dims, minor=False)
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def training_curves(history, title="Training"):
    """What was reported after each epoch: the bound, its terms, and the accuracy where there is.

    Args:
        history: a dict from the names of Keras' history to values [epochs], NaN where an epoch has
            none.
        title: of the figure.
    """
    panels = {
        "nats": {"elbo": BLUE, "reconstruction": ORANGE},
        "KL, nats": {"kl": BLUE},
        "accuracy": {"accuracy": BLUE},
    }
    panels = {unit: names for unit, names in panels.items() if history.keys() & names}
    figure = Figure((4.8, 0.6 + 2.2 * len(panels)), layout="constrained")
    figure.suptitle(title)
    rows = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axes, (unit, names) in zip(rows, panels.items(), strict=True):
        for name, shade in names.items():
            _plot_history(axes, history, name, shade)
        axes.set(xlabel="epoch", ylabel=unit)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure


def _plot_history(axes, history, name, shade):
    for key, style in ((name, {"linestyle": "-"}), (f"val_{name}", {"linestyle": "--"})):
        if key in history:
            values = np.asarray(history[key], float)
            epochs = 1 + np.flatnonzero(np.isfinite(values))
            label = key.replace("val_", "validation ").replace("_", " ")
            marker = {"marker": "o", "ms": 3} if "val_" in key or len(values) == 1 else {}
            axes.plot(epochs, values[epochs - 1], color=shade, label=label, **style, **marker)


def confusion(matrix, names, title="Which class is taken for which"):
    """The counts of `evaluation.confusion`, [K, K], shaded by their part of the true class."""
    size = min(10.0, 1.6 + 0.36 * len(names))
    figure = Figure((size, size), layout="constrained")
    axes = figure.subplots()
    parts = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(matrix.shape):
        shade = "white" if parts[i, j] > 0.5 else "black"
        axes.text(j, i, matrix[i, j], ha="center", va="center", color=shade, fontsize="small")
    axes.set(title=title, xlabel="predicted class", ylabel="true class")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    return figure


def calibration(measured, title="Calibration of q(y|x)"):
    """A `evaluation.Calibration`: accuracy against confidence."""
    figure = Figure((4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color="gray", label="calibrated")
    axes.plot(
        measured.confidence,
        measured.accuracy,
        "o-",
        color=BLUE,
        clip_on=False,
        label=f"model, expected calibration error {100 * measured.error:.1f} %",
    )
    axes.set(title=title, xlabel="confidence, max q(y|x)", ylabel="accuracy", xlim=(0, 1))
    axes.set(ylim=(0, 1), aspect="equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize="small")
    return figure


def projection(codes, y, names, title="Latent space"):
    """Codes in the plane, coloured and marked by class, with the names at the classes' middles.

    Args:
        codes: [N, 2], as of `generation.project`.
        y: integers [N], -1 where the label is unknown.
        names: K names of the classes.
        title: of the figure.
    """
    figure = Figure((6, 5.4), layout="constrained")
    axes = figure.subplots()
    unknown = y < 0
    axes.scatter(codes[unknown, 0], codes[unknown, 1], s=6, color="gray", alpha=0.5, linewidths=0)
    classes = {name: codes[y == label] for label, name in enumerate(names)}
    for name, own, shade, marker, _ in _series(classes, last=0.9):
        if len(own):
            axes.scatter(
                own[:, 0],
                own[:, 1],
                s=16,
                color=shade,
                marker=marker,
                alpha=0.7,
                linewidths=0,
                label=name,
            )
            across, up = np.median(own, axis=0)
            outline = [withStroke(linewidth=3, foreground="white")]
            axes.text(
                across, up, name, weight="bold", ha="center", va="center", path_effects=outline
            )
    axes.set(title=title, xlabel="first coordinate", ylabel="second coordinate")
    if len(names):
        figure.legend(loc="outside right center", title="class", markerscale=2)
    return figure
