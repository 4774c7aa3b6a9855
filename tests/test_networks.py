import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_dgm import activations, networks

B, K, D, P = 5, 3, 4, 6
X = np.random.default_rng(0).normal(size=[B, D]).astype(np.float32)
ALL_CLASSES = np.arange(K)[None]  # [1, K]


def test_mlp_has_hidden_layers_and_a_linear_output():
    network = networks.mlp((7, 5), P, activation="tanh")
    network.build((None, D))

    assert [layer.units for layer in network.layers] == [7, 5, P]
    assert [layer.activation.__name__ for layer in network.layers] == ["tanh", "tanh", "linear"]


def test_networks_take_the_fast_softplus_and_can_be_saved(tmp_path):
    network = networks.mlp((7,), P)
    network.build((None, D))
    assert network.layers[0].activation is activations.softplus

    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert loaded.layers[0].activation is activations.softplus
    np.testing.assert_array_equal(loaded(X), network(X))

    layer = networks.ConditionalMLP(K, (7,), P)
    again = networks.ConditionalMLP.from_config(layer.get_config())
    assert again.activation is layer.activation is activations.softplus


def test_build_refuses_another_width():
    with pytest.raises(ValueError, match="`decoder` must put out 8 numbers an example, got 6"):
        networks.build(networks.mlp((), P), (None, D), 8, name="decoder")


def test_on_rows_maps_the_last_axis():
    network = networks.mlp((7,), P)
    x = np.random.default_rng(0).normal(size=[B, K, D]).astype(np.float32)

    outputs = networks.on_rows(network, x)

    assert outputs.shape == [B, K, P]
    for k in range(K):
        np.testing.assert_allclose(outputs[:, k], network(x[:, k]), rtol=1e-5, atol=1e-6)


def own_network():
    """A two-input model: one MLP over [x, one-hot y]."""
    x, y = keras.Input([D]), keras.Input([K])
    hidden = keras.layers.Dense(7, "softplus")(keras.layers.Concatenate()([x, y]))
    return keras.Model([x, y], keras.layers.Dense(P)(hidden))


def conditional_mlp():
    """A `ConditionalMLP` and the same MLP over [x, one-hot y], of NumPy arrays [N, D], [N]."""
    layer = networks.ConditionalMLP(K, (7, 5), P)
    layer.build([(None, D), (None,)])

    def reference(x, y):
        kernel = np.concatenate([layer.from_x.kernel, layer.from_y.embeddings])
        hidden = np.concatenate([x, np.eye(K)[y]], axis=-1) @ kernel + layer.from_x.bias
        return layer.rest(np.logaddexp(hidden, 0))

    return layer, reference


def conditional_network():
    network = own_network()
    return networks.ConditionalNetwork(network, K), lambda x, y: network([x, np.eye(K)[y]])


BOTH = pytest.mark.parametrize("make", [conditional_mlp, conditional_network])


@BOTH
def test_one_class_for_each_vector(make):
    layer, reference = make()
    y = np.array([0, 2, 1, 1, 0])

    np.testing.assert_allclose(layer([X, y]), reference(X, y), rtol=1e-5, atol=1e-6)


@BOTH
def test_all_classes_of_each_vector(make):
    layer, reference = make()

    outputs = layer([X[:, None], ALL_CLASSES])

    assert outputs.shape == [B, K, P]
    for k in range(K):
        expected = reference(X, np.full(B, k))
        np.testing.assert_allclose(outputs[:, k], expected, rtol=1e-5, atol=1e-6)


@BOTH
def test_a_vector_for_each_class(make):
    layer, reference = make()
    z = np.random.default_rng(1).normal(size=[B, K, D]).astype(np.float32)

    outputs = layer([z, ALL_CLASSES])

    for k in range(K):
        expected = reference(z[:, k], np.full(B, k))
        np.testing.assert_allclose(outputs[:, k], expected, rtol=1e-5, atol=1e-6)


@BOTH
@pytest.mark.parametrize("shapes", [[(B, 1, D), (1, K)], [(B, K, D), (1, K)], [(B, K, D), (B, K)]])
def test_the_output_shape_is_foretold(make, shapes):
    layer, _ = make()

    foretold = layer.compute_output_shape([(None, *shapes[0][1:]), shapes[1]])

    outputs = layer([np.ones(shapes[0], np.float32), np.zeros(shapes[1], int)])
    assert foretold[-1] == outputs.shape[-1] == P
    assert make is conditional_network or foretold == (None, *outputs.shape[1:])


@BOTH
def test_every_weight_gets_a_gradient(make):
    layer, _ = make()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer([X[:, None], ALL_CLASSES]) ** 2)

    for weight, gradient in zip(
        layer.trainable_variables, tape.gradient(loss, layer.trainable_variables), strict=True
    ):
        assert np.any(gradient != 0), weight.path


def test_an_own_network_keeps_its_own_precision():
    seen = []

    class Recorder(keras.Model):
        def call(self, inputs):
            seen.append(inputs[0].dtype)
            return tf.concat(inputs, -1)

    layer = networks.ConditionalNetwork(Recorder(dtype="float64"), K, dtype="float32")

    layer([tf.constant(X, tf.float64), tf.zeros([B], tf.int32)])

    assert seen == [tf.float64]
