"""Keras' layer protocol reaches a user's networks: the flag, state, losses; in every slot."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K, N, Z

import keras_dgm as dgm
from keras_dgm import likelihoods

GREY = likelihoods.Bernoulli(binarize=False)
LEARNED = 2 * 2  # means and log variances of the two active dimensions of z1
# The maker of a model, the argument, what the network sees, and how many numbers it puts out.
SLOTS = {
    "encoder of M1": (builders.m1, "encoder", [D], 2 * Z),
    "decoder of M1": (builders.m1, "decoder", [Z], D),
    "encoder of ConditionalM1": (builders.conditional, "encoder", [D], 2 * Z),
    "decoder of ConditionalM1": (builders.conditional, "decoder", [2 + Z], D - 2),
    "classifier of M2": (builders.m2, "classifier", [D], K),
    "encoder of M2": (builders.m2, "encoder", [D, K], 2 * Z),
    "decoder of M2": (builders.m2, "decoder", [Z, K], D),
    "classifier of M1+M2": (builders.stacked, "classifier", [2], K),
    "encoder of M1+M2": (builders.stacked, "encoder", [2, K], 2 * Z),
    "decoder of M1+M2": (builders.stacked, "decoder", [Z, K], LEARNED),
}
EVERY_SLOT = pytest.mark.parametrize("slot", SLOTS)


@keras.saving.register_keras_serializable(package="tests")
class Watched(keras.layers.Layer):
    """Notes how it is called; counts its calls in training; adds noise in training."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flags = []
        self.seed_generator = keras.random.SeedGenerator(0)

    def build(self, input_shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, inputs, training=None):
        self.flags.append(training)
        if not training:
            return inputs
        self.count.assign_add(1.0)
        return inputs + 0.1 * keras.random.normal(tf.shape(inputs), seed=self.seed_generator)


@keras.saving.register_keras_serializable(package="tests")
class Costly(keras.layers.Layer):
    """Adds 2.5 to the loss."""

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, inputs):
        self.add_loss(tf.constant(2.5))
        return inputs


def network(widths, size, *layers, **options):
    """A model from these inputs to `size` numbers, `layers` in its middle."""
    inputs = [keras.Input([width]) for width in widths]
    hidden = keras.layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    hidden = keras.layers.Dense(5, "tanh", **options)(hidden)
    for layer in layers:
        hidden = layer(hidden)
    outputs = keras.layers.Dense(size)(hidden)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs)


def model_with(slot, *layers, **options):
    """A model with these layers in one of its slots, its weights at their start."""
    make, name, widths, size = SLOTS[slot]
    keras.utils.set_random_seed(0)
    own = network(widths, size, *layers, **options)
    likelihood = {} if make is builders.stacked else {"likelihood": GREY}
    return make(**{name: own}, **likelihood)


def data_of(model, dataset=False):
    x, _ = builders.examples()
    data = (x, np.arange(N) % K) if model.num_classes else (x,)
    return (tf.data.Dataset.from_tensor_slices(data).batch(N),) if dataset else data


def everything(model):
    """What the model is for besides training, by name: functions of no argument."""
    x, _ = builders.examples()
    z = np.ones([K, Z], np.float32)
    calls = {
        "predict": lambda: model.predict(x, verbose=0),
        "call": lambda: model(x).numpy(),
        "embed": lambda: model.embed(x),
    }
    if isinstance(model, dgm.ConditionalM1):
        return {**calls, "complete": lambda: model.complete(x, z=z)}
    if not model.num_classes:
        return {**calls, "generate": lambda: model.generate(z)}
    return {
        **calls,
        "generate": lambda: model.generate(np.arange(K), z),
        "analogies": lambda: model.analogies(x),
    }


@EVERY_SLOT
@pytest.mark.parametrize(
    ("mode", "dataset"),
    [
        ("graph", False),
        pytest.param("graph", True, marks=pytest.mark.slow),
        pytest.param("core", False, marks=pytest.mark.slow),
    ],
)
def test_layers_are_trained_in_fit_and_nowhere_else(slot, mode, dataset, monkeypatch):
    """Dropout, noise and a random layer act, statistics move once a step; in training alone.

    With SGD of rate 0 and fixed noise of z, losses differ from step to step by the layers alone.
    """
    watched, normal = Watched(), keras.layers.BatchNormalization(momentum=0.5)
    layers = (
        watched,
        normal,
        keras.layers.Dropout(0.3, seed=1),
        keras.layers.GaussianNoise(0.3, seed=2),
    )
    model = builders.compiled(model_with(slot, *layers), keras.optimizers.SGD(0.0), mode)
    for part in {model, getattr(model, "m2", model)}:
        monkeypatch.setattr(part, "draw_normal", lambda *shape: tf.zeros(shape))
    data = data_of(model, dataset)
    watched.flags.clear()
    before = normal.moving_mean.numpy()

    history = model.fit(
        *data, **({} if dataset else {"batch_size": N}), epochs=3, verbose=0
    ).history

    assert set(watched.flags) == {True}
    assert watched.count == 3
    assert len(set(history["loss"])) == 3 and np.isfinite(history["loss"]).all()
    after = normal.moving_mean.numpy()
    assert np.all(before != after)

    kept = builders.weights(model)
    watched.flags.clear()
    evaluated = [model.evaluate(*data, verbose=0) for _ in range(2)]
    assert evaluated[0] == evaluated[1]
    assert set(watched.flags) == {False}
    for name, function in everything(model).items():
        first, again = function(), function()
        np.testing.assert_array_equal(first, again, err_msg=name)
    assert set(watched.flags) == {False}
    builders.assert_same_weights(model, kept)


@EVERY_SLOT
@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.Dropout(0.5, seed=0),
        lambda: keras.layers.GaussianNoise(0.5, seed=0),
        lambda: keras.layers.GaussianDropout(0.5, seed=0),
        Watched,
    ],
    ids=["Dropout", "GaussianNoise", "GaussianDropout", "a random layer of one's own"],
)
def test_each_kind_of_noise_changes_the_bound_in_training_alone(slot, layer):
    model = model_with(slot, layer())
    x, y = tf.constant(builders.examples()[0]), tf.constant(np.arange(N) % K)
    observed = model.sample_observation(model.observe(x))
    noise = model.sample_noise(N)

    def loss(training):
        return tf.reduce_mean(model.objective(observed, y, noise, training).loss).numpy()

    assert loss(True) != loss(True)
    assert loss(False) == loss(False)


@EVERY_SLOT
def test_batch_normalization_takes_the_statistics_of_the_rows_that_it_sees(slot):
    """In a sum over K classes each example is a row K times; the statistics move once even so."""
    seen = []

    class Record(keras.layers.Layer):
        def compute_output_shape(self, input_shape):
            return input_shape

        def call(self, inputs):
            seen.append(inputs)
            return inputs

    normal = keras.layers.BatchNormalization(momentum=0.75)
    model = builders.compiled(model_with(slot, Record(), normal), keras.optimizers.SGD(0.0))
    seen.clear()

    model.fit(*data_of(model), batch_size=N, verbose=0)

    rows = next(value.numpy() for value in seen if hasattr(value, "numpy") and len(value) >= N)
    name = SLOTS[slot][1]
    summed = model.num_classes and name != "classifier"
    assert len(rows) == (N * K if summed else N)
    np.testing.assert_allclose(normal.moving_mean, 0.25 * rows.mean(axis=0), rtol=1e-4, atol=1e-6)


COMPILED = ["encoder of M1", "classifier of M2", "decoder of M1+M2"]


@pytest.mark.parametrize(
    ("slot", "mode"),
    [
        *((s, "eager") for s in SLOTS),
        *(pytest.param(s, "core", marks=pytest.mark.slow) for s in COMPILED),
    ],
)
def test_regularizers_and_added_losses_count(slot, mode):
    """In the loss of `fit` and of `evaluate`, by as much as they say, and in the gradient."""
    plain, costly = (
        builders.compiled(model, keras.optimizers.SGD(0.01), mode)
        for model in (
            model_with(slot),
            model_with(slot, Costly(), kernel_regularizer=keras.regularizers.L2(0.5)),
        )
    )
    own = getattr(costly.m2 if "M1+M2" in slot else costly, SLOTS[slot][1])
    kernel = next(w for w in own.trainable_variables if w.path.endswith("kernel"))
    start = kernel.numpy()
    l2 = 0.5 * np.sum(start**2)
    for one, other in zip(plain.trainable_variables, costly.trainable_variables, strict=True):
        other.assign(one)
    own_plain = getattr(plain.m2 if "M1+M2" in slot else plain, SLOTS[slot][1])
    kernel_plain = next(w for w in own_plain.trainable_variables if w.path.endswith("kernel"))
    options = {"batch_size": N, "shuffle": False, "verbose": 0}

    losses = [model.fit(*data_of(model), **options).history["loss"][0] for model in (plain, costly)]

    np.testing.assert_allclose(losses[1] - losses[0], 2.5 + l2, rtol=1e-3)
    # The gradient of 0.5 |W|^2 is W.
    step = kernel_plain.numpy() - kernel.numpy()
    np.testing.assert_allclose(step, 0.01 * start, rtol=1e-2, atol=1e-6)
    logs = costly.evaluate(*data_of(costly), verbose=0, return_dict=True)
    expected = 2.5 + 0.5 * np.sum(kernel.numpy() ** 2) - logs["elbo"]
    if costly.num_classes:
        expected += 0.1 * logs["classification_loss"]
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


def test_a_frozen_m1_does_not_move_below_m2():
    """Its own layers neither train nor count in the loss of M1+M2."""
    keras.utils.set_random_seed(0)
    watched, normal = Watched(), keras.layers.BatchNormalization()
    encoder = network([D], 8, watched, normal, Costly())
    below = builders.m1(latent_dim=4, encoder=encoder)
    before = builders.weights(below)
    model = builders.compiled(
        dgm.StackedM1M2(below, K, Z, (4,), active_dims=[0, 2]), keras.optimizers.SGD(0.0)
    )
    watched.flags.clear()
    x, y = builders.examples()

    for data in ((x, y), (tf.data.Dataset.from_tensor_slices((x, y)).batch(N),)):
        history = model.fit(*data, verbose=0).history
        expected = -history["elbo"][0] + 0.1 * history["classification_loss"][0]
        np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)

    assert set(watched.flags) == {False}
    builders.assert_same_weights(below, before)


class NoShape(keras.layers.Layer):
    def call(self, inputs):
        return inputs


REFUSED = {
    "a function": (lambda widths, size: lambda x: x, "must be a Keras model or layer, got <fun"),
    "a softmax": (
        lambda widths, size: keras.Sequential([keras.layers.Dense(size, "softmax")]),
        "must put out logits and other unbounded numbers, got 'sequential.*a softmax",
    ),
    "a softmax layer": (
        lambda widths, size: keras.Sequential(
            [keras.layers.Dense(size), keras.layers.Activation("softmax")]
        ),
        "must put out logits and other unbounded numbers",
    ),
    "a Softmax layer": (
        lambda widths, size: keras.Sequential([keras.layers.Dense(size), keras.layers.Softmax()]),
        "must put out logits and other unbounded numbers",
    ),
    "a layer without a shape": (
        lambda widths, size: NoShape(),
        r"must have a method `compute_output_shape\(input_shape\)`, got a NoShape",
    ),
}


@EVERY_SLOT
@pytest.mark.parametrize("kind", REFUSED)
def test_networks_are_refused_in_the_constructor_by_argument(slot, kind):
    make, name, widths, size = SLOTS[slot]
    own, message = REFUSED[kind]
    kinds = {builders.m1: dgm.M1, builders.m2: dgm.M2}
    arguments = {name: own(widths, size)}

    with pytest.raises(ValueError, match=f"`{name}` {message}"):
        if make is builders.stacked:
            dgm.StackedM1M2(builders.m1(), K, **arguments)
        elif make is builders.conditional:
            dgm.ConditionalM1([0, 1], **arguments)
        elif make is builders.m2:
            kinds[make](K, **arguments)
        else:
            kinds[make](**arguments)


@pytest.mark.parametrize("slot", COMPILED)
def test_a_loaded_and_an_exported_model_answer_as_the_trained_one(slot, tmp_path):
    layers = Watched(), keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)
    model = builders.compiled(model_with(slot, *layers), "adam")
    model.fit(*data_of(model), epochs=2, verbose=0)
    x, _ = builders.examples()
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "served")

    loaded = keras.models.load_model(tmp_path / "model.keras")
    signatures = tf.saved_model.load(str(tmp_path / "served")).signatures

    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    for name, endpoint in model.endpoints().items():
        if name == "classify":  # Served as `serving_default`.
            continue
        arrays = [each.examples(x) for each in endpoint.inputs]
        named = {each.name: tf.constant(a) for each, a in zip(endpoint.inputs, arrays, strict=True)}
        first, again = signatures[name](**named), signatures[name](**named)
        for output, expected in endpoint.reference(*arrays).items():
            np.testing.assert_allclose(first[output], expected, rtol=1e-4, atol=1e-5)
            np.testing.assert_array_equal(first[output], again[output])
