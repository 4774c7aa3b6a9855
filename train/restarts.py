"""Random restarts of an M2: several starts of training, of which the best is trained to its end.

With few labels M2 can settle in clusters of its own, and does not leave them. Its bound is then
lower than that of a start which has found the classes.
"""

import math

import keras
import numpy as np

from keras_dgm.runs import files, run_folder

# Of the epochs, how many a start has, or a teacher's lesson.
PART = 0.2
FILE = "restarts.json"


def epochs(recipe):
    """Of a start."""
    return math.ceil(PART * recipe.epochs)


def seeds(config):
    """The seeds of the initial weights: of the run itself, and `restarts` further ones."""
    further = np.random.default_rng(config.seed).integers(2**31, size=config.settings.m2.restarts)
    return [config.seed, *further.tolist()]


def bounds(config, folder, start):
    """The bound of each start by its seed, the best first; those that a file holds are known.

    Args:
        config: a `FitConfig`.
        folder: of the run.
        start: a function of a seed and a name that trains a start and returns its bound.
    """
    path = folder / run_folder.CHECKPOINTS / FILE
    found = files.read_json(path, missing_ok=True) or {}
    for number, seed in enumerate(seeds(config)):
        if str(seed) not in found:
            keras.utils.set_random_seed(seed)
            found[str(seed)] = start(seed, f"start{number}")
            files.write_json(path, found)
    return dict(sorted(found.items(), key=lambda item: -item[1]))
