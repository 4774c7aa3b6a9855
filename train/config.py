"""What `python -m train fit` is told."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import keras
import tyro

from keras_dgm import checks
from keras_dgm.distributions import Likelihood
from train.recipes import Recipe

ModelName = Literal["m1", "m2", "m1+m2"]


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """Train a semi-supervised deep generative model and compare it with baselines."""

    dataset: str = "digits"
    """digits, mnist, svhn_cropped, smallnorb, lfw, frey_face, or the path of an .npz file."""
    num_labeled: int | None = None
    """Training labels to keep, the same number for each class; None: all."""
    model: ModelName = "m1+m2"
    """m1 (its features go to an RBF SVM), m2 on x, or the stack of both."""
    recipe: str = "default"
    """Where the settings below come from; by default the recipe of the data set."""
    seed: int = 0
    """Of the split, the labels, the initial weights and the noise."""
    run_dir: Path | None = None
    """Where to write; by default runs/DATASET-MODEL-LABELS-SEED."""
    overwrite: bool = False
    """Replace an earlier run in that folder."""
    data_dir: Path | None = None
    """Where the data is; by default TFDS_DATA_DIR, or KERAS_DGM_DATA_DIR for frey_face."""
    download: bool = False
    """Let TFDS fetch the data set if it is absent."""
    baselines: bool = True
    """Train the baselines as well."""
    progress: Literal["summary", "bar"] = "summary"
    """What to show of the epochs: ten lines a model, or Keras' progress bars."""
    settings: Annotated[Recipe, tyro.conf.arg(name="")] = dataclasses.field(default_factory=Recipe)

    @property
    def folder(self):
        """The run folder."""
        if self.run_dir is not None:
            return self.run_dir
        labels = "all" if self.num_labeled is None else self.num_labeled
        return Path("runs", f"{Path(self.dataset).stem}-{self.model}-{labels}-{self.seed}")


def check(config):
    """Refuse settings that no data set could make valid.

    Raises:
        ValueError: naming the flag, the rule and the value received.
    """
    checks.check_seed(config.seed)
    Likelihood(config.settings.likelihood, config.settings.likelihood_scale)
    for name in ("m1", "m2"):
        for field in dataclasses.fields(getattr(config.settings, name)):
            _check_setting(name, field.name, getattr(getattr(config.settings, name), field.name))
    if config.settings.pca is not None:
        checks.check_positive_integer(config.settings.pca, argument="pca")
    if config.settings.pca is not None and config.settings.likelihood != "gaussian":
        raise ValueError(
            f"`likelihood` must be gaussian with `pca`, got {config.settings.likelihood!r}"
        )


def _check_setting(model, name, value):
    flag = f"{model}.{name}"
    if name in ("latent_dim", "epochs", "batch_size"):
        checks.check_positive_integer(value, argument=flag)
    elif name == "hidden_units":
        if not value:
            raise ValueError(f"`{flag}` must name at least one layer, got {value}")
        for units in value:
            checks.check_positive_integer(units, argument=flag)
    elif name == "activation":
        try:
            keras.activations.get(value)
        except ValueError:
            raise ValueError(f"`{flag}` must name an activation of Keras, got {value!r}") from None
    elif name == "class_sum" and value not in ("exact", "adaptive"):
        checks.check_positive_integer(value, argument=flag)
    elif name == "alpha" and not 0 <= value < float("inf"):
        raise ValueError(f"`{flag}` must be finite and not negative, got {value}")
    elif name == "learning_rate" and not 0 < value < float("inf"):
        raise ValueError(f"`{flag}` must be positive and finite, got {value}")
    elif name == "constant_fraction" and not 0 <= value < 1:
        raise ValueError(f"`{flag}` must lie in [0, 1), got {value}")


def to_json(config):
    """The configuration as JSON can hold it, every setting resolved."""
    return {**dataclasses.asdict(config), "run_dir": str(config.folder)}
