"""A run from data to result: M1, M2, their test error, the baselines."""

import dataclasses
import importlib.metadata
import platform
import shutil
import signal
import sys
import time

import keras
import numpy as np
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm import checks
from keras_dgm.distributions import Likelihood
from keras_dgm.generation import masks
from keras_dgm.preprocessing import PCA
from train import baselines, optimizers, run_folder, workers
from train.callbacks import (
    EpochTimer,
    History,
    StopOnSignal,
    Summary,
    linear_decay,
    reported_epochs,
)
from train.checkpoints import Checkpoints
from train.config import check, check_same, to_json

PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "numpy", "scikit-learn")
STEPS_PER_EXECUTION = 10
EVALUATION_BATCH = 500


def fit(config):
    """Train as `config` says, write the run folder, and return the content of its result.json.

    Raises:
        ValueError: before anything is trained or written, if `config` or its data are at fault.
    """
    check(config)
    distribution = strategy(config)  # Workers must meet before anything else uses TensorFlow.
    data = dgm.data.load(
        config.dataset, config.num_labeled, config.seed, config.data_dir, config.download
    )
    check_data(config, data)
    observation = observed_as(config.settings, data)
    with distribution.scope():
        m1 = None if config.m1_from is None else load_m1(config.m1_from, data)
        with workers.opened(config) as folder:
            return run(config, data, folder, observation, m1)


def run(config, data, folder, observation, m1=None):
    """Train in a run folder, from its checkpoints if it has some, and return the result."""
    if earlier := run_folder.read_json(folder / run_folder.CONFIG):
        check_same(config, earlier)
    if result := run_folder.read_json(folder / run_folder.RESULT):
        return result
    run_folder.write_json(folder / run_folder.CONFIG, to_json(config))
    print(f"{data!r}\nwriting to {folder}", flush=True)
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    if config.model == "conditional":
        model, facts = fit_conditional(config, data, folder, observation)
    elif config.model == "m1":
        model, facts = fit_m1(config, data, folder, observation)
        facts |= classify_features(model, data) if data.num_labeled else {"test_error": None}
    elif config.model == "m2":
        model = dgm.M2(**m2_options(config, data), **observation)
        facts = fit_m2(config, data, folder, model)
    else:
        facts = {}
        if m1 is None:
            m1, facts = fit_m1(config, data, folder, observation)
        model = dgm.StackedM1M2(m1, **m2_options(config, data))
        facts = {**fit_m2(config, data, folder, model), **facts}
    result = {**facts, "seed": config.seed, "settings": dataclasses.asdict(config.settings)}
    result["seconds"] = time.perf_counter() - started
    with run_folder.atomic(folder / run_folder.MODEL) as path:
        model.save(path)
    if facts["test_error"] is not None and config.baselines:
        result["baselines"] = baselines.test_errors(data)
    result.update(
        dataset={
            "name": data.name,
            "class_names": data.class_names,
            "image_shape": data.image_shape,
            "num_labeled": data.num_labeled,
        },
        versions=versions(),
        command=sys.argv[1:],
    )
    run_folder.write_json(folder / run_folder.RESULT, result)
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
    unit_interval = Likelihood(config.settings.likelihood).unit_interval
    for split in ("x_train", "x_valid", "x_test"):
        x = getattr(data, split)
        if len(x):
            checks.check_features(x, argument=split, unit_interval=unit_interval)
    if config.model == "conditional":
        if data.image_shape is None or config.settings.pca is not None:
            raise ValueError(
                "`model` must be m1, m2 or m1+m2 with tables and with `pca`, got 'conditional', "
                "which completes images"
            )
        return
    if config.model == "m1" and not data.num_labeled:
        return
    for split in ("y_valid", "y_test"):
        if not (getattr(data, split) >= 0).any():
            raise ValueError(
                f"`model` must be m1 with {config.dataset}, which has no label to choose settings "
                f"and test with in {split}, got {config.model!r}"
            )
    if data.num_classes < 2:
        raise ValueError(f"`dataset` must have at least 2 classes, got {data.num_classes}")
    if not data.num_labeled:
        raise ValueError(
            f"`num_labeled` must leave a label to learn from, got {config.num_labeled}"
        )


def fit_m1(config, data, folder, observation):
    """Train M1 on all of x, and say how well it does."""
    settings = config.settings
    m1 = dgm.M1(
        settings.m1.latent_dim,
        settings.m1.hidden_units,
        num_samples=settings.m1.num_samples,
        activation=settings.m1.activation,
        weight_prior=settings.m1.weight_prior,
        **observation,
        seed=config.seed,
    )
    # An M1 of its own, `python -m train fit --model m1`, is the model of the run.
    alone = config.model == "m1"
    history = run_folder.HISTORY if alone else run_folder.M1_HISTORY
    seconds = _fit(config, "m1", m1, settings.m1, data, folder, history)
    if not alone:
        with run_folder.atomic(folder / run_folder.M1_MODEL) as path:
            m1.save(path)
    bound = m1.evaluate(data.x_test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    means = m1.embed(data.x_train)
    active = np.count_nonzero(means.std(axis=0) > dgm.StackedM1M2.COLLAPSED_STDDEV)
    return m1, {
        "m1_bound": bound["elbo"],
        "active_dims": int(active),
        "m1_seconds_per_epoch": seconds,
    }


def classify_features(m1, data):
    """The errors of an RBF SVM on M1's features."""
    features = [m1.embed(x) for x in (data.x_train, data.x_valid, data.x_test)]
    svm = baselines.tuned("RBF SVM", data, features)
    return {"test_error": svm["test_error"], "valid_error": svm["valid_error"]}


def load_m1(path, data):
    """A trained M1 of such data.

    Raises:
        ValueError: if the file holds something else.
    """
    try:
        m1 = keras.models.load_model(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"`m1_from` must be a saved M1, got {path}: {error}") from None
    if not isinstance(m1, dgm.M1) or m1.input_dim != data.num_features:
        raise ValueError(f"`m1_from` must be an M1 of {data.num_features} features, got {path}")
    return m1


def m2_options(config, data):
    """The arguments of M2 that do not say what it models."""
    settings = config.settings.m2
    return {
        "num_classes": data.num_classes,
        "latent_dim": settings.latent_dim,
        "hidden_units": settings.hidden_units,
        "alpha": settings.alpha,
        "class_sum": settings.class_sum,
        "activation": settings.activation,
        "weight_prior": settings.weight_prior,
        "seed": config.seed,
    }


def fit_m2(config, data, folder, model):
    """Train an M2, on x or on z1, and say how well it does."""
    seconds = _fit(config, "m2", model, config.settings.m2, data, folder, run_folder.HISTORY)
    valid, test = (data.x_valid, data.y_valid), (data.x_test, data.y_test)
    logs = model.evaluate(*test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return {
        "test_error": error_of(model, *test),
        "valid_error": error_of(model, *valid),
        "bound": logs["elbo"],
        "m2_seconds_per_epoch": seconds,
    }


def fit_conditional(config, data, folder, observation):
    """Train a model of whole images given their middle, with M1's settings."""
    recipe = config.settings.m1
    observation = {name: observation[name] for name in observation if name != "preprocessor"}
    model = dgm.ConditionalM1(
        np.flatnonzero(masks.centre(data.image_shape)),
        recipe.latent_dim,
        recipe.hidden_units,
        activation=recipe.activation,
        weight_prior=recipe.weight_prior,
        **observation,
        seed=config.seed,
    )
    seconds = _fit(config, "conditional", model, recipe, data, folder, run_folder.HISTORY)
    bound = model.evaluate(data.x_test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return model, {"test_error": None, "bound": bound["elbo"], "seconds_per_epoch": seconds}


def error_of(model, x, y):
    """The fraction of labelled examples whose most likely class under q(y|x) is another."""
    probs = model.predict(x, batch_size=EVALUATION_BATCH, verbose=0)
    return baselines.error(probs.argmax(axis=-1), y)


def observed_as(settings, data):
    """The arguments of a model that say how it sees x."""
    preprocessor = None
    if settings.pca is not None:
        preprocessor = PCA(settings.pca, whiten=True)
        preprocessor.adapt(data.x_train)
    return {
        "likelihood": settings.likelihood,
        "likelihood_scale": settings.likelihood_scale,
        "binarize": settings.binarize,
        "preprocessor": preprocessor,
    }


def _fit(config, name, model, recipe, data, folder, history):
    labeled = isinstance(model, dgm.M2)
    train = (data.x_train, data.y_train) if labeled else (data.x_train,)
    valid = (data.x_valid, data.y_valid) if labeled else (data.x_valid,)
    timer = EpochTimer()
    logs = folder / run_folder.TENSORBOARD / name
    checkpoints = Checkpoints(folder / run_folder.CHECKPOINTS, name, config.checkpoint_seconds)
    workers.check_same_epoch(checkpoints.epoch)
    model.compile(
        optimizers.create(recipe.optimizer, recipe.learning_rate),
        metrics=["accuracy"] if labeled else None,
        steps_per_execution=1 if config.strategy == "multi-worker" else STEPS_PER_EXECUTION,
    )
    bars = config.progress == "bar"
    with StopOnSignal() as stop:
        model.fit(
            *train,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            initial_epoch=checkpoints.epoch,
            validation_data=valid if len(valid[0]) else None,
            validation_batch_size=EVALUATION_BATCH,
            validation_freq=reported_epochs(recipe.epochs),
            verbose=1 if bars else 0,
            callbacks=[
                linear_decay(recipe.learning_rate, recipe.epochs, recipe.constant_fraction),
                History(folder / history, checkpoints.epoch),
                keras.callbacks.TensorBoard(logs, write_graph=False),
                timer,
                *warm_ups(model, recipe),
                *image_loggers(model, recipe, data, logs),
                *([] if bars else [Summary(name)]),
                stop,
                checkpoints,
            ],
        )
    if stop.received is not None:
        reason = signal.Signals(stop.received).name
        print(f"stopped by {reason}; --resume goes on from here", file=sys.stderr)
        raise SystemExit(128 + stop.received)
    return timer.seconds_per_epoch


def warm_ups(model, recipe):
    """The callback that lets the divergence of an M1 warm up, where its recipe asks for it."""
    if not isinstance(model, dgm.M1):
        return []
    epochs = min(recipe.kl_warmup, recipe.epochs - 1)  # The last one is always at full weight.
    return [dgm.KLWarmUp(epochs)] if epochs else []


def image_loggers(model, recipe, data, logs):
    """The callback that shows images in TensorBoard, where there are images and classes to see."""
    if data.image_shape is None or isinstance(model, dgm.ConditionalM1):
        return []
    x = data.x_valid[:10] if len(data.x_valid) else None
    epochs = reported_epochs(recipe.epochs)
    return [dgm.generation.ImageLogger(logs / "images", data.image_shape, x, epochs)]


def versions():
    """What a result was computed with; of our own package, the version of the checkout."""
    installed = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"keras_dgm": dgm.__version__, **installed, "python": platform.python_version()}
