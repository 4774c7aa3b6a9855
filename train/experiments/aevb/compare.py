"""Which curves there are to compute, and which are finished."""

import dataclasses
from pathlib import Path
from typing import Literal

from keras_dgm.runs import files
from train import recipes
from train.experiments.aevb import figures, training
from train.experiments.aevb.training import Curve
from train.settings import NonNegative, Positive, PositiveReal

# Kingma and Welling (2014), section 5: hidden units and sizes of z (figure 2).
HIDDEN = {"mnist": 500, "frey_face": 200}
LATENT_DIMS = {"mnist": (3, 5, 10, 20, 200), "frey_face": (2, 5, 10, 20)}
# Figure 3, and appendix E.
MARGINAL_HIDDEN, MARGINAL_LATENT_DIM = 100, 3
MARGINAL_SIZES = (1000, 50_000)


@dataclasses.dataclass(frozen=True)
class AevbConfig:
    """Draw figures 2 and 3 of the AEVB paper: AEVB against wake-sleep and Monte-Carlo EM.

    Each curve is a file in --output, written when it is finished; the same command goes on with
    those that are missing, or shorter than asked for.
    """

    output: Path = Path("docs/results/aevb")
    """The folder of the curves and of the figures."""
    bound_points: NonNegative = 10_000_000
    """Training points of each curve of the bound; 0: none of them."""
    likelihood_points: NonNegative = 10_000_000
    """Evaluations of training points of each curve of the marginal likelihood; 0: none of them."""
    datasets: tuple[Literal["mnist", "frey_face"], ...] = ("mnist", "frey_face")
    """Of the bound; the marginal likelihood is that of mnist."""
    latent_dims: tuple[Positive, ...] | None = None
    """Of the bound; None: the paper's, 3 5 10 20 200 for mnist and 2 5 10 20 for frey_face."""
    train_sizes: tuple[Positive, ...] = MARGINAL_SIZES
    """Training points that there are, of the marginal likelihood."""
    learning_rate: PositiveReal = recipes.AEVB_LEARNING_RATE
    """Of Adagrad, for all."""
    seed: NonNegative = 0
    """Of the split, the binarisation, the weights and the noise."""
    data_dir: Path | None = None
    """Where the data is; by default TFDS_DATA_DIR, or KERAS_DGM_DATA_DIR for frey_face."""


def curves(config):
    """The curves asked for, with their budgets of points."""
    common = {"learning_rate": config.learning_rate, "seed": config.seed}
    for dataset in config.datasets if config.bound_points else ():
        for latent_dim in config.latent_dims or LATENT_DIMS[dataset]:
            for method in training.METHODS:
                network = latent_dim, HIDDEN[dataset], None
                yield Curve("bound", dataset, method, *network, **common), config.bound_points
    for size in config.train_sizes if config.likelihood_points else ():
        for method in (*training.METHODS, training.MCEM):
            network = MARGINAL_LATENT_DIM, MARGINAL_HIDDEN, size
            yield Curve("likelihood", "mnist", method, *network, **common), config.likelihood_points


def compare(config):
    """Compute what is missing, draw the figures, and return their paths.

    Raises:
        ValueError: if data is not there, or a file holds a curve of other settings.
    """
    missing = [c for c in curves(config) if not finished(config.output / c[0].file, *c)]
    for curve in {(curve.dataset, curve.train_size): curve for curve, _ in missing}.values():
        training.observations(curve, config.data_dir)  # Or it raises, before any work.
    config.output.mkdir(parents=True, exist_ok=True)
    for curve, points in missing:
        print(f"{curve.file}, {points} points", flush=True)
        found = training.compute(curve, points, config.data_dir)
        content = {**dataclasses.asdict(curve), "points": points, **found}
        files.write_json(config.output / curve.file, content)
    return figures.draw(config.output)


def finished(path, curve, points):
    """Whether a file holds a curve, as long as is asked for.

    Raises:
        ValueError: if it is damaged or holds one of other settings.
    """
    content = files.read_json(path, missing_ok=True)
    if content is None:
        return False
    for name, value in dataclasses.asdict(curve).items():
        if content[name] != value:
            raise ValueError(
                f"`output` must be a folder of curves of the same settings, got {path} "
                f"of {name} {content[name]} where {value} is asked for"
            )
    return content["points"] >= points
