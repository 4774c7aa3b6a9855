"""How well scores tell a run's data from other data: from another source, or strange altogether."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import tensorflow as tf
import tyro
from sklearn.metrics import roc_auc_score

import keras_dgm as dgm
from keras_dgm.runs import files, run_folder
from train import predict, report, runs
from train.settings import Positive

# Of percentiles, between which 99 % of the validation data lie.
INSIDE = 0.5, 99.5
DETECTORS = {
    "bound": "a low bound on log p(x)",
    "typicality": "far from the median bound of validation data, on either side",
    "complexity": "a bound low for how small the example is as a PNG file",
    "confidence": "max_y q(y|x) low",
}


@dataclasses.dataclass(frozen=True)
class ScoreConfig:
    """Measure how well scores tell a run's test data from other data.

    Writes score.json into the run folder: the area under the ROC curve (AUROC; 0.5 is chance, below
    it the other data look less strange) of the bound, of typicality (Nalisnick et al., 2019), for
    images of the complexity-corrected bound (Serrà et al., 2020), and for classifiers of the
    confidence (Hendrycks and Gimpel, 2017).
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A run folder of `python -m train fit`."""
    against: tuple[str, ...]
    """Data sets, by a name or a path of `keras_dgm.data.load`; of a run on a table, further tables
    with its columns. Images of another size are resized, and data of another range than a
    likelihood over [0, 1] allows are mapped onto it."""
    examples: Positive | None = None
    """The first so many of each test set, and of the validation set; None: all."""
    summary: Path | None = None
    """A further file for the same."""
    data_dir: Path | None = None
    """Where the data is; by default where it was in training."""


def measure(config):
    """The content of score.json, which is written.

    Raises:
        ValueError: naming the argument, the rule and the value received.
    """
    if not config.against:
        raise ValueError("`against` must name at least one data set, got none")
    run = runs.load(config.run, config.data_dir)
    if not len(run.data.x_valid):
        raise ValueError(f"`run` must have validation data, got {config.run}, which has none")
    others = {Path(name).stem: other(name, run, config.data_dir) for name in config.against}
    run.model.score.rank_among(run.data.x_valid[: config.examples])
    x = run.data.x_test[: config.examples]
    score = run.model.score(x)
    own = strangeness(run, x, score)
    record = {
        "dataset": run.data.name,
        "model": run.model.title,
        "sha256": files.sha256(run.folder.model),
        "settings": run.folder.config.get("settings"),
        "validation_examples": run.model.score.num_examples,
        "inside": list(INSIDE),
        "test": facts(run, score),
        "against": {},
    }
    for name, (theirs, changes) in others.items():
        theirs = theirs[: config.examples]
        score = run.model.score(theirs)
        record["against"][name] = {
            **facts(run, score),
            "changes": changes,
            "auroc": auroc(own, strangeness(run, theirs, score)),
        }
    for path in filter(None, (config.run / run_folder.SCORE, config.summary)):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, record)
    return record


def other(name, run, data_dir):
    """The test examples [N, D] of another data set as the run's model takes them.

    Of a table, all rows, encoded as in training. And what was changed of them, in lines.
    """
    if run.folder.schema is not None:
        _, x, _ = predict.read(run.folder, Path(name))
        return x, []
    found = dgm.data.load(name, data_dir=data_dir or run.folder.data_dir)
    x, changes = found.x_test, []
    width = run.model.input_dim
    if found.num_features != width:
        side = round(found.num_features**0.5)
        shape = found.image_shape or (side, side)
        if run.data.image_shape is None or np.prod(shape) != found.num_features:
            raise ValueError(
                f"`against` must be of {width} features, or images as the run's, got "
                f"{found.num_features} features in {name}"
            )
    accepts = run.model.features_input().accepts
    if not np.all(accepts(tf.constant(x))):
        low, high = float(x.min()), float(x.max())
        x = (x - low) / (high - low)
        changes.append(f"mapped from [{low:g}, {high:g}] onto [0, 1]")
        if not np.all(accepts(tf.constant(x))):
            rule = run.model.features_input().rule
            raise ValueError(f"`against` must {rule}, which {name} does not")
    if found.num_features != width:
        x = resized(x, shape, run.data.image_shape)
        changes.append(f"resized from {shape} to {tuple(run.data.image_shape)}")
    return x, changes


def resized(x, shape, wanted):
    """Images [N, D] of a shape as ones [N, D'] of another, by bilinear interpolation."""
    images = x.reshape(-1, *(*shape, 1)[:3])
    if images.shape[-1] != (*wanted, 1)[2]:
        raise ValueError(f"`against` must have as many channels as {wanted}, got {shape}")
    found = tf.image.resize(images, wanted[:2], antialias=True)
    return np.clip(found.numpy(), x.min(), x.max()).reshape(len(x), -1)


def strangeness(run, x, score) -> Mapping[str, np.ndarray]:
    """By each of `DETECTORS` that there is, [N], the larger the stranger, of x [N, D]."""
    found = {"bound": -score, "typicality": np.abs(score - median(run.model.score))}
    if run.data.image_shape is not None:
        found["complexity"] = -score / np.log(2) - png_bits(x, run.data.image_shape)
    if run.model.num_classes is not None:
        found["confidence"] = -run.model.predict(x, batch_size=1000, verbose=0).max(axis=1)
    return found


def median(score):
    """That of the scores of validation data."""
    return score.quantiles[len(score.quantiles) // 2]


def png_bits(x, image_shape):
    """How many bits the PNG files of images [N, D] in [0, 1] have, [N]."""
    pixels = np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)
    images = pixels.reshape(-1, *(*image_shape, 1)[:3])
    sizes = [len(tf.io.encode_png(image, compression=9).numpy()) for image in images]
    return 8.0 * np.array(sizes)


def auroc(own, theirs):
    """For each detector, the chance that it finds one of theirs stranger than one of its own."""
    return {
        name: float(
            roc_auc_score(
                np.repeat([0, 1], [len(values), len(theirs[name])]),
                np.concatenate([values, theirs[name]]),
            )
        )
        for name, values in own.items()
    }


def facts(run, score):
    """Of scores [N]: how many, their mean, and the part of them that lies outside of `INSIDE`."""
    percentiles = run.model.score.rank(score)
    outside = (percentiles < INSIDE[0]) | (percentiles > INSIDE[1])
    return {
        "examples": len(score),
        "mean_score": float(score.mean()),
        "median_percentile": float(np.median(percentiles)),
        "outside": float(outside.mean()),
    }


def lines(config, record):
    """What the command prints at its end."""
    test = record["test"]
    detectors = list(next(iter(record["against"].values()))["auroc"])
    rows = [("", "mean, nats", "outside", *detectors)]
    rows.append((record["dataset"], *shown(test), *[""] * len(detectors)))
    for name, each in record["against"].items():
        rows.append((name, *shown(each), *(f"{each['auroc'][key]:.3f}" for key in detectors)))
    return "\n".join(
        [
            f"scores of {record['model']} of {record['dataset']}, {test['examples']} test "
            f"examples; the part outside of percentiles {INSIDE[0]} to {INSIDE[1]} of "
            f"{record['validation_examples']} validation examples; AUROC against each:",
            report.table(rows),
            *(f"  {name}: {DETECTORS[name]}" for name in detectors),
            *(
                f"  {name} was {', '.join(each['changes'])}"
                for name, each in record["against"].items()
                if each["changes"]
            ),
            f"the figures are in {config.run / run_folder.SCORE}",
        ]
    )


def shown(each):
    return f"{each['mean_score']:.1f}", f"{100 * each['outside']:.1f} %"
