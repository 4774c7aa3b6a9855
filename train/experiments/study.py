"""`python -m train study`: what the latent size and the depth of the decoder do to M1."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import keras

import keras_dgm as dgm
from keras_dgm import evaluation, generation, networks
from keras_dgm.generation import figures
from keras_dgm.runs import files
from train import recipes
from train.callbacks import linear_decay
from train.fitting import EVALUATION_BATCH, STEPS_PER_EXECUTION
from train.observation import likelihood_of, observed_as
from train.picture import save
from train.settings import Positive

DataName = Literal["digits", "mnist", "frey_face"]


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Train many M1s; write samples and manifolds, and how many latent dimensions are used.

    Each model is a piece of its own, written at once. A piece that is there with the same settings
    and its pictures is skipped, so that a study goes on where it stopped.
    """

    output: Path = Path("docs/figures/study")
    """Where the pieces and the pictures go."""
    datasets: tuple[DataName, ...] = ("mnist", "frey_face")
    """How each is modelled and M1 trained on it is in its recipe, but for the settings below."""
    depths: tuple[Positive, ...] = (1, 2, 3)
    """Hidden layers of the decoder, for component collapse; data with classes only."""
    latent_dims: tuple[Positive, ...] = (10, 20, 50, 100, 200)
    """Sizes of z, for component collapse."""
    sampled_dims: tuple[Positive, ...] = (2, 5, 10, 20)
    """Sizes of z, for samples and, at 2, for the manifold; with a decoder of one hidden layer."""
    units: Positive = 400
    """Of each hidden layer; Frey faces take half."""
    epochs: Positive | None = None
    """Passes over the training data; None: those of M1 in the recipe."""
    data_dir: Path | None = None
    """Where the data is; by default TFDS_DATA_DIR, or KERAS_DGM_DATA_DIR for frey_face."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """One model of the study: everything that decides what comes out."""

    dataset: str
    latent_dim: int
    depth: int
    units: int
    epochs: int
    activation: str
    batch_size: int
    learning_rate: float
    constant_fraction: float
    likelihood: recipes.LikelihoodName
    likelihood_scale: float | None
    binarize: bool

    @property
    def name(self):
        """The stem of its files."""
        return f"{self.dataset}-depth{self.depth}-latent{self.latent_dim}"

    @property
    def recipe(self):
        """How it sees x."""
        return recipes.Recipe(
            likelihood=self.likelihood,
            likelihood_scale=self.likelihood_scale,
            binarize=self.binarize,
        )


def pieces_of(config, data):
    """The models for one data set: first those of the samples, then those of the collapse."""
    units = config.units // 2 if data.name == "frey_face" else config.units
    sizes = [(dim, 1) for dim in config.sampled_dims]
    if data.num_classes:
        sizes += [(dim, depth) for depth in config.depths for dim in config.latent_dims]
    recipe = recipes.find(data.name)
    settings: dict[str, Any] = {
        "epochs": config.epochs or recipe.m1.epochs,
        "activation": recipe.m1.activation,
        "batch_size": recipe.m1.batch_size,
        "learning_rate": recipe.m1.learning_rate,
        "constant_fraction": recipe.m1.constant_fraction,
        "likelihood": recipe.likelihood,
        "likelihood_scale": recipe.likelihood_scale,
        "binarize": recipe.binarize,
    }
    return [Piece(data.name, dim, depth, units, **settings) for dim, depth in dict.fromkeys(sizes)]


def write(config):
    """Write every piece that is not there yet, and the pictures over all of them.

    Raises:
        ValueError: before anything is trained, if the data or the folder is at fault.
    """
    every = [dgm.data.load(name, data_dir=config.data_dir) for name in config.datasets]
    try:
        config.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"`output` must be a folder, got {config.output} ({error.strerror})"
        ) from error
    for data in every:
        results = [write_piece(piece, data, config) for piece in pieces_of(config, data)]
        draw_collapse(data.name, results, config)


def write_piece(piece, data, config):
    """Train the model of a piece, draw what it shows, and return its JSON; or read that."""
    file = config.output / f"{piece.name}.json"
    settings = dataclasses.asdict(piece)
    sampled = piece.depth == 1 and piece.latent_dim in config.sampled_dims
    pictures = [config.output / name for name in pictures_of(piece)] if sampled else []
    result = files.read_json(file, missing_ok=True)
    if result and result["settings"] == settings and all(path.is_file() for path in pictures):
        print(f"{file}: there already", flush=True)
        return result
    model, bound = train(piece, data)
    if sampled:
        draw_samples(piece, model, data.image_shape, config.output)
    kl = evaluation.kl_per_dimension(model, data.x_test)
    result = {"settings": settings, "test_bound": bound, "kl": [round(float(v), 4) for v in kl]}
    files.write_json(file, result)  # Last: it says that the piece is whole.
    print(f"{file}: {bound:.2f} nats on test data", flush=True)
    return result


def train(piece, data):
    """An M1 with one hidden layer in its encoder and `depth` in its decoder, and its test bound."""
    keras.utils.set_random_seed(0)
    model = dgm.M1(
        piece.latent_dim,
        (piece.units,),
        activation=piece.activation,
        decoder=networks.mlp(
            (piece.units,) * piece.depth,
            likelihood_of(piece.recipe).params_size(data.num_features),
            piece.activation,
        ),
        **observed_as(piece.recipe),
        seed=0,
    )
    model.compile(
        keras.optimizers.Adam(piece.learning_rate), steps_per_execution=STEPS_PER_EXECUTION
    )
    decay = linear_decay(piece.learning_rate, piece.epochs, piece.constant_fraction)
    model.fit(
        data.x_train,
        batch_size=piece.batch_size,
        epochs=piece.epochs,
        callbacks=[decay],
        verbose=0,
    )
    logs = model.evaluate(data.x_test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return model, logs["elbo"]


def pictures_of(piece):
    """The names of what `draw_samples` draws."""
    samples = f"samples-{piece.dataset}-latent{piece.latent_dim}.png"
    return [samples, f"manifold-{piece.dataset}.png"] if piece.latent_dim == 2 else [samples]


def draw_samples(piece, model, image_shape, output):
    title = f"Samples of M1 on {piece.dataset}, {piece.latent_dim} latent dimensions"
    samples, *manifold = pictures_of(piece)
    figure = figures.samples(generation.samples(model, 100)[0], image_shape, title=title)
    save(figure, output / samples)
    for name in manifold:
        save(figures.manifold(generation.manifold(model), image_shape), output / name)


def draw_collapse(dataset, results, config):
    """The pictures over all decoders: the divergences, and the bound over the latent size."""
    for depth in config.depths:
        own = {r["settings"]["latent_dim"]: r for r in results if r["settings"]["depth"] == depth}
        kl = {f"Z = {dim}": own[dim]["kl"] for dim in config.latent_dims if dim in own}
        if kl:
            title = f"KL by latent dimension, {dataset}, decoder of depth {depth}"
            figure = figures.component_collapse(kl, title)
            save(figure, config.output / f"collapse-{dataset}-depth{depth}.svg")
    bounds = {
        f"decoder of depth {depth}": {
            r["settings"]["latent_dim"]: r["test_bound"]
            for r in results
            if r["settings"]["depth"] == depth
        }
        for depth in sorted({r["settings"]["depth"] for r in results})
    }
    figure = figures.bounds_by_latent_dim(
        bounds, f"Robustness to superfluous dimensions, {dataset}"
    )
    save(figure, config.output / f"bound-{dataset}.svg")
