"""One harness for every serializable class: its config, and a model that is saved and loaded."""

import importlib
import inspect
import json
import pkgutil
import warnings

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K

import export.source
import keras_dgm
from keras_dgm import likelihoods, networks, preprocessing, trunks

# Every registered class, in each of the ways in which it is put together.
MODELS = {
    "M1": builders.m1,
    "M1 of other settings": lambda: builders.m1(
        likelihood=likelihoods.Gaussian(0.5),
        activation="tanh",
        hidden_units=(5, 3),
        weight_prior=True,
    ),
    "M1 of several samples": lambda: builders.m1(num_samples=3),
    "M1 of own networks": lambda: builders.m1(
        likelihood=likelihoods.Bernoulli(binarize=False), **builders.own_m1_networks()
    ),
    "M1 of columns, some missing": lambda: builders.m1(
        likelihood=likelihoods.Columns([(likelihoods.Gaussian(), 4), (likelihoods.Bernoulli(), 2)]),
        missing=True,
    ),
    "M1 of components": lambda: builders.m1(
        likelihood="gaussian", preprocessor=builders.adapted_pca()
    ),
    "M2": builders.m2,
    "M2 of other settings": lambda: builders.m2(
        alpha=0.5,
        class_prior=[0.2, 0.3, 0.5],
        activation="relu",
        hidden_units=(5, 3),
        class_names=["ant", "bee", "cow"],
    ),
    "M2 with a smooth classifier": lambda: builders.m2(
        adversarial_weight=2.0, adversarial_radius=0.5
    ),
    "M2 of a sampled sum": lambda: builders.m2(class_sum=1),
    "M2 of own networks": lambda: builders.m2(**builders.own_m2_networks()),
    "M2 of components": lambda: builders.m2(
        likelihood="gaussian", preprocessor=builders.adapted_pca()
    ),
    "ADGM": builders.adgm,
    "ADGM of several samples": lambda: builders.adgm(num_samples=2, class_sum=1),
    "SDGM": builders.sdgm,
    "SDGM of other settings": lambda: builders.sdgm(
        activation="tanh", hidden_units=(5, 3), adversarial_weight=1.0, num_samples=2
    ),
    "ConditionalM1": builders.conditional,
    "ConditionalM1 of other settings": lambda: builders.conditional(
        condition=np.array([0]), likelihood="bounded_gaussian", activation="tanh", weight_prior=True
    ),
    "ConditionalM1 of own networks": lambda: builders.conditional(
        **builders.own_m1_networks(params_size=D - 2)
    ),
    "StackedM1M2": builders.stacked,
    "StackedM1M2 with a smooth classifier": lambda: builders.stacked(
        active_dims=None, adversarial_weight=2.0
    ),
    "StackedM1M2 with an ADGM": lambda: builders.stacked(above="adgm", auxiliary_dim=3),
    "StackedM1M2 with an SDGM": lambda: builders.stacked(
        above="sdgm", active_dims=None, auxiliary_dim=3, num_samples=2, adversarial_weight=1.0
    ),
    "StackedM1M2 of own networks": lambda: builders.stacked(
        m1_options={**builders.own_m1_networks(), "latent_dim": builders.Z},
        active_dims=[0, 1],
        **builders.own_m2_networks(width=2, params_size=4),
    ),
    "StackedM1M2 of components": lambda: builders.stacked(
        active_dims=None,
        m1_options={"likelihood": "gaussian", "preprocessor": builders.adapted_pca()},
    ),
}


def two_inputs():
    x, y = keras.Input([2]), keras.Input([K])
    return keras.Model([x, y], keras.layers.Dense(5)(keras.layers.Concatenate()([x, y])))


COLUMNS = [keras_dgm.data.Column(f"column {i}", "real") for i in range(D)]


def adapted(layer):
    layer.adapt(builders.examples()[0])
    return layer


VECTOR = np.random.default_rng(0).normal(size=[4, 2]).astype(np.float32)
CLASS = np.array([0, 2, 1, 1], np.int32)
TRUNK = trunks.Convolutional((2, 2), filters=(3,), units=(4,))
LAYERS = {
    "ConditionalMLP": (
        lambda: networks.ConditionalMLP(K, (4, 3), 5, activation="tanh"),
        [VECTOR, CLASS],
    ),
    "ConditionalMLP of images": (
        lambda: trunks.conditional_decoder(TRUNK, K, 8, activation="tanh", dtype="float32"),
        [VECTOR, CLASS],
    ),
    "ConditionalMLP on images": (
        lambda: trunks.conditional_encoder(TRUNK, 4, K, 5, activation="relu", dtype="float32"),
        [np.ones([4, 6], np.float32), CLASS],
    ),
    "Convolutions": (
        lambda: TRUNK.features(8, activation="softplus", dtype="float32"),
        np.ones([4, 9], np.float32),
    ),
    "TransposedConvolutions": (
        lambda: TRUNK.output(8, activation="relu", output_scale=0.1, dtype="float32"),
        VECTOR,
    ),
    "ConditionalNetwork": (
        lambda: networks.ConditionalNetwork(two_inputs(), K),
        [VECTOR, CLASS],
    ),
    "PCA": (builders.adapted_pca, builders.examples()[0]),
    "Standardize": (lambda: adapted(preprocessing.Standardize()), builders.examples()[0]),
    "TableEncoder": (lambda: adapted(preprocessing.TableEncoder(COLUMNS)), builders.examples()[0]),
}


def registered():
    """The models and layers that Keras can load, once every module is imported.

    The likelihoods have a harness of their own.
    """
    for module in pkgutil.walk_packages(keras_dgm.__path__, "keras_dgm."):
        importlib.import_module(module.name)
    found = keras.saving.get_custom_objects().items()
    classes = {
        name
        for name, content in found
        if inspect.isclass(content) and issubclass(content, keras.Layer)
    }
    return {name.removeprefix("keras_dgm>") for name in classes if name.startswith("keras_dgm>")}


def test_every_registered_class_has_a_case():
    assert registered() == {case.split(" ")[0] for case in [*MODELS, *LAYERS]}


def plain(config):
    """A config without the counters that Keras hands out, as JSON would store it."""
    text = json.dumps(keras.saving.serialize_keras_object(config), sort_keys=True)

    def scrub(item):
        if isinstance(item, dict):
            return {k: scrub(v) for k, v in item.items() if k != "shared_object_id"}
        return [scrub(i) for i in item] if isinstance(item, list) else item

    return scrub(json.loads(text))


def assert_config_round_trip(instance):
    again = type(instance).from_config(instance.get_config())

    assert type(again) is type(instance)
    assert plain(again.get_config()) == plain(instance.get_config())


@pytest.mark.parametrize("case", MODELS)
def test_models(case, tmp_path):
    """Config, build, a step of fit, save, load: the same predictions, state and continuation."""
    x, y = builders.examples()
    data = (x, None) if case.startswith(("M1", "ConditionalM1")) else (x, y)
    model = MODELS[case]()
    model.fit(*data, verbose=0)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a variable that was not restored, say
        loaded = keras.models.load_model(tmp_path / "model.keras")

    assert_config_round_trip(model)
    assert plain(loaded.get_config()) == plain(model.get_config())
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    np.testing.assert_array_equal(loaded.seed_generator.state, model.seed_generator.state)
    assert loaded.optimizer.iterations == 1
    for variable, was in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(variable, was)
    loaded_logs, logs = (
        {**m.evaluate(*data, verbose=0, return_dict=True), **m.fit(*data, verbose=0).history}
        for m in (loaded, model)
    )
    assert loaded_logs == logs
    builders.assert_same_weights(loaded, builders.weights(model))


@pytest.mark.parametrize("case", LAYERS)
def test_layers(case, tmp_path):
    make, inputs = LAYERS[case]
    layer = make()
    expected = layer(inputs)
    symbolic = tf.nest.map_structure(lambda i: keras.Input(i.shape[1:], dtype=i.dtype.name), inputs)
    model = keras.Model(symbolic, layer(symbolic))
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    assert_config_round_trip(layer)
    np.testing.assert_array_equal(loaded(inputs), expected)


@pytest.mark.parametrize("make", [builders.m1, builders.conditional, builders.m2, builders.stacked])
def test_an_interrupted_run_resumes_bit_for_bit(make, tmp_path):
    """Two epochs are one epoch, a save, a load and another epoch."""
    x, y = builders.examples()
    data = (x,) if make in (builders.m1, builders.conditional) else (x, y)
    whole = make()
    whole.fit(*data, batch_size=16, epochs=2, verbose=0)
    first = make()
    first.fit(*data, batch_size=16, epochs=1, verbose=0)
    first.save(tmp_path / "model.keras")

    second = keras.models.load_model(tmp_path / "model.keras")
    second.fit(*data, batch_size=16, initial_epoch=1, epochs=2, verbose=0)

    builders.assert_same_weights(second, builders.weights(whole))


@pytest.mark.parametrize("mode", ["core", "graph", "xla"])
def test_a_loaded_model_is_compiled_as_it_was_asked_for(mode, tmp_path):
    model = builders.compiled(builders.m1(), mode=mode)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    asked = builders.MODES[mode]["jit_compile"]
    assert loaded.get_compile_config()["jit_compile"] == asked
    assert loaded.step.compile_core == (mode == "core")


def test_a_loaded_model_knows_the_data_of_its_training(tmp_path):
    x, y = builders.examples()
    model = builders.m2()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    assert loaded.num_examples == model.num_examples
    assert loaded.labeled_fraction == model.labeled_fraction
    assert loaded.train_on_batch(x, y) == model.train_on_batch(x, y)


def test_a_loaded_model_sums_over_as_few_classes_as_before(tmp_path):
    model = builders.m2(class_sum="adaptive")
    model.optimizer.build(model.trainable_variables)
    model.summed_classes = 1
    model.save(tmp_path / "model.keras")
    other = builders.m2(class_sum="adaptive")
    other.optimizer.build(other.trainable_variables)

    other.load_weights(tmp_path / "model.keras")

    assert keras.models.load_model(tmp_path / "model.keras").summed_classes == 1
    assert other.summed_classes == 1


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "model.H5"])
def test_hdf5_of_a_whole_model_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"`filepath` must end in .keras, got .*save_weights"):
        builders.m2().save(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (builders.m2, {"num_classes": 2_000_000_000}),
        (builders.m2, {"latent_dim": 2_000_000_000}),
        (builders.m1, {"hidden_units": [100_000, 100_000]}),
        (builders.m1, {"hidden_units": [30_000] * 100}),
        (builders.m1, {"num_samples": 2_000_000_000}),
        (builders.sdgm, {"num_samples": 2_000_000_000}),
    ],
)
def test_layers_that_no_saved_model_has(make, sizes):
    model = make()

    with pytest.raises(ValueError, match="the config of a saved model must have layers of at most"):
        type(model).from_config({**model.get_config(), **sizes})


def test_an_x_that_no_saved_model_has():
    model = keras_dgm.M2(K, 2, (4,))

    with pytest.raises(ValueError, match="the config of a saved model must have layers of at most"):
        model.build_from_config({"input_shape": (None, 2_000_000_000)})
    assert not model.built


@pytest.mark.parametrize("make", [builders.m2, builders.stacked])
def test_the_names_of_classes_are_kept(make, tmp_path):
    make(class_names=["ant", "bee", "cow"]).save(tmp_path / "model.keras")

    loaded = export.source.load(tmp_path / "model.keras")

    assert loaded.model.class_names == loaded.class_names == ("ant", "bee", "cow")


def test_weights_alone(tmp_path):
    x, y = builders.examples()
    model, other = builders.m2(), builders.m2(seed=1)
    other.optimizer.build(other.trainable_variables)
    model.fit(x, y, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")

    other.load_weights(tmp_path / "model.weights.h5")

    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_array_equal(other.seed_generator.state, model.seed_generator.state)


def test_a_loaded_stack_keeps_m1_frozen_and_its_dimensions(tmp_path):
    x, y = builders.examples()
    model = builders.stacked(active_dims=[1, 3])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")
    before = builders.weights(loaded.m1)
    loaded.fit(x, y, verbose=0)

    assert loaded.active_dims == [1, 3]
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    builders.assert_same_weights(loaded.m1, before)


def test_a_loaded_model_does_all_that_it_is_for(tmp_path):
    x, y = builders.examples()
    model = builders.stacked()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    z = np.ones([K, builders.Z])

    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(loaded.embed(x), model.embed(x))
    np.testing.assert_array_equal(loaded.generate(np.arange(K), z), model.generate(np.arange(K), z))
    np.testing.assert_array_equal(loaded.analogies(x), model.analogies(x))
    assert loaded.generate([0, 1]).shape == (2, D)
