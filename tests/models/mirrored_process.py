"""What `test_mirrored.py` compares, from a process with two logical CPUs; prints JSON."""

import json

import tensorflow as tf

CPUS = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], CPUS)

import builders  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

STRATEGIES = {
    "single": tf.distribute.get_strategy(),
    "mirrored": tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
}


def smooth_m2(**options):
    return builders.m2(adversarial_weight=2.0, adversarial_radius=0.5, **options)


def sampled_sdgm(**options):
    return builders.sdgm(num_samples=2, class_sum=1, **options)


def losses(make, strategy, fixed_noise):
    """The mean loss of an epoch after each of 20 steps, and the weights at the end.

    29 examples in batches of 8: the last batch of an epoch is smaller, and of odd size.
    """
    x, y = builders.examples()
    data = (x[:29],) if make is builders.m1 else (x[:29], y[:29])
    with strategy.scope():
        # Adam would make steps of rounding errors, where a gradient is 0.
        sgd = keras.optimizers.SGD(0.01)
        model = builders.compiled(make(likelihood="gaussian"), sgd, mode="graph")
    if fixed_noise:
        drawn = model.sample_noise
        # A direction of 0 would be none.
        model.sample_noise = lambda *a: tf.nest.map_structure(tf.ones_like, drawn(*a))
    seen = []
    log = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    model.fit(*data, batch_size=8, epochs=5, callbacks=[log], verbose=0)
    return {"losses": seen, "weights": [w.tolist() for w in model.get_weights()]}


def replica_without_examples():
    """Batches of 28 and of 1."""
    x, y = builders.examples()
    with STRATEGIES["mirrored"].scope():
        model = builders.compiled(builders.m2(), mode="graph")
    history = model.fit(x[:29], y[:29], batch_size=28, epochs=2, verbose=0).history
    return bool(np.isfinite(history["loss"]).all())


def refusal():
    """What a batch gets that the replicas cannot share."""
    with STRATEGIES["mirrored"].scope():
        model = builders.m1()
    try:
        model.fit(builders.examples()[0], batch_size=7, verbose=0)
    except ValueError as error:
        return str(error)


def seeds():
    """What the two replicas draw their noise from."""
    with STRATEGIES["mirrored"].scope():
        model = builders.m1()
    drawn = STRATEGIES["mirrored"].run(tf.function(model.next_seed))
    replicas = STRATEGIES["mirrored"].experimental_local_results(drawn)
    return [seed.numpy().tolist() for seed in replicas]


print(
    json.dumps(
        {
            "fixed": {
                make.__name__: {
                    name: losses(make, strategy, True) for name, strategy in STRATEGIES.items()
                }
                for make in (builders.m1, builders.m2, smooth_m2, builders.adgm, sampled_sdgm)
            },
            "seeds": seeds(),
            "refusal": refusal(),
            "finite": replica_without_examples(),
        }
    )
)
