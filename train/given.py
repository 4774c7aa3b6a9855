"""What a run is given by earlier ones: an M1 to stack on, a teacher's labels."""

import warnings
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_dgm.runs import files, run_folder
from train.fitting import predicted


class Given(NamedTuple):
    """What earlier runs give to one.

    Attributes:
        m1: the M1 of `config.m1_from`, to stack M2 on; None: one is trained.
        lesson: labels [N] of the training examples for the beginning, where `config.teacher` says
            those that are unknown; None: there is none.
    """

    m1: Any
    lesson: np.ndarray | None


def load(config, data):
    """The `Given` of the files that `config` names.

    Raises:
        ValueError: if a file holds none of its kind for such data.
    """
    return Given(
        None if config.m1_from is None else load_m1(config.m1_from, data, config.seed),
        None if config.teacher is None else lesson_of(config, data),
    )


def lesson_of(config, data):
    """The labels [N] of the training examples, those that are unknown as the teacher predicts them.

    A warning says where the teacher's run had other data, labels or another split of them.

    Raises:
        ValueError: if the file holds no classifier of such data and classes.
    """
    path = config.teacher
    try:
        files.check_model_file(path, "teacher")
        teacher = keras.models.load_model(path, compile=False)
        known = teacher.class_names or range(teacher.num_classes or 0)
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"`teacher` must be a saved classifier, got {path}: {error}") from None
    classes = list(map(str, known))
    if teacher.input_dim != data.num_features or classes != list(data.class_names):
        raise ValueError(
            f"`teacher` must be a classifier of {data.num_features} features and the classes "
            f"{', '.join(data.class_names)}, got {path} of {teacher.input_dim} features and "
            f"{', '.join(classes) or 'no classes'}"
        )
    theirs = run_folder.read_config(path.parent) or {}
    for name in ("dataset", "num_labeled", "seed"):
        ours = getattr(config, name)
        if theirs.get(name, ours) != ours:
            warnings.warn(
                f"the teacher of {path} was trained with `{name}` {theirs[name]}, and this run has "
                f"{ours}: it may know labels that are held out here",
                stacklevel=2,
            )
    return np.where(data.y_train < 0, predicted(teacher, data.x_train), data.y_train)


def load_m1(path, data, seed):
    """A trained M1 of such data; a warning where another seed has held out other examples of it.

    Raises:
        ValueError: if the file holds something else.
    """
    try:
        files.check_model_file(path, "m1_from")
        m1 = keras.models.load_model(path)
        found = m1.as_m1()
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"`m1_from` must be a saved M1, got {path}: {error}") from None
    if found is not m1 or m1.input_dim != data.num_features:
        raise ValueError(f"`m1_from` must be an M1 of {data.num_features} features, got {path}")
    if m1.seed != seed:
        warnings.warn(
            f"the M1 of {path} was trained with seed {m1.seed}: it has seen, without labels, some "
            f"of the examples that seed {seed} holds out",
            stacklevel=2,
        )
    return m1
