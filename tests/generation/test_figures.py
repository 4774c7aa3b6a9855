"""The pictures: drawn, titled, labelled; and where an image stands in a sheet."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_dgm import evaluation, generation
from keras_dgm.generation import figures

RNG = np.random.default_rng(0)
SHAPE = (3, 2)
NAMES = ["a", "b", "c"]


def images(*leading):
    return RNG.uniform(size=[*leading, 6]).astype(np.float32)


def test_tile_puts_row_r_and_column_c_there():
    tiles = images(2, 4)

    sheet = generation.tile(tiles, SHAPE, gap=1, fill=0.5)

    assert sheet.shape == (2 * 3 + 1, 4 * 2 + 3)
    np.testing.assert_array_equal(sheet[4:7, 3:5], tiles[1, 1].reshape(SHAPE))
    assert np.all(sheet[3] == 0.5) and np.all(sheet[:, 2] == 0.5)


def test_tile_keeps_channels():
    tiles = RNG.uniform(size=[1, 2, 18])

    sheet = generation.tile(tiles, (3, 2, 3))

    np.testing.assert_array_equal(sheet[:, 2:], tiles[0, 1].reshape(3, 2, 3))


@pytest.mark.parametrize("shape", [(2, 6), (2, 2, 5), (6,)])
def test_tile_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"`images` must have shape \[R, C, 6\]"):
        generation.tile(np.zeros(shape), SHAPE)


HISTORY = {"elbo": [-3, -2.0], "val_elbo": [np.nan, -2.5], "kl": [1, 1.0], "accuracy": [0.5, 0.9]}
DRAWN = {
    "manifold": lambda: figures.manifold(images(4, 4), SHAPE),
    "samples": lambda: figures.samples(images(3, 4), SHAPE, NAMES),
    "styles": lambda: figures.styles(images(2, 4, 4), SHAPE, NAMES[:2], 5.0),
    "analogies": lambda: figures.analogies(images(5), images(5, 3), SHAPE, NAMES),
    "component collapse": lambda: figures.component_collapse({"M1": [2, 1, 0], "M2": [1, 0]}),
    "bounds": lambda: figures.bounds_by_latent_dim({"one": {2: -9.0, 10: -8}, "two": {2: -8}}),
    "training": lambda: figures.training_curves(HISTORY),
    "confusion": lambda: figures.confusion(np.diag([5, 4, 3]), NAMES),
    "calibration": lambda: figures.calibration(evaluation.calibration([0], np.eye(2)[:1])),
    "projection": lambda: figures.projection(images(9)[:, :2], np.arange(9) % 4 - 1, NAMES),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_has_a_title_and_labelled_axes(name, tmp_path):
    figure = DRAWN[name]()

    assert isinstance(figure, Figure)
    assert figure.get_suptitle() or figure.axes[0].get_title()
    for axes in figure.axes:
        assert axes.get_xlabel() and axes.get_ylabel()
    figure.savefig(tmp_path / "figure.png", dpi=30)
    assert (tmp_path / "figure.png").stat().st_size > 500


def test_completions_name_their_columns():
    figure = figures.completions({"given": images(4), "true": images(4)}, SHAPE, "Left half")

    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["given", "true"]
    assert figure.axes[0].get_title() == "Left half"


def test_samples_of_no_class_fill_a_square():
    figure = figures.samples(images(10), SHAPE)

    drawn = figure.axes[0].images[0].get_array()
    assert drawn.shape == (2 * 3 + 1, 4 * 2 + 3)  # of 10 samples, two rows of four


def test_the_sides_of_a_manifold_bear_the_quantiles():
    """Of 3 cells of equal probability: the middles are at -0.97, 0 and 0.97; z2 grows upwards."""
    axes = figures.manifold(images(3, 3), SHAPE).axes[0]

    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["-1.0", "0.0", "1.0"]
    assert np.all(np.diff(axes.get_yticks()) < 0)  # rows are counted from the top


def test_pen_strokes_are_ink_on_paper_and_photographs_are_not():
    strokes = np.where(images(2, 2) > 0.8, 1.0, 0.0)

    assert figures.sheet(strokes, SHAPE, "x").axes[0].images[0].get_cmap().name == "gray_r"
    assert figures.sheet(images(2, 2), SHAPE, "x").axes[0].images[0].get_cmap().name == "gray"


def test_what_is_not_observed_is_grey():
    np.testing.assert_allclose(figures.hide(np.ones([1, 2]), [True, False]), [[1, 0.5]])


@pytest.mark.parametrize("label", range(10))
def test_the_points_of_every_class_can_be_seen(label):
    names = [str(i) for i in range(10)]
    grid = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), -1).reshape(-1, 2)
    few = figures.projection(grid[[0, -1]], np.full(2, label), names)
    many = figures.projection(grid, np.full(len(grid), label), names)

    assert ink(many) - ink(few) > 1000


def ink(figure):
    """How many pixels are not white in a small picture."""
    figure.set_dpi(60)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.count_nonzero(np.asarray(canvas.buffer_rgba())[..., :3].min(axis=-1) < 250)
