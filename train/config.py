"""What `python -m train fit` is told."""

import dataclasses
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from keras_dgm.runs import files
from train import recipes
from train.observation import likelihood_of
from train.recipes import M2Recipe, Recipe
from train.settings import INLINE, NonNegative, NonNegativeReal, Positive, check_rules

ModelName = Literal["m1", "m2", "m1+m2", "adgm", "sdgm", "m1+adgm", "m1+sdgm", "conditional"]
# M2 with an auxiliary variable.
AUXILIARY = ("adgm", "sdgm", "m1+adgm", "m1+sdgm")
# An M1, and a model of its z1.
STACKS = {"m1+m2": "m2", "m1+adgm": "adgm", "m1+sdgm": "sdgm"}
Strategy = Literal["single", "mirrored", "multi-worker"]


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """Train a semi-supervised deep generative model and compare it with baselines."""

    dataset: str = "digits"
    """digits, mnist, fashion_mnist, svhn_cropped, smallnorb, lfw, frey_face; or the path of a table
    (.csv, .tsv, .parquet), of a folder of images with a sub-folder a class, or of an .npz file. By
    default the one that a named recipe is for; digits where neither is named."""
    target: str | None = None
    """Of a table, the column of the classes, blank where unknown: its name, or its number from 0,
    or from -1 for the last."""
    test: Path | None = None
    """A second table or folder to test on; by default a part of the labelled examples."""
    missing_token: str | None = None
    """Of a table, a text for a missing entry, beside blanks, ?, -, NA, n/a, NaN, None and such."""
    header: bool | None = None
    """Of a CSV or TSV file, whether its first row names the columns; None: decided by the rows."""
    column_types: tuple[str, ...] = ()
    """Of a table, COLUMN=TYPE for columns to take as real, count, binary or categorical, or to
    ignore."""
    image_size: tuple[Positive, ...] = ()
    """Of a folder of images, what they are resized to: a side, or height and width. Of an .npz
    file, of what images its rows are, where they are flat."""
    num_labeled: NonNegative | None = None
    """Training labels to keep, the same number for each class; None: all."""
    model: ModelName = "m1+m2"
    """m1 (its features go to an RBF SVM); m2, adgm or sdgm, on x or stacked on an m1; or
    conditional: whole images from their middle, with the settings of m1 but for num-samples,
    kl-warmup and filters. By default what the recipe is for: m2 for data of one's own, m1 for
    faces, m1+m2 for most others."""
    m1_from: Path | None = None
    """An m1.keras to stack on instead of training an M1."""
    teacher: Path | None = None
    """A model.keras of the same classes. Before the training itself, for a fifth as many epochs,
    its predictions stand in for the missing labels (Lee 2013)."""
    recipe: str = "default"
    """Where the settings below come from; by default the recipe of the data set."""
    seed: NonNegative = 0
    """Of the split, the labels, the initial weights and the noise."""
    run_dir: Path | None = None
    """Where to write; by default runs/DATASET-MODEL-LABELS-SEED."""
    overwrite: bool = False
    """Replace an earlier run in that folder."""
    resume: bool = False
    """Go on with the run in that folder from its last checkpoint; start it if there is none."""
    checkpoint_seconds: NonNegativeReal = 60.0
    """The least time from one checkpoint to the next."""
    data_dir: Path | None = None
    """Where the data is; by default TFDS_DATA_DIR, or KERAS_DGM_DATA_DIR for frey_face."""
    download: bool = False
    """Let TFDS fetch the data set if it is absent."""
    baselines: bool = True
    """Train the baselines as well."""
    strategy: Strategy = "single"
    """Train on one device, on all of this machine's, or on those of all processes that TF_CONFIG
    names (`launch` starts some): each takes its part of every batch."""
    progress: Literal["summary", "bar"] = "summary"
    """What to show of the epochs: ten lines a model, or Keras' progress bars."""
    settings: Annotated[Recipe, INLINE] = dataclasses.field(default_factory=Recipe)

    @property
    def options(self):
        """What `keras_dgm.data.load` is told beside the name of the data."""
        found = {
            "target": _number_or_name(self.target),
            "test": self.test,
            "missing_token": self.missing_token,
            "header": self.header,
            "column_types": _pairs(self.column_types) or None,
            "image_size": self.image_size[0] if len(self.image_size) == 1 else self.image_size,
        }
        return {name: value for name, value in found.items() if value not in (None, ())}

    @property
    def folder(self):
        """The run folder."""
        if self.run_dir is not None:
            return self.run_dir
        labels = "all" if self.num_labeled is None else self.num_labeled
        return Path("runs", f"{Path(self.dataset).stem}-{self.model}-{labels}-{self.seed}")


def _number_or_name(target):
    """A column as `keras_dgm.data.load` takes it."""
    return int(target) if target and re.fullmatch(r"-?\d+", target) else target


def _pairs(column_types):
    """The types of columns by their names.

    Raises:
        ValueError: if one is not COLUMN=TYPE.
    """
    for pair in column_types:
        if "=" not in pair:
            raise ValueError(f"`column_types` must be COLUMN=TYPE, got {pair!r}")
    return dict(pair.rsplit("=", 1) for pair in column_types)


def check(config):
    """Refuse settings that no data set could make valid.

    Raises:
        ValueError: naming the flag, the rule and the value received.
    """
    check_rules(config)
    if config.overwrite and config.resume:
        raise ValueError("`overwrite` must not be given with `resume`, got both")
    for name in ("m1_from", "teacher"):
        path = getattr(config, name)
        if config.overwrite and path and config.folder.resolve() in path.resolve().parents:
            raise ValueError(
                f"`{name}` must be outside of the run folder that `overwrite` empties, got {path}"
            )
    if config.m1_from is not None and config.model not in STACKS:
        names = ", ".join(STACKS)
        raise ValueError(f"`model` must be one of {names} with `m1_from`, got {config.model!r}")
    _check_teacher(config)
    if config.model == "conditional" and config.settings.m1.num_samples != 1:
        raise ValueError(
            f"`m1.num_samples` must be 1 with `model` conditional, "
            f"got {config.settings.m1.num_samples}"
        )
    _check_filters(config)
    likelihood_of(config.settings)
    if config.settings.likelihood != "bernoulli" and not config.settings.binarize:
        raise ValueError(
            "`binarize` belongs to the bernoulli likelihood, got --no-binarize with "
            f"likelihood={config.settings.likelihood!r}"
        )
    if config.settings.m2.steps is not None and config.settings.m2.epochs != M2Recipe.epochs:
        raise ValueError(
            f"`m2.steps` must be None with `m2.epochs`, got {config.settings.m2.steps} and "
            f"{config.settings.m2.epochs}"
        )
    if config.settings.m2.committee and config.strategy == "multi-worker":
        raise ValueError(
            "`m2.committee` must be off (--m2.no-committee) with several workers, got True"
        )
    if config.settings.m2.restarts and config.strategy == "multi-worker":
        raise ValueError(
            f"`m2.restarts` must be 0 with several workers, got {config.settings.m2.restarts}"
        )
    per_batch = config.settings.m2.labels_per_batch
    if per_batch is not None and (
        config.settings.m2.steps is None or per_batch >= config.settings.m2.batch_size
    ):
        raise ValueError(
            "`m2.labels_per_batch` must be less than `m2.batch_size` and go with `m2.steps`, got "
            f"{per_batch} of {config.settings.m2.batch_size} with {config.settings.m2.steps} steps"
        )
    if config.model in AUXILIARY:
        for name in ("committee", "classifier_l2"):
            value = getattr(config.settings.m2, name)
            if value:
                raise ValueError(
                    f"`m2.{name}` must be off (--m2.no-committee, --m2.classifier-l2 0) with "
                    f"`model` {config.model}, got {value!r}"
                )
    if config.settings.pca is not None and config.settings.likelihood != "gaussian":
        raise ValueError(
            f"`likelihood` must be gaussian with `pca`, got {config.settings.likelihood!r}"
        )


def _check_teacher(config):
    """Refuse a teacher of what has no classes, and settings that its lesson takes the place of."""
    if config.teacher is None:
        if config.recipe == "mnist-m2-taught":
            raise ValueError("`teacher` must be given with `recipe` mnist-m2-taught, got None")
        return
    if config.model in ("m1", "conditional"):
        raise ValueError(f"`model` must be one with classes with `teacher`, got {config.model!r}")
    if config.strategy == "multi-worker":
        raise ValueError(f"`teacher` must be None with several workers, got {config.teacher}")
    off = {"restarts": "0", "labels_first": "0", "committee": "off (--m2.no-committee)"}
    for name, rule in off.items():
        value = getattr(config.settings.m2, name)
        if value:
            raise ValueError(f"`m2.{name}` must be {rule} with `teacher`, got {value}")


def _check_filters(config):
    """Refuse convolutions of what is no image, and what does not go with them."""
    settings = config.settings
    rules = [
        ("m1", config.model == "conditional", "`model` conditional, whose images are partial"),
        ("m2", config.model in STACKS, f"`model` {config.model}, in which z1 is no image"),
        ("m2", settings.m2.committee, "`m2.committee` (--m2.no-committee)"),
        ("m2", settings.m2.classifier_l2 > 0, "`m2.classifier_l2`"),
    ]
    for name in ("m1", "m2"):
        rules.append((name, settings.pca is not None, "`pca`"))
        rules.append((name, settings.likelihood == "columns", "`likelihood` columns"))
    for name, broken, reason in rules:
        filters = getattr(settings, name).filters
        if filters and broken:
            raise ValueError(f"`{name}.filters` must be empty with {reason}, got {filters}")


def to_json(config):
    """The configuration as JSON can hold it, every setting resolved."""
    content = {**dataclasses.asdict(config), "run_dir": config.folder}
    content = {name: str(v) if isinstance(v, Path) else v for name, v in content.items()}
    options = {name: str(v) if isinstance(v, Path) else v for name, v in config.options.items()}
    given = {} if config.teacher is None else {"teacher_sha256": files.sha256(config.teacher)}
    return {**content, "options": options, **given}


# What may change from a run to the one that resumes it.
UNBOUND = {"run_dir", "seeds", "overwrite", "resume", "checkpoint_seconds", "baselines", "progress"}
UNBOUND |= {"data_dir", "download"}


def check_same(config, earlier):
    """Refuse to resume a run with other settings than its own.

    Args:
        config: a `FitConfig`.
        earlier: the content of the run's config.json.

    Raises:
        ValueError: naming the flag, its value in the run and the value received.
    """
    settings = _flat(files.as_json(to_json(config)))
    # A run knows nothing of the settings that came after it.
    before = _flat({**earlier, "settings": recipes.completed(earlier.get("settings", {}))})
    for flag, value in settings.items():
        if flag not in UNBOUND and before.get(flag) != value:
            raise ValueError(
                f"`{flag}` must be {before.get(flag)!r} to resume {config.folder}, got {value!r}"
            )


def _flat(settings):
    """Nested settings by the names of their flags."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            prefix = "" if name == "settings" else f"{name}."
            flat |= {prefix + flag: v for flag, v in _flat(value).items()}
        else:
            flat[name] = value
    return flat
