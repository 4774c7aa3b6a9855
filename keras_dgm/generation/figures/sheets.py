"""Sheets of images: pen strokes as ink on paper, photographs as they are."""

import numpy as np
from matplotlib.figure import Figure

from keras_dgm.generation.samples import quantiles
from keras_dgm.generation.tiles import tile


def sheet(images, image_shape, title, *, xlabel="", ylabel="", rows=(), columns=(), gap=1):
    """Images in rows and columns.

    Args:
        images: [R, C, D] in [0, 1]; what lies outside is clipped.
        image_shape: (height, width) or (height, width, channels) of one.
        title: of the figure.
        xlabel: what the columns are.
        ylabel: what the rows are.
        rows: R names; none: they are not named.
        columns: C names; none: they are not named.
        gap: pixels between neighbours.
    """
    height, width = image_shape[:2]
    across = min(8.0, max(4.0, 0.55 * images.shape[1]))
    down = across * images.shape[0] * height / (images.shape[1] * width)
    figure = Figure((across + 0.8, down + 1.0), layout="constrained")
    axes = figure.subplots()
    _draw_tiles(axes, images, image_shape, gap)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.set_xticks(_middles(len(columns), width + gap), columns, fontsize="small")
    axes.set_yticks(_middles(len(rows), height + gap), rows, fontsize="small")
    return figure


def _middles(count, step):
    return (np.arange(count) + 0.5) * step - 1


def _draw_tiles(axes, images, image_shape, gap=0):
    images = np.clip(images, 0, 1)
    # Mostly black: pen strokes.
    ink = len(image_shape) == 2 and np.median(images) < 0.1
    drawn = tile(images, image_shape, gap, fill=0.0 if ink else 1.0)
    axes.imshow(drawn, cmap="gray_r" if ink else "gray", vmin=0, vmax=1, interpolation="nearest")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def manifold(images, image_shape, title="Learned manifold"):
    """The grid of `generation.manifold`, [S, S, D], with the values of z along its sides."""
    figure = sheet(images, image_shape, title, xlabel="$z_1$", ylabel="$z_2$", gap=0)
    _label_plane(figure.axes[0], quantiles(len(images)), image_shape, ticks=5)
    return figure


def styles(images, image_shape, names, limit, title="One class each, z varied"):
    """The grids of `generation.styles`, [C, S, S, D], beside each other.

    Args:
        images: the grids.
        image_shape: of one image.
        names: C names of the classes.
        limit: where z ends.
        title: of the figure.
    """
    count, size = images.shape[:2]
    height, width = image_shape[:2]
    figure = Figure((4.3 * count, 4.3 * height / width + 0.6), layout="constrained")
    figure.suptitle(title)
    axis = np.linspace(-limit, limit, size)
    panels = figure.subplots(1, count, squeeze=False)[0]
    for axes, grid, name in zip(panels, images, names, strict=True):
        _draw_tiles(axes, grid, image_shape)
        axes.set(title=f"class {name}", xlabel="$z_1$", ylabel="$z_2$")
        _label_plane(axes, axis, image_shape, ticks=3)
    return figure


def _label_plane(axes, axis, image_shape, ticks):
    """Ticks at some of the tiles of a plane of z; its second coordinate grows upwards."""
    height, width = image_shape[:2]
    shown = np.unique(np.linspace(0, len(axis) - 1, ticks).round().astype(int))
    names = [f"{value:.1f}" for value in axis[shown] + 0.0]
    axes.set_xticks((shown + 0.5) * width, names)
    axes.set_yticks((len(axis) - shown - 0.5) * height, names)


def samples(images, image_shape, names=(), title="Samples from the prior"):
    """The samples of `generation.samples`: [N, D] as a square, [K, N, D] with a class a row."""
    if images.ndim == 3:
        return sheet(images, image_shape, title, xlabel="draws of z", ylabel="class", rows=names)
    columns = int(np.ceil(np.sqrt(len(images))))
    whole = images[: len(images) // columns * columns]
    return sheet(whole.reshape(-1, columns, images.shape[-1]), image_shape, title)


def analogies(x, images, image_shape, names, title="Analogies"):
    """Each example, and its style in all classes.

    Args:
        x: [N, D].
        images: `model.analogies(x)`, [N, K, D].
        image_shape: of one image.
        names: K names of the classes.
        title: of the figure.
    """
    together = np.concatenate([x[:, None], images], axis=1)
    figure = sheet(
        together,
        image_shape,
        title,
        xlabel="its style in class",
        ylabel="examples",
        columns=["x", *names],
    )
    figure.axes[0].axvline(image_shape[1], color="black", linewidth=1.5)
    return figure


def completions(columns, image_shape, title):
    """Examples in rows, with what was given, found and true in named columns.

    Args:
        columns: a dict from names to images [N, D].
        image_shape: of one image.
        title: of the figure.
    """
    images = np.stack(list(columns.values()), axis=1)
    return sheet(images, image_shape, title, ylabel="examples", columns=list(columns), gap=2)


def hide(x, observed):
    """Images [N, D] with a middle grey for the pixels that are not observed, [D] or [N, D]."""
    return np.where(observed, x, 0.5)
