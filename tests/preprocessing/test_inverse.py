import keras
import numpy as np
import pytest
import saved
from sklearn.preprocessing import StandardScaler

from keras_dgm.preprocessing import PCA, Standardize, inverse_of

X = (np.random.default_rng(0).normal(size=[100, 4]) * [1, 2, 3, 4] + 5).astype(np.float32)


@pytest.mark.parametrize(
    "layer",
    [
        Standardize(),
        Standardize("ranks"),
        PCA(4, whiten=True),
        keras.layers.Normalization(),
        keras.layers.Normalization(axis=None),
        keras.layers.Normalization(mean=3.0, variance=4.0),
        keras.layers.Normalization(invert=True),
    ],
)
def test_undoes(layer):
    if getattr(layer, "input_mean", None) is None:
        layer.adapt(X)

    z = layer(X)

    np.testing.assert_allclose(inverse_of(layer)(z), X, rtol=1e-4, atol=1e-4)
    stacked = np.stack([z, z])  # any number of leading axes
    np.testing.assert_allclose(inverse_of(layer)(stacked), [X, X], rtol=1e-4, atol=1e-4)


def test_normalization_that_is_adapted_later():
    layer = keras.layers.Normalization()
    inverse = inverse_of(layer)
    with pytest.raises(ValueError, match="`adapt` the Normalization layer"):
        inverse(X)

    layer.adapt(X)

    np.testing.assert_allclose(inverse(layer(X)), X, rtol=1e-4)


def test_normalization_that_was_saved(tmp_path):
    layer = keras.layers.Normalization()
    layer.adapt(X)

    loaded = saved.reloaded(layer, 4, tmp_path)

    np.testing.assert_array_equal(inverse_of(loaded)(X), inverse_of(layer)(X))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.Dense(3), "got a keras.*Dense$"),
        (StandardScaler(), "got a sklearn.*StandardScaler; of what scikit-learn scales"),
        (np.mean, "got a "),
        ("pca", "got a builtins.str"),
    ],
)
def test_no_inverse(layer, message):
    with pytest.raises(ValueError, match=f"`preprocessor` must be a Keras layer .*{message}"):
        inverse_of(layer)
