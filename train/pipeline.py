"""A run from data to result: its models, their errors, the baselines."""

import dataclasses
import importlib.metadata
import platform
import shutil
import sys
import time

import keras
import numpy as np
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm import checks
from keras_dgm.data.dataset import labels_needed
from keras_dgm.runs import files, run_folder
from train import baselines, fitting, given, report, verdict, workers
from train.config import check, check_same, to_json
from train.observation import likelihood_of

PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "numpy", "scikit-learn")


def fit(config):
    """Train as `config` says, write the run folder, and return the content of its result.json.

    Raises:
        ValueError: before anything is trained or written, if `config` or its data are at fault.
    """
    check(config)
    distribution = strategy(config)  # Workers must meet before anything else uses TensorFlow.
    data = dgm.data.load(
        config.dataset,
        config.num_labeled,
        config.seed,
        config.data_dir,
        config.download,
        **config.options,
    )
    check_data(config, data)
    with distribution.scope():
        of_earlier = given.load(config, data)
        with workers.opened(config) as folder:
            return run(config, data, folder, of_earlier)


def run(config, data, folder, of_earlier):
    """Train in a run folder, from its checkpoints if it has some, and return the result.

    Args:
        config: a `FitConfig`.
        data: its `Dataset`.
        folder: of the run.
        of_earlier: a `given.Given`.
    """
    earlier = run_folder.read_config(folder)
    if earlier is not None:
        check_same(config, earlier)
        if result := run_folder.read_result(folder):
            return result
    files.write_json(folder / run_folder.CONFIG, to_json(config))
    notes = data.schema.notes if data.schema else ()
    print("\n".join([repr(data), *notes, f"writing to {folder}"]), flush=True)
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    model, facts = fitting.fit(config, data, folder, of_earlier)
    result = {**facts, "seed": config.seed, "settings": dataclasses.asdict(config.settings)}
    # Of a run that was resumed, nobody knows how long it was at work before.
    result["seconds"] = time.perf_counter() - started if earlier is None else None
    with files.atomic(folder / run_folder.MODEL) as path:
        model.save(path)
    if facts["test_error"] is not None and config.baselines:
        result["baselines"] = baselines.test_errors(data, fitting.features(model, data))
    result["verdict"] = verdict.of_run(report.NAMES.get(config.model), model, data, result)
    result.update(
        dataset={
            "schema": None if data.schema is None else data.schema.get_config(),
            "num_test": int((data.y_test >= 0).sum()),
            "name": data.name,
            "class_names": data.class_names,
            "image_shape": data.image_shape,
            "num_labeled": data.num_labeled,
        },
        versions=versions(),
        command=sys.argv[1:],
    )
    files.write_json(folder / run_folder.RESULT, result)
    shutil.rmtree(folder / run_folder.CHECKPOINTS, ignore_errors=True)
    return result


def strategy(config):
    """How steps are distributed over devices."""
    if config.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(
            [device.name for device in tf.config.list_logical_devices("GPU")]
            or [device.name for device in tf.config.list_logical_devices("CPU")]
        )
    return workers.strategy() if config.strategy == "multi-worker" else tf.distribute.get_strategy()


def check_data(config, data):
    """Refuse data that the model cannot be trained on.

    Raises:
        ValueError: naming the flag, the rule and the value received.
    """
    likelihood = likelihood_of(config.settings) if config.settings.pca is None else None
    _check_missing(config, data)
    _check_filters(config, data)
    for split in ("x_train", "x_valid", "x_test"):
        x = getattr(data, split)
        if len(x):
            checks.check_features(
                x,
                argument=split,
                likelihood=likelihood,
                missing=config.settings.likelihood == "columns",
            )
    if config.model == "conditional":
        of_pixels = config.settings.pca is None and config.settings.likelihood != "columns"
        if data.image_shape is None or not of_pixels:
            raise ValueError(
                "`model` must be m1, m2 or m1+m2 with tables, with `pca` and with `likelihood` "
                "columns, got 'conditional', which completes images"
            )
        return
    if config.model == "m1" and not data.num_labeled:
        return
    _check_labels(config, data)
    if config.teacher is not None and (data.y_train >= 0).all():
        raise ValueError(f"`teacher` must be None where every label is known, got {config.teacher}")
    if data.num_classes < 2:
        raise ValueError(f"`dataset` must have at least 2 classes, got {data.num_classes}")
    if not data.num_labeled:
        raise ValueError(
            f"`num_labeled` must leave a label to learn from, got {config.num_labeled}"
        )
    prior = config.settings.m2.class_prior
    if not isinstance(prior, str):
        checks.check_class_prior(prior, num_classes=data.num_classes)


def _check_labels(config, data):
    """Refuse data that leaves no label to choose settings with, or to test with."""
    absent = [name for name in ("y_valid", "y_test") if not (getattr(data, name) >= 0).any()]
    if not absent:
        return
    if all(len(getattr(data, name)) for name in absent):
        raise ValueError(
            f"`model` must be m1 with {config.dataset}, which has no label to choose settings and "
            f"test with in {absent[0]}, got {config.model!r}"
        )
    own = (data.y_train, data.y_valid) if config.test else (data.y_train, data.y_valid, data.y_test)
    least, with_test = (labels_needed(data.num_classes, test) for test in (bool(config.test), True))
    hint = f", or name a file to test on (--test FILE): then {with_test} do"
    raise ValueError(
        f"`dataset` must have at least {least} labels for {data.num_classes} classes, one of each "
        "to learn from and others to choose settings and test with, got "
        f"{sum(np.count_nonzero(y >= 0) for y in own)} in {config.dataset}: label more rows"
        f"{'' if config.test else hint}"
    )


def _check_filters(config, data):
    """Refuse convolutions of what is no image, or of one that they cannot halve."""
    name = "m2" if config.model in fitting.OF_CLASSES else "m1"
    recipe = getattr(config.settings, name)
    if recipe.filters and data.image_shape is None:
        raise ValueError(
            f"`{name}.filters` must be empty with {config.dataset}, whose examples are no images, "
            f"got {recipe.filters}; `image_size` says of what images the rows of an .npz file are"
        )
    fitting.trunk(recipe, data)


def _check_missing(config, data):
    """Refuse missing entries of which a model of the settings could make nothing."""
    if config.settings.likelihood == "columns":
        empty = np.isnan(data.x_train).all(axis=0)
        if empty.any():
            raise ValueError(
                f"{config.dataset} must have an observed entry in every column of the training "
                f"rows, got none in column {np.argmax(empty)}"
            )
    elif any(np.isnan(x).any() for x in (data.x_train, data.x_valid, data.x_test)):
        raise ValueError(
            f"`likelihood` must be columns with data that has missing entries (NaN), as "
            f"{config.dataset} has, got {config.settings.likelihood!r}"
        )


def versions():
    """What a result was computed with; of our own package, the version of the checkout."""
    installed = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"keras_dgm": dgm.__version__, **installed, "python": platform.python_version()}
