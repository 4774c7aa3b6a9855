"""Each model of a run: built as its recipe says, trained, and measured."""

import dataclasses
import math
import signal
import sys

import keras
import numpy as np
from sklearn.preprocessing import StandardScaler

import keras_dgm as dgm
from keras_dgm import networks
from keras_dgm.classifiers import members
from keras_dgm.generation import masks
from keras_dgm.runs import files, run_folder
from keras_dgm.training.step import steps_at_once
from train import baselines, errors, guards, optimizers, restarts, workers
from train.callbacks import (
    EpochTimer,
    History,
    StopOnSignal,
    Summary,
    linear_decay,
    reported_epochs,
)
from train.checkpoints import Checkpoints
from train.config import AUXILIARY, STACKS
from train.observation import observed_as

STEPS_PER_EXECUTION = 50
# Of a training by steps: each is validated, reported and may be resumed from.
PARTS = 10
EVALUATION_BATCH = 500
# Models of x with classes, by the name that `--model` has for them.
OF_CLASSES = {"m2": dgm.M2, "adgm": dgm.ADGM, "sdgm": dgm.SDGM}


def fit(config, data, folder, given):
    """Train the model that `config` names; returns it and the facts of its result.

    Args:
        config: a `FitConfig`.
        data: its `Dataset`.
        folder: of the run.
        given: a `given.Given`.
    """
    m1, lesson = given
    if m1 is None:
        every = np.concatenate([data.x_train, data.x_valid, data.x_test])
        observation = observed_as(config.settings, data.x_train, data.columns, every)
    if config.model == "conditional":
        return fit_conditional(config, data, folder, observation)
    if config.model in OF_CLASSES:
        kind = OF_CLASSES[config.model]
        return fit_m2(
            config, data, folder, lambda **options: kind(**options, **observation), lesson
        )
    if m1 is None:
        m1, facts = fit_m1(config, data, folder, observation)
    else:
        facts = {**facts_of_m1(m1, data), "m1_sha256": files.sha256(config.m1_from)}
    if config.model == "m1":
        found = classify_features(m1, data) if data.num_labeled else {"test_error": None}
        return m1, {**facts, **found}
    if not facts["active_dims"]:
        raise ValueError(guards.COLLAPSED)
    above = STACKS[config.model]
    model, found = fit_m2(
        config,
        data,
        folder,
        lambda **options: dgm.StackedM1M2(m1, above=above, **options),
        lesson,
    )
    return model, {**found, **facts}


def trunk(recipe, data):
    """What a model of x has for `hidden_units`: widths, with convolutions before them or not."""
    if not recipe.filters:
        return recipe.hidden_units
    return dgm.Convolutional(data.image_shape, recipe.filters, recipe.hidden_units)


def fit_m1(config, data, folder, observation):
    """Train M1 on all of x, and say how well it does."""
    settings = config.settings
    m1 = dgm.M1(
        settings.m1.latent_dim,
        trunk(settings.m1, data),
        num_samples=settings.m1.num_samples,
        activation=settings.m1.activation,
        weight_prior=settings.m1.weight_prior,
        **observation,
        seed=config.seed,
    )
    # An M1 of its own, `python -m train fit --model m1`, is the model of the run.
    alone = config.model == "m1"
    history = run_folder.HISTORY if alone else run_folder.M1_HISTORY
    callbacks = [*warm_up(settings.m1), *image_logger(settings.m1, data, folder, "m1")]
    seconds = _fit(config, "m1", m1, settings.m1, unlabeled(data), folder, history, callbacks)
    if not alone:
        with files.atomic(folder / run_folder.M1_MODEL) as path:
            m1.save(path)
    return m1, {**facts_of_m1(m1, data), "m1_seconds_per_epoch": seconds}


def facts_of_m1(m1, data):
    """The bound of an M1 on test data, and how many dimensions of its z are active."""
    bound = m1.evaluate(data.x_test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    stddev = m1.embed(data.x_train).std(axis=0)
    active = np.count_nonzero(stddev > dgm.StackedM1M2.COLLAPSED_STDDEV)
    return {"m1_bound": bound["elbo"], "active_dims": int(active)}


def classify_features(m1, data):
    """The errors of an RBF SVM on M1's features."""
    features = [m1.embed(x) for x in (data.x_train, data.x_valid, data.x_test)]
    svm = baselines.tuned("RBF SVM", data, features)
    return {name: value for name, value in svm.items() if name != "setting"}


def m2_options(config, data, seed):
    """The arguments of M2, ADGM or SDGM that do not say what it models."""
    settings = config.settings.m2
    own = {}
    if config.model in AUXILIARY:
        own = {"auxiliary_dim": settings.auxiliary_dim, "num_samples": settings.num_samples}
    if settings.classifier_l2:
        regularizer = keras.regularizers.L2(settings.classifier_l2)
        own["classifier"] = networks.mlp(
            settings.hidden_units,
            data.num_classes,
            settings.activation,
            kernel_regularizer=regularizer,
        )
    return {
        **own,
        "num_classes": data.num_classes,
        "class_names": data.class_names,
        "latent_dim": settings.latent_dim,
        "hidden_units": trunk(settings, data),
        "alpha": settings.alpha,
        "adversarial_weight": settings.adversarial_weight,
        "adversarial_radius": settings.adversarial_radius,
        "class_sum": settings.class_sum,
        "class_prior": None if settings.class_prior == "uniform" else settings.class_prior,
        "activation": settings.activation,
        "weight_prior": settings.weight_prior,
        "seed": seed,
    }


def fit_m2(config, data, folder, make, lesson):
    """Train an M2, on x or on z1, and say how well it does.

    Args:
        config: a `FitConfig`.
        data: its `Dataset`.
        folder: of the run.
        make: a function of its options that returns the model.
        lesson: labels [N] to begin with; None: there are none but the data's.
    """
    valid, test = (data.x_valid, data.y_valid), (data.x_test, data.y_test)
    examples = (data.x_train, data.y_train), valid
    recipe = config.settings.m2
    callbacks = image_logger(recipe, data, folder, "m2")
    history, metrics = run_folder.HISTORY, ["accuracy"]
    options = {}
    if recipe.steps is not None:
        recipe = dataclasses.replace(recipe, epochs=PARTS)
        steps = math.ceil(recipe.steps / PARTS)
        at_once = steps_at_once(steps, STEPS_PER_EXECUTION)
        options = {"steps_per_epoch": steps, "steps_per_execution": at_once}
    options["labels_first"] = recipe.labels_first
    options["labels_per_batch"] = recipe.labels_per_batch

    def briefly(name, model, labels):
        """Train a model for a fifth of the epochs."""
        short = dataclasses.replace(recipe, epochs=restarts.epochs(recipe))
        history = f"{run_folder.CHECKPOINTS}/{name}.csv"
        (folder / run_folder.CHECKPOINTS).mkdir(exist_ok=True)
        brief = (data.x_train, labels), valid
        _fit(config, name, model, short, brief, folder, history, (), metrics, options)

    def start(seed, name):
        model = make(**m2_options(config, data, seed))
        briefly(name, model, data.y_train)
        logs = model.evaluate(*valid, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
        return logs["elbo"]

    facts, seed = {}, config.seed
    if recipe.restarts:
        facts["restarts"] = restarts.bounds(config, folder, start)
        seed = int(next(iter(facts["restarts"])))
        keras.utils.set_random_seed(seed)
    model = make(**m2_options(config, data, seed))
    if lesson is not None:
        facts["teacher_sha256"] = files.sha256(config.teacher)
        briefly("lesson", model, lesson)
    seconds = _fit(
        config, "m2", model, recipe, examples, folder, history, callbacks, metrics, options
    )
    if recipe.committee and members.few_labels(data.y_train):
        facts["committee"] = taught_by_committee(config, data, model)
    logs = model.evaluate(*test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return model, {
        **facts,
        **errors.of_test(predicted(model, data.x_test), data.y_test, data.num_classes),
        "valid_error": errors.error(predicted(model, data.x_valid), data.y_valid),
        "bound": logs["elbo"],
        "m2_seconds_per_epoch": seconds,
    }


def taught_by_committee(config, data, model):
    """Let a committee teach q(y|x) of an M2 or M1+M2; its members, as `members.teach` tells."""
    recipe = config.settings.m2

    def make(**seen):
        # An adaptive sum would go on from one training to the next.
        return dgm.M2(**{**m2_options(config, data, config.seed), "class_sum": "exact", **seen})

    return members.teach(
        model,
        make,
        data.x_train,
        data.y_train,
        config.seed,
        recipe.batch_size,
        recipe.labels_per_batch,
    )


def fit_conditional(config, data, folder, observation):
    """Train a model of whole images given their middle, with M1's settings."""
    recipe = config.settings.m1
    model = dgm.ConditionalM1(
        np.flatnonzero(masks.centre(data.image_shape)).tolist(),
        recipe.latent_dim,
        recipe.hidden_units,
        activation=recipe.activation,
        weight_prior=recipe.weight_prior,
        **observation,
        seed=config.seed,
    )
    seconds = _fit(
        config, "conditional", model, recipe, unlabeled(data), folder, run_folder.HISTORY
    )
    bound = model.evaluate(data.x_test, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return model, {"test_error": None, "bound": bound["elbo"], "seconds_per_epoch": seconds}


def predicted(model, x):
    """The most likely class under q(y|x) of each example."""
    return model.predict(x, batch_size=EVALUATION_BATCH, verbose=0).argmax(axis=-1)


def features(model, data):
    """What baselines see of each part of a table, standardised, missing entries at the mean.

    Of images None, unless entries are missing: they see x as it is.
    """
    preprocessor = next(iter(model.latents().values())).preprocessor
    parts = (data.x_train, data.x_valid, data.x_test)
    if data.image_shape is not None and not any(np.isnan(x).any() for x in parts):
        return None
    if preprocessor is None:
        scaler = StandardScaler().fit(data.x_train)
        return [scaler.transform(x) for x in parts]
    return [np.nan_to_num(preprocessor(x).numpy()) for x in parts]


def unlabeled(data):
    """What a model without classes is trained and validated on."""
    return (data.x_train,), (data.x_valid,)


def _fit(
    config, name, model, recipe, examples, folder, history, callbacks=(), metrics=None, options=()
):
    train, valid = examples
    options = dict(options)
    at_a_time = options.pop("steps_per_execution", STEPS_PER_EXECUTION)
    timer = EpochTimer()
    logs = folder / run_folder.TENSORBOARD / name
    checkpoints = Checkpoints(folder / run_folder.CHECKPOINTS, name, config.checkpoint_seconds)
    workers.check_same_epoch(checkpoints.epoch)
    model.compile(
        optimizers.create(recipe.optimizer, recipe.learning_rate),
        metrics=metrics,
        steps_per_execution=1 if config.strategy == "multi-worker" else at_a_time,
    )
    if checkpoints.epoch:
        options.pop("labels_first", None)
    bars = config.progress == "bar"
    with StopOnSignal() as stop:
        model.fit(
            *train,
            **options,
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
                *callbacks,
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


def warm_up(recipe):
    """The callback that lets the divergence of an M1 warm up, where its recipe asks for it."""
    epochs = min(recipe.kl_warmup, recipe.epochs - 1)  # The last one is always at full weight.
    return [dgm.KLWarmUp(epochs)] if epochs else []


def image_logger(recipe, data, folder, name):
    """The callback that shows images in TensorBoard, where there are images to see."""
    if data.image_shape is None:
        return []
    x = data.x_valid[:10] if len(data.x_valid) else None
    logs = folder / run_folder.TENSORBOARD / name / "images"
    epochs = reported_epochs(recipe.epochs)
    return [dgm.generation.ImageLogger(logs, data.image_shape, x, epochs)]
