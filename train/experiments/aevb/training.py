"""A curve: a model that trains, and what is measured meanwhile."""

import collections
import dataclasses
import math
import time
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

import keras_dgm as dgm
from train import optimizers, recipes
from train.experiments.aevb import marginal, monte_carlo_em
from train.experiments.aevb.wake_sleep import WakeSleep
from train.observation import observed_as

METHODS = {"aevb": dgm.M1, "wake-sleep": WakeSleep}
MCEM = "mcem"
LIKELIHOODS: dict[str, recipes.LikelihoodName] = {
    "mnist": "bernoulli",
    "frey_face": "bounded_gaussian",
}
MARKS = 20
BOUND_EXAMPLES = 10_000
MARGINAL_EXAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class Curve:
    """What a curve is of; as its file says."""

    of: Literal["bound", "likelihood"]
    dataset: str
    method: str
    latent_dim: int
    hidden_units: int
    train_size: int | None
    learning_rate: float
    seed: int

    @property
    def file(self):
        size = "" if self.train_size is None else f"-{self.train_size}"
        return f"{self.of}-{self.dataset}-{self.method}-{self.latent_dim}{size}.json"


def compute(curve, points, data_dir=None):
    """Train, and measure at `MARKS` times, evenly spaced in the logarithm of the points."""
    x_train, x_test = observations(curve, data_dir)
    keras.utils.set_random_seed(curve.seed)
    recipe = recipes.aevb(latent_dim=curve.latent_dim, hidden_units=(curve.hidden_units,))
    # MNIST has been binarised.
    seen = recipes.Recipe(likelihood=LIKELIHOODS[curve.dataset], binarize=False)
    model = METHODS.get(curve.method, dgm.M1)(
        recipe.latent_dim,
        recipe.hidden_units,
        activation=recipe.activation,
        weight_prior=recipe.weight_prior,
        **observed_as(seen),
        seed=curve.seed,
    )
    model.build((None, x_train.shape[-1]))
    optimizer = optimizers.create(recipe.optimizer, curve.learning_rate)
    if curve.of == "bound":
        record = Record(lambda x: bound(model, x[:BOUND_EXAMPLES]), x_train, x_test)
    else:
        estimate = marginal.LogMarginal(model, curve.seed)
        record = Record(lambda x: likelihood(estimate, x[:MARGINAL_EXAMPLES]), x_train, x_test)
    if curve.method == MCEM:
        train_mcem(model, x_train, optimizer, recipe.batch_size, points, record)
    else:
        train(model, x_train, optimizer, recipe.batch_size, points, record)
    return dict(record.curve)


def observations(curve, data_dir):
    """Training and test examples; MNIST's are binarised once, the same for every method."""
    data = dgm.data.load(curve.dataset, seed=curve.seed, data_dir=data_dir)
    x_train, x_test = data.x_train, data.x_test
    if curve.train_size is not None and curve.train_size > len(x_train):
        raise ValueError(
            f"`train_sizes` must be at most {len(x_train)} for {curve.dataset}, "
            f"got {curve.train_size}"
        )
    if LIKELIHOODS[curve.dataset] == "bernoulli":
        rng = np.random.default_rng(curve.seed)
        x_train, x_test = ((rng.random(x.shape) < x).astype(x.dtype) for x in (x_train, x_test))
    return x_train[: curve.train_size], x_test


class Record:
    """What is measured while a model trains; the time that measuring takes is not counted.

    Args:
        measure: from examples to a dict; its keys follow `train` and `test` in those of the curve.
    """

    def __init__(self, measure, x_train, x_test):
        self.measure = measure
        self.examples = {"train": x_train, "test": x_test}
        self.curve: dict[str, list[float]] = collections.defaultdict(list)
        self.started = time.perf_counter()

    def add(self, points):
        now = time.perf_counter()
        self.curve["at"].append(points)
        self.curve["seconds"].append(now - self.started)
        for split, x in self.examples.items():
            for suffix, value in self.measure(x).items():
                self.curve[split + suffix].append(value)
        self.started += time.perf_counter() - now


def marks(points, points_per_step):
    """The steps after which to measure, ascending; the last one reaches `points`."""
    last = math.ceil(points / points_per_step)
    first = min(10, last)
    return sorted({round(step) for step in np.geomspace(first, last, MARKS)})


class MeasureAt(keras.callbacks.Callback):
    """Measures after given steps, and stops after the last."""

    def __init__(self, steps, batch_size, record):
        super().__init__()
        self.steps = set(steps)
        self.last = max(steps)
        self.batch_size = batch_size
        self.record = record

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations)
        if step in self.steps:
            self.record.add(step * self.batch_size)
        if step >= self.last:
            self.model.stop_training = True


def train(model, x, optimizer, batch_size, points, record):
    """AEVB or wake-sleep: a point costs one evaluation."""
    batch_size = min(batch_size, len(x))
    steps = marks(points, batch_size)
    model.compile(optimizer)
    model.fit(
        x,
        batch_size=batch_size,
        epochs=math.ceil(steps[-1] / math.ceil(len(x) / batch_size)),
        verbose=0,
        callbacks=[MeasureAt(steps, batch_size, record)],
    )


def train_mcem(model, x, optimizer, batch_size, points, record):
    """Monte-Carlo EM: a point costs the leapfrog steps and the updates that it is used in."""
    batch_size = min(batch_size, len(x))
    steps = marks(points, batch_size * monte_carlo_em.EVALUATIONS)
    em = monte_carlo_em.MonteCarloEM(model, x, optimizer, model.seed)
    rng = np.random.default_rng(model.seed)
    order = np.array([], int)
    for step in range(1, steps[-1] + 1):
        if len(order) < batch_size:
            order = rng.permutation(len(x))
        batch, order = order[:batch_size], order[batch_size:]
        em.step(tf.constant(batch), tf.constant(step))
        if step in steps:
            record.add(step * batch_size * monte_carlo_em.EVALUATIONS)


def bound(model, x):
    """The mean of -J(x)."""
    return {"": float(model.evaluate(x, batch_size=1000, verbose=0, return_dict=True)["elbo"])}


def likelihood(estimate, x):
    """The mean of log p(x), and its Monte-Carlo standard error for these examples."""
    log_p, stderr = estimate(x)
    return {"": float(np.mean(log_p)), "_stderr": float(np.linalg.norm(stderr) / len(x))}
