"""Convolutional trunks: their layers against Keras' own, value and shape; what they refuse."""

import keras
import numpy as np
import pytest

from keras_dgm import trunks
from keras_dgm.convolutions import Convolutions, TransposedConvolutions

B, K, A = 3, 2, 4
SHAPE, FILTERS = (4, 8, 2), (3, 5)
D = 64
RNG = np.random.default_rng(0)
OPTIONS = {"activation": "tanh", "dtype": "float64"}
TRUNK = trunks.Convolutional(SHAPE, FILTERS, units=(7, 6))


def randomize(layer):
    for weight in layer.weights:
        weight.assign(RNG.normal(0, 0.5, weight.shape))
    return layer


def of_keras(kind, weights, filters, activation):
    """A convolution of Keras with such weights."""
    layer = kind(filters, 3, strides=2, padding="same", activation=activation, dtype="float64")
    return layer, weights


def applied(x, *layers):
    """What layers of Keras make of x, with the weights that stand beside each."""
    for layer, weights in layers:
        layer.build(x.shape)
        layer.set_weights([w.numpy() for w in weights])
        x = layer(x).numpy()
    return x


@pytest.mark.parametrize("parts", [1, 2])
def test_convolutions_are_those_of_keras(parts):
    """Of images side by side in a row, and of what follows them."""
    layer = Convolutions(SHAPE, FILTERS, 3, "tanh", parts, dtype="float64")
    layer.build((None, parts * D + A))
    randomize(layer)
    images, others = RNG.normal(size=[B, parts, *SHAPE]), RNG.normal(size=[B, A])

    found = layer(np.concatenate([images.reshape(B, -1), others], axis=1))

    channels = np.concatenate([images[:, p] for p in range(parts)], axis=-1)
    conv = keras.layers.Conv2D
    expected = applied(
        channels,
        of_keras(conv, layer.weights[:2], 3, "tanh"),
        of_keras(conv, layer.weights[2:], 5, "tanh"),
    )
    np.testing.assert_allclose(
        found, np.concatenate([expected.reshape(B, -1), others], axis=1), rtol=1e-12
    )
    assert found.shape == layer.compute_output_shape((B, parts * D + A)) == (B, 10 + A)


@pytest.mark.parametrize("parts", [1, 2])
def test_transposed_convolutions_are_those_of_keras(parts):
    """The parameters of one kind of all pixels, then those of the next."""
    layer = TransposedConvolutions(SHAPE, FILTERS, 3, "tanh", parts, dtype="float64")
    layer.build((None, 7))
    randomize(layer)
    h = RNG.normal(size=[B, 7])

    found = layer(h)

    dense = keras.layers.Dense(10, "tanh", dtype="float64"), layer.weights[:2]
    transposed = keras.layers.Conv2DTranspose
    images = applied(
        applied(h, dense).reshape(B, 1, 2, 5),
        of_keras(transposed, layer.weights[2:4], 3, "tanh"),
        of_keras(transposed, layer.weights[4:], 2 * parts, None),
    )
    expected = [images[..., 2 * p : 2 * p + 2].reshape(B, -1) for p in range(parts)]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-12)
    assert found.shape == layer.compute_output_shape((B, 7)) == (B, parts * D)


def test_y_enters_after_the_convolutions():
    """As if each class had its own bias in the first fully connected layer."""
    layer = trunks.conditional_encoder(TRUNK, D, K, 5, **OPTIONS)
    layer.build([(None, 1, D + A), (1, K)])
    randomize(layer)
    x = RNG.normal(size=[B, D + A])

    found = layer([x[:, None], np.arange(K)[None]])

    features = layer.features(x) @ layer.from_x.kernel + layer.from_x.bias
    for k in range(K):
        expected = layer.rest(np.tanh(features + layer.from_y.embeddings[k]))
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-12)
    assert layer.compute_output_shape([(None, 1, D + A), (1, K)]) == (None, K, 5)


def test_a_decoder_of_classes_ends_in_images():
    layer = trunks.conditional_decoder(TRUNK, K, 2 * D, **OPTIONS)
    layer.build([(None, K, 3), (1, K)])
    randomize(layer)
    z = RNG.normal(size=[B, K, 3])

    found = layer([z, np.arange(K)[None]])

    assert found.shape == (B, K, 2 * D)
    for k in range(K):
        h = np.tanh(z[:, k] @ layer.from_x.kernel + layer.from_x.bias + layer.from_y.embeddings[k])
        np.testing.assert_allclose(found[:, k], layer.rest(h), rtol=1e-12)
    assert isinstance(layer.rest.layers[-1], TransposedConvolutions)


def test_m1_s_decoder_is_the_reverse_of_its_encoder():
    encoder = trunks.encoder(TRUNK, D, 6, **OPTIONS)
    decoder = trunks.decoder(TRUNK, D, **OPTIONS)

    assert [layer.units for layer in encoder.layers[1:]] == [7, 6, 6]
    assert [layer.units for layer in decoder.layers[:-1]] == [6, 7]
    assert [layer.filters for layer in encoder.layers[0].convolutions] == [3, 5]
    assert [layer.filters for layer in decoder.layers[-1].convolutions] == [3, 2]


def test_a_trunk_is_a_value():
    again = trunks.Convolutional.from_config(TRUNK.get_config())

    assert again == TRUNK and again.units == (7, 6)
    assert trunks.Convolutional([28, 28]).image_shape == (28, 28, 1)
    assert trunks.Convolutional((28, 28)).width == 784


WRONG = [
    ({"image_shape": (28,)}, "`image_shape` must be a sequence of at least 2 positive integers"),
    ({"image_shape": 28}, "`image_shape` must be a sequence of at least 2 positive integers"),
    ({"image_shape": (2, 8, 8, 1)}, "`image_shape` must be (height, width) or (height, width, ch"),
    ({"image_shape": (28, 30)}, "width divisible by 4, 2 for each of 2 `filters`, got (28, 30)"),
    ({"filters": ()}, "`filters` must be a sequence of at least 1 positive integers, got ()"),
    ({"filters": (8, 0)}, "`filters` must be an integer of at least 1, got 0"),
    ({"units": ()}, "`units` must be a sequence of at least 1 positive integers, got ()"),
    ({"kernel_size": 0}, "`kernel_size` must be an integer of at least 1, got 0"),
]


@pytest.mark.parametrize("arguments, message", WRONG, ids=[message for _, message in WRONG])
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        trunks.Convolutional(**{"image_shape": (28, 28), **arguments})
    assert message in str(error.value)
