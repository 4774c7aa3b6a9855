"""A run from data to result: M1, M2, their test error, the baselines."""

import importlib.metadata
import platform
import sys
import time

import keras
import numpy as np

import keras_dgm as dgm
from keras_dgm import checks
from keras_dgm.preprocessing import PCA
from train import baselines, run_folder
from train.callbacks import EpochTimer, Summary, linear_decay, reported_epochs
from train.config import check, to_json

PACKAGES = ("keras_dgm", "keras", "tensorflow", "tensorflow-probability", "numpy", "scikit-learn")
STEPS_PER_EXECUTION = 10
EVALUATION_BATCH = 500


def fit(config):
    """Train as `config` says, write the run folder, and return the content of its result.json.

    Raises:
        ValueError: before anything is trained or written, if `config` or its data are at fault.
    """
    check(config)
    data = dgm.data.load(
        config.dataset, config.num_labeled, config.seed, config.data_dir, config.download
    )
    check_data(config, data)
    observation = observed_as(config.settings, data)
    folder = run_folder.create(config.folder, config.overwrite)
    run_folder.write_json(folder / run_folder.CONFIG, to_json(config))
    print(f"{data!r}\nwriting to {folder}", flush=True)
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    if config.model == "m1":
        model, facts = fit_m1(config, data, folder, observation)
        facts |= classify_features(model, data) if data.num_classes else {"test_error": None}
    elif config.model == "m2":
        model, facts = fit_m2(config, data, folder, observation=observation)
    else:
        m1, m1_facts = fit_m1(config, data, folder, observation)
        model, facts = fit_m2(config, data, folder, m1)
        facts = {**facts, **m1_facts}
    result = {**facts, "seed": config.seed}
    result["seconds"] = time.perf_counter() - started
    model.save(folder / run_folder.MODEL)
    if data.num_classes and config.baselines:
        result["baselines"] = baselines.test_errors(data)
    result.update(
        dataset={
            "name": data.name,
            "class_names": data.class_names,
            "image_shape": data.image_shape,
            "num_labeled": data.num_labeled,
        },
        versions={name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        command=sys.argv[1:],
    )
    run_folder.write_json(folder / run_folder.RESULT, result)
    return result


def check_data(config, data):
    """Refuse data that the model cannot be trained on.

    Raises:
        ValueError: naming the flag, the rule and the value received.
    """
    bernoulli = config.settings.likelihood == "bernoulli"
    for split in ("x_train", "x_valid", "x_test"):
        x = getattr(data, split)
        if len(x):
            checks.check_features(x, argument=split, unit_interval=bernoulli)
    if config.model == "m1" and not data.num_classes:
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
        activation=settings.m1.activation,
        weight_prior=settings.m1.weight_prior,
        **observation,
        seed=config.seed,
    )
    # An M1 of its own, `python -m train fit --model m1`, is the model of the run.
    alone = config.model == "m1"
    history = run_folder.HISTORY if alone else run_folder.M1_HISTORY
    seconds = _fit(config, "m1", m1, settings.m1, (data.x_train,), (data.x_valid,), folder, history)
    if not alone:
        m1.save(folder / run_folder.M1_MODEL)
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
    svm = baselines.svm(features, data)
    return {"test_error": svm["test_error"], "valid_error": svm["valid_error"]}


def fit_m2(config, data, folder, m1=None, observation=None):
    """Train M2, on z1 if there is an M1, and say how well it does."""
    settings = config.settings
    options = {
        "num_classes": data.num_classes,
        "latent_dim": settings.m2.latent_dim,
        "hidden_units": settings.m2.hidden_units,
        "alpha": settings.m2.alpha,
        "class_sum": settings.m2.class_sum,
        "activation": settings.m2.activation,
        "weight_prior": settings.m2.weight_prior,
        "seed": config.seed,
    }
    if m1 is None:
        model = dgm.M2(**options, **observation)
    else:
        model = dgm.StackedM1M2(m1, **options)
    train, valid = (data.x_train, data.y_train), (data.x_valid, data.y_valid)
    seconds = _fit(config, "m2", model, settings.m2, train, valid, folder, run_folder.HISTORY)
    test = data.x_test, data.y_test
    logs = model.evaluate(*test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return model, {
        "test_error": error_of(model, *test),
        "valid_error": error_of(model, *valid),
        "bound": logs["elbo"],
        "m2_seconds_per_epoch": seconds,
    }


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


def _fit(config, name, model, recipe, train, valid, folder, history):
    timer = EpochTimer()
    model.compile(
        keras.optimizers.Adam(recipe.learning_rate),
        metrics=["accuracy"] if len(train) > 1 else None,
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    bars = config.progress == "bar"
    model.fit(
        *train,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        validation_data=valid if len(valid[0]) else None,
        validation_batch_size=EVALUATION_BATCH,
        validation_freq=reported_epochs(recipe.epochs),
        verbose=1 if bars else 0,
        callbacks=[
            linear_decay(recipe.learning_rate, recipe.epochs, recipe.constant_fraction),
            keras.callbacks.CSVLogger(folder / history),
            keras.callbacks.TensorBoard(folder / run_folder.TENSORBOARD / name, write_graph=False),
            timer,
            *([] if bars else [Summary(name)]),
        ],
    )
    return timer.seconds_per_epoch


def version(package):
    """The installed version of a package; that of the checkout for our own."""
    return dgm.__version__ if package == "keras_dgm" else importlib.metadata.version(package)
