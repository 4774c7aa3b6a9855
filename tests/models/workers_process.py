"""What `test_workers.py` compares, from one process, or from each of several; prints JSON."""

import json
import os
import sys

import tensorflow as tf

if "TF_CONFIG" in os.environ:
    STRATEGY = tf.distribute.MultiWorkerMirroredStrategy()
else:
    STRATEGY = tf.distribute.get_strategy()

import builders
import keras
import numpy as np

MAKE = {"m1": builders.m1, "m2": builders.m2, "stacked": builders.stacked}
BATCH = 12  # of 2 or 3 workers


def trained(name):
    """The mean loss after each of 20 steps, without noise, and the weights at the end."""
    x, y = (np.tile(part, [8, *[1] * (part.ndim - 1)]) for part in builders.examples())
    with STRATEGY.scope():
        options = {} if name == "stacked" else {"likelihood": "gaussian"}
        # Adam would make steps of rounding errors, where a gradient is 0.
        sgd = keras.optimizers.SGD(0.01)
        model = builders.compiled(MAKE[name](**options), sgd, mode="graph")
    for part in model.latents().values():
        part.draw_normal = lambda *shape: tf.zeros(shape, model.variable_dtype)
    if name == "stacked":
        model.m2.draw_normal = model.draw_normal
    losses = []
    log = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: losses.append(float(logs["loss"]))
    )
    data = (x,) if name == "m1" else (x, y)
    model.fit(*data, batch_size=BATCH, callbacks=[log], verbose=0)
    result = {"losses": losses, "weights": [w.tolist() for w in model.get_weights()]}
    if name == "m2":  # A last batch that is smaller than the others.
        result["probs"] = model.predict(x[:17], batch_size=BATCH, verbose=0).tolist()
        # Without the loss, in which the labelled part of what a replica sees counts.
        result["evaluated"] = model.evaluate(x[:24], y[:24], BATCH, verbose=0)[1:]
    return result


def seed():
    """What this process draws its noise from."""
    with STRATEGY.scope():
        model = builders.m1()
    return STRATEGY.run(tf.function(model.next_seed)).numpy().tolist()


def refusal():
    """What `steps_per_execution` gets, which Keras cannot do over workers."""
    try:
        with STRATEGY.scope():
            builders.compiled(builders.m1(), steps_per_execution=10)
    except ValueError as error:
        return str(error)


result = {name: trained(name) for name in sys.argv[1:]}
print(json.dumps({**result, "seed": seed(), "refusal": refusal()}))
