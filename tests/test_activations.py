import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_dgm import activations


@pytest.mark.parametrize("jit_compile", [False, True])
def test_softplus_has_the_values_and_gradients_of_keras(jit_compile):
    x = tf.constant(np.r_[np.linspace(-40, 40, 161), 0.0, -0.0, -1e30, 1e30].astype(np.float32))

    @tf.function(jit_compile=jit_compile)
    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = activations.softplus(x)
        return value, tape.gradient(value, x)

    value, gradient = value_and_gradient(x)
    exact = x.numpy().astype(np.float64)
    np.testing.assert_allclose(value, np.logaddexp(exact, 0), rtol=1e-6, atol=2e-7)
    np.testing.assert_allclose(gradient, scipy.special.expit(exact), rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_keeps_the_relative_precision_of_float32(jit_compile):
    x = np.linspace(-80, 80, 9999, dtype=np.float32)
    softplus = tf.function(activations.softplus, jit_compile=jit_compile)

    exact = np.logaddexp(np.float64(x), 0)
    np.testing.assert_allclose(softplus(tf.constant(x)), exact, rtol=4e-7)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_softplus_in_other_precisions_is_that_of_keras(dtype):
    x = tf.constant(np.linspace(-9, 9, 99), dtype)
    np.testing.assert_array_equal(activations.softplus(x), keras.activations.softplus(x))
