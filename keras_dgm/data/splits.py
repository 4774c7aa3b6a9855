"""Random splits that keep the proportions of the classes."""

from collections.abc import Sequence

import numpy as np


def hold_out(y: np.ndarray, sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Chooses disjoint sets of examples to hold out, each with the classes in proportion.

    Where some examples have labels, only those are held out, so that an error can be measured on
    them; and never the last labelled example of a class. A set may therefore be smaller than asked
    for.

    Args:
        y: integers [N], -1 where the label is unknown.
        sizes: how many examples to hold out in each set.
        seed: fixes the choice.

    Returns:
        Ascending indices into `y`: of the rest, then of each set.
    """
    pool = np.flatnonzero(y >= 0) if np.any(y >= 0) else np.arange(len(y))
    # Another stream than that of `draw_labels(seed=seed)`.
    order = pool[_stratified_order(y[pool], np.random.default_rng((seed, 1)))]
    spare = max(0, len(pool) - len(np.unique(y[pool])))
    ends = np.minimum(np.cumsum(sizes), spare)
    held = [np.sort(part) for part in np.split(order, ends)[:-1]]
    rest = np.setdiff1d(np.arange(len(y)), order[: ends[-1]], assume_unique=True)
    return [rest, *held]


def _stratified_order(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order in which any run of examples holds each class in proportion.

    The members of a class of n are spread over n equal cells of [0, 1), one in each; the last one
    is put after everything else.
    """
    position = np.empty(len(y))
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        position[members] = (np.arange(len(members)) + rng.random(len(members))) / len(members)
        position[members[-1]] = 1.0
    return np.argsort(position, kind="stable")
