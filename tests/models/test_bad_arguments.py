"""Arguments of a model and of `compile` are refused by name, rule and value."""

import builders
import keras
import numpy as np
import pytest
from builders import D, K, Z
from sklearn.preprocessing import StandardScaler

import keras_dgm as dgm


def of_ones_own(x):
    return keras.ops.relu(x)


def relu(x):
    """Not that of Keras, which its name leads to."""
    return -keras.ops.relu(x)


def two_outputs():
    x = keras.Input([D])
    return keras.Model(x, [keras.layers.Dense(Z)(x), keras.layers.Dense(Z)(x)])


class TwoOutputs(keras.layers.Layer):
    """That says so once it is asked for shapes."""

    def compute_output_shape(self, input_shape):
        return (None, Z), (None, Z)


M1_ARGUMENTS = [
    ({"latent_dim": 0}, "`latent_dim` must be an integer of at least 1, got 0"),
    ({"latent_dim": 2.5}, "`latent_dim` must be an integer of at least 1, got 2.5"),
    ({"hidden_units": 5}, "`hidden_units` must be a sequence of .* positive integers, got 5"),
    ({"hidden_units": (5, 0)}, "`hidden_units` must be an integer of at least 1, got 0"),
    ({"likelihood": "normal"}, r"`likelihood` must be one of \('bernoulli', .* got 'normal'"),
    ({"likelihood": 0.1}, r"`likelihood` must be one of \('bernoulli', .* got 0.1"),
    ({"preprocessor": StandardScaler()}, "`preprocessor` must be a Keras layer .*Standardize"),
    ({"preprocessor": keras.layers.Rescaling(2.0)}, "`preprocessor` must be .* method `inverse`"),
    ({"preprocessor": np.log}, "`preprocessor` must be a Keras layer with a method `inverse`"),
    ({"encoder": len}, "`encoder` must be a Keras model or layer, got <built-in"),
    ({"decoder": "mlp"}, "`decoder` must be a Keras model or layer, got 'mlp'"),
    ({"encoder": two_outputs()}, "`encoder` must have one output, got .* with 2: .*Concatenate"),
    ({"activation": "sotfplus"}, "`activation` must be the name of .* got 'sotfplus'"),
    ({"activation": lambda x: x}, "`activation` must be one that a saved model can be loaded"),
    ({"activation": of_ones_own}, "`activation` must be .* `keras.saving.register_keras_seria"),
    ({"activation": relu}, "`activation` must be one that a saved model can be loaded with"),
    ({"activation": np.tanh}, "`activation` must be one that a saved model can be loaded with"),
    ({"seed": 2.5}, "`seed` must be an integer of at least 0, got 2.5"),
    ({"seed": "a"}, "`seed` must be an integer of at least 0, got 'a'"),
    ({"missing": "yes"}, "`missing` must be True or False, got 'yes'"),
    ({"weight_prior": "no"}, "`weight_prior` must be True or False, got 'no'"),
    ({"dtype": "float16"}, "`dtype` must be 'float32', 'float64', 'mixed_float16' or .*'float16'"),
    ({"dtype": "float99"}, "`dtype` must be 'float32', 'float64', 'mixed_float16' or .*'float99'"),
]
M2_ARGUMENTS = [
    *M1_ARGUMENTS,
    ({"num_classes": 0}, "`num_classes` must be an integer of at least 1, got 0"),
    ({"num_classes": 1}, "`num_classes` must be at least 2, got 1"),
    ({"num_classes": "3"}, "`num_classes` must be an integer of at least 1, got '3'"),
    ({"hidden_units": ()}, r"`hidden_units` must be a sequence of at least 1 .* got \(\)"),
    ({"class_names": ["a", "b"]}, r"`class_names` must be 3 different texts, got \['a'"),
    ({"class_names": "abc"}, "`class_names` must be 3 different texts, got 'abc'"),
    ({"class_names": [0, 1, 2]}, "`class_names` must be 3 different texts, got"),
    ({"class_names": ["a", "a", "b"]}, "`class_names` must be 3 different texts, got"),
    ({"class_names": 5}, "`class_names` must be 3 different texts, got 5"),
    ({"alpha": -0.1}, "`alpha` must be finite and not negative, got -0.1"),
    ({"alpha": "0.1"}, "`alpha` must be finite and not negative, got '0.1'"),
    ({"alpha": None}, "`alpha` must be finite and not negative, got no value"),
    ({"alpha": float("nan")}, "`alpha` must be finite and not negative, got nan"),
    ({"alpha": float("inf")}, "`alpha` must be finite and not negative, got inf"),
    ({"adversarial_weight": -1.0}, "`adversarial_weight` must be finite and not negative, got -1"),
    ({"adversarial_weight": np.inf}, "`adversarial_weight` must be finite and not neg.*, got inf"),
    ({"adversarial_weight": "1"}, "`adversarial_weight` must be finite and not neg.*, got '1'"),
    ({"adversarial_radius": 0.0}, "`adversarial_radius` must be positive and finite, got 0.0"),
    ({"adversarial_radius": np.nan}, "`adversarial_radius` must be positive and finite, got nan"),
    ({"class_sum": 0}, "`class_sum` must be an integer of at least 1, got 0"),
    ({"class_sum": "some"}, "`class_sum` must be an integer of at least 1, got 'some'"),
    ({"class_prior": [0.5, 0.5]}, r"`class_prior` must be 3 positive numbers .* got \[0.5, 0.5\]"),
    ({"class_prior": [0.5, 0.5, 0.5]}, "`class_prior` must be 3 positive numbers that sum to 1"),
    ({"class_prior": [0.5, 0.5, 0.0]}, "`class_prior` must be 3 positive numbers that sum to 1"),
    ({"class_prior": {}}, r"`class_prior` must be 3 positive numbers that sum to 1, got \{\}"),
    ({"class_prior": ["a", "b", "c"]}, r"`class_prior` must be 3 positive .* got \['a', 'b'"),
    ({"class_prior": "balanced"}, r"must be 'empirical', None or numbers.*`fit\(class_weight=\)`"),
    ({"class_prior": [0.5, np.nan, 0.5]}, "`class_prior` must be 3 positive numbers that sum to"),
]


@pytest.mark.parametrize(("arguments", "message"), M1_ARGUMENTS)
def test_bad_arguments_of_m1(arguments, message):
    with pytest.raises(ValueError, match=message):
        dgm.M1(**arguments)


@pytest.mark.parametrize(("arguments", "message"), M2_ARGUMENTS)
def test_bad_arguments_of_m2(arguments, message):
    with pytest.raises(ValueError, match=message):
        dgm.M2(**{"num_classes": K, **arguments})


def test_integers_of_numpy():
    model = dgm.M2(np.int64(K), Z, (4,), seed=np.int64(3))
    model.build((None, D))

    assert type(model.num_classes) is type(model.get_config()["seed"]) is int


@pytest.mark.parametrize("make", [builders.m1, builders.m2])
def test_a_layer_of_two_outputs(make):
    with pytest.raises(ValueError, match=r"`encoder` must have one output, got .* with the shapes"):
        make(encoder=TwoOutputs())


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.Dense(4, lambda x: 2 * x),
        lambda: keras.layers.Dense(4, of_ones_own),
        lambda: keras.layers.Lambda(lambda x: 2 * x),
        lambda: keras.layers.Lambda(of_ones_own),
        lambda: keras.Sequential([keras.layers.Dense(4, relu)]),
    ],
)
def test_own_networks_that_cannot_be_loaded(layer):
    network = keras.Sequential([layer(), keras.layers.Dense(K)])

    with pytest.raises(ValueError, match=r"`classifier` must be .* saved .* with <.*: decorate"):
        dgm.M2(K, classifier=network)


@pytest.mark.parametrize("layer", [keras.layers.Dense, keras.layers.Lambda])
def test_own_networks_with_a_registered_function(layer, tmp_path):
    dense = [4] if layer is keras.layers.Dense else []
    network = keras.Sequential([layer(*dense, registered_activation), keras.layers.Dense(K)])
    model = builders.m2(classifier=network)

    model.save(tmp_path / "model.keras")

    x, _ = builders.examples()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@keras.saving.register_keras_serializable()
def registered_activation(x):
    return keras.ops.tanh(x) * 2


@pytest.mark.parametrize(
    "activation", [registered_activation, keras.activations.gelu, keras.layers.LeakyReLU(0.2), None]
)
def test_activations_that_can_be_loaded(activation):
    config = dgm.M1(2, (4,), activation=activation).get_config()

    assert callable(dgm.M1.from_config(config).activation)


def test_normalization_of_keras_has_an_inverse(tmp_path):
    x, y = builders.examples()
    scale = keras.layers.Normalization()
    scale.adapt(10 * x + 3)
    model = builders.m2(likelihood="gaussian", preprocessor=scale)
    model.fit(10 * x + 3, y, verbose=0)

    assert np.abs(model.generate([0, 1, 2]).mean() - (10 * x + 3).mean()) < 10
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_normalization_that_has_seen_no_data():
    x, y = builders.examples()
    model = builders.m2(likelihood="gaussian", preprocessor=keras.layers.Normalization())
    use = [
        lambda: model.fit(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model(x),
        lambda: model.embed(x),
        model.endpoints,
    ]

    for entrance in use:
        with pytest.raises(ValueError, match=r"`adapt` the Normalization layer .* or give it"):
            entrance()

    given = keras.layers.Normalization(mean=0.0, variance=1.0)
    builders.m2(likelihood="gaussian", preprocessor=given).predict(x, verbose=0)


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_own_networks_of_m1_of_another_width(name):
    network = keras.Sequential([keras.layers.Dense(5)])
    expected = {"encoder": 2 * Z, "decoder": D}[name]

    with pytest.raises(ValueError, match=f"`{name}` must put out {expected} numbers.*, got 5"):
        builders.m1(**{name: network})


@pytest.mark.parametrize("name", ["classifier", "encoder", "decoder"])
def test_own_networks_of_m2_of_another_width(name):
    networks = builders.own_m2_networks(params_size=D)
    expected = {"classifier": K, "encoder": 2 * Z, "decoder": 2 * D}[name]
    if name != "decoder":
        outputs = keras.layers.Dense(5)
        inputs = keras.Input([D]) if name == "classifier" else [keras.Input([D]), keras.Input([K])]
        merged = inputs if name == "classifier" else keras.layers.Concatenate()(inputs)
        networks[name] = keras.Model(inputs, outputs(merged))
    got = D if name == "decoder" else 5

    with pytest.raises(ValueError, match=f"`{name}` must put out {expected} numbers.*, got {got}"):
        builders.m2(likelihood="gaussian", **{name: networks[name]})


def test_a_loss_of_ones_own_is_refused():
    with pytest.raises(ValueError, match="`loss` must be None"):
        builders.m1().compile(loss="mse")


@pytest.mark.parametrize("make", [builders.m1, builders.conditional])
def test_metrics_of_a_model_without_classes_are_refused(make):
    with pytest.raises(ValueError, match=r"`metrics` must be None: .*M1 predicts no class, got"):
        make().compile(metrics=["mse"])
