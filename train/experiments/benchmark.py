"""How fast training is, in units of what the machine's matrix products allow.

What the machine could do is measured, not looked up: the matrix products of one step, forward and
backward, at the model's own shapes and nothing else. All quantities are measured in turns, round
after round, so that what else the machine does falls on each of them; of each the median counts.
"""

import dataclasses
import os
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm.runs import files
from keras_dgm.training import batches
from train import pipeline
from train.callbacks import EpochTimer
from train.experiments import products
from train.fitting import STEPS_PER_EXECUTION
from train.settings import Positive

WIDTH = 784
STEPS = 10


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Measure training on this machine: images a second, and the part of what is possible."""

    rounds: Positive = 5
    """Every quantity is measured this often; the median counts."""
    output: Path = Path("runs", "benchmark.json")
    """Where the figures go, as JSON."""


def stacked(**kwargs):
    """M1+M2 with 50 active dimensions of z1."""
    m1 = dgm.M1(50, (600, 600), seed=0)
    m1.build((None, WIDTH))
    return dgm.StackedM1M2(m1, 10, latent_dim=50, active_dims=range(50), seed=0, **kwargs)


def m2(num_classes=10, **kwargs):
    """M2 on pixels."""
    return dgm.M2(num_classes, 50, (500,), seed=0, **kwargs)


# A name, how to build the model, its matrix products, the examples of a step, and the steps of an
# epoch of `fit`: as many as take a second or two, for a real epoch is long beside its start.
SUBJECTS = (
    ("M1", lambda: dgm.M1(50, (600, 600), seed=0), products.of_m1, 250, 80),
    ("M2", m2, products.of_m2, 500, 10),
    ("M1+M2", stacked, products.of_stack, 500, 40),
    ("M2, class_sum=1", lambda: m2(class_sum=1), products.of_m2, 500, 40),
    ("M2, class_sum=1, K=1000", lambda: m2(1000, class_sum=1), products.of_m2, 500, 30),
    ("M1+M2, class_sum=1", lambda: stacked(class_sum=1), products.of_stack, 500, 100),
)


def run(config):
    """Measure, write the JSON file, and return its content."""
    config.output.parent.mkdir(parents=True, exist_ok=True)
    models = {}
    for name, make, products_of, batch_size, epoch_steps in SUBJECTS:
        print(f"measuring {name} …", flush=True)
        subject = Subject(make(), products_of, batch_size, epoch_steps)
        models[name] = measure(subject, config.rounds)
    result = {
        "models": models,
        "rounds": config.rounds,
        "cores": len(os.sched_getaffinity(0)),
        "versions": pipeline.versions(),
    }
    files.write_json(config.output, result)
    return result


def measure(subject, rounds):
    """Medians over rounds in which every quantity has its turn; seconds are those of a step."""
    turns = [subject.turn() for _ in range(rounds)]
    seconds = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    elementwise = seconds["step"] - seconds["noise"] - seconds["products"] - seconds["optimizer"]
    flops = 2 * subject.multiply_adds
    return {
        "batch_size": subject.batch_size,
        "images_per_second": subject.batch_size / seconds["fit"],
        "step_images_per_second": subject.batch_size / seconds["step"],
        "ratio": statistics.median(turn["products"] / turn["step"] for turn in turns),
        "fit_over_step": statistics.median(turn["fit"] / turn["step"] for turn in turns),
        "possible_gflops": flops / seconds["products"] / 1e9,
        "possible_gflops_bfloat16": flops / seconds["products_bfloat16"] / 1e9,
        "seconds": {
            **seconds,
            "elementwise": elementwise,
            "python": seconds["fit"] - seconds["step"],
        },
    }


class Subject:
    """A model with its data, and what is timed on it.

    Args:
        model: not compiled.
        products_of: the function of `products` for such a model.
        batch_size: the examples of a step.
        epoch_steps: the steps of an epoch.
    """

    def __init__(self, model, products_of, batch_size, epoch_steps=STEPS):
        self.model = model
        self.batch_size = batch_size
        self.epoch_steps = epoch_steps
        model.compile(keras.optimizers.Adam(1e-3), steps_per_execution=STEPS_PER_EXECUTION)
        self.x = np.random.default_rng(0).random((epoch_steps * batch_size, WIDTH), np.float32)
        # A label of each class; M1 does not look at them.
        self.y = np.arange(len(self.x))
        self.y[model.num_classes or 0 :] = -1
        self.fit()  # Builds the model and compiles it.
        self.products = products_of(model, batch_size)
        self.functions = self.parts()
        for function in self.functions.values():
            seconds_of(function, repeats=2)

    @property
    def multiply_adds(self):
        """Of a step, forward and backward."""
        return sum(
            rows * inputs * outputs * (3 if needs_gradient else 2)
            for rows, inputs, outputs, needs_gradient in self.products
        )

    def turn(self):
        """Seconds of a step by quantity, each measured once."""
        seconds = {name: seconds_of(function) for name, function in self.functions.items()}
        seconds["products"] = min(seconds["products"], seconds.pop("products_without_xla"))
        return {"fit": self.fit(), "input": self.input(), **seconds}

    def fit(self):
        """Seconds of a step inside `model.fit`."""
        timer = EpochTimer()
        self.model.fit(self.x, self.y, self.batch_size, verbose=0, callbacks=[timer])
        return timer.seconds_per_epoch / self.epoch_steps

    def input(self):
        """Seconds to put a batch together; `fit` does it beside the step before."""
        data = batches.of(self.model, self.x, self.y)
        dataset = data.training(self.batch_size, seed=0, epoch=tf.constant(0), shuffle=True)
        started = time.perf_counter()
        for _ in dataset:
            pass
        return (time.perf_counter() - started) / self.epoch_steps

    def parts(self):
        """Functions without arguments that do a step, or one part of its work."""
        model = self.model
        observation = model.observe(self.x[: self.batch_size])
        y = tf.constant(self.y[: self.batch_size])
        gradients = [tf.zeros_like(weight) for weight in model.trainable_variables]

        def noise():
            return model.sample_observation(observation), model.sample_noise(self.batch_size)

        def apply():
            model.optimizer.apply(gradients, model.trainable_variables)
            return model.optimizer.iterations

        return {
            "step": tf.function(lambda: model.train_step((observation, y))),
            "noise": tf.function(noise),
            "optimizer": tf.function(apply, jit_compile=True),
            "products": products.function(self.products, "float32", jit_compile=True),
            "products_without_xla": products.function(self.products, "float32", jit_compile=False),
            "products_bfloat16": products.function(self.products, "bfloat16", jit_compile=False),
        }


def seconds_of(function, repeats=STEPS):
    """Mean seconds of a call."""
    started = time.perf_counter()
    for _ in range(repeats):
        result = function()
    tf.nest.map_structure(np.asarray, tf.nest.flatten(result)[0])
    return (time.perf_counter() - started) / repeats


def table(result):
    """The figures, for people."""
    lines = [
        f"{'':<26}{'images/s':>10}{'bare step':>11}{'of possible':>13}"
        "   ms: step = noise + products + optimizer + element-wise; input, Python"
    ]
    for name, row in result["models"].items():
        ms = {part: 1000 * seconds for part, seconds in row["seconds"].items()}
        lines.append(
            f"{name:<26}{row['images_per_second']:>10,.0f}{row['step_images_per_second']:>11,.0f}"
            f"{row['ratio']:>13.2f}   {ms['step']:.1f} = {ms['noise']:.1f} + {ms['products']:.1f}"
            f" + {ms['optimizer']:.1f} + {ms['elementwise']:.1f};"
            f" {ms['input']:.1f}, {ms['python']:.1f}"
        )
    return "\n".join(lines)
