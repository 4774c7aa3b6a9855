"""Divergences by dimension against the bounds they are part of."""

import numpy as np
import pytest
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm import evaluation
from keras_dgm.distributions import tfd

X = np.random.default_rng(0).uniform(size=[20, 6]).astype(np.float32)


def built(model):
    model.build((None, 6))
    return model


def test_of_m1_they_add_up_to_the_divergence_of_its_bound():
    model = built(dgm.M1(4, (5,), seed=0))

    kl = evaluation.kl_per_dimension(model, X, batch_size=7)

    bound = model.objective(tf.constant(X), None, model.sample_noise(20), training=False).bound
    np.testing.assert_allclose(kl.sum(), np.mean(bound.kl), rtol=1e-5)
    assert kl.shape == (4,) and np.all(np.diff(kl) <= 0)


def test_of_m2_they_add_up_to_the_part_of_z():
    """KL of the bound = KL[q(y|x) || p(y)] + E_q(y|x) KL[q(z|x,y) || p(z)]."""
    model = built(dgm.M2(3, 4, (5,), class_prior=[0.2, 0.3, 0.5], seed=0))

    kl = evaluation.kl_per_dimension(model, X)

    y = tf.fill([20], -1)
    bound = model.objective(tf.constant(X), y, model.sample_noise(20), training=False).bound
    of_y = tfd.kl_divergence(model.qy_x(X), model.py())
    np.testing.assert_allclose(kl.sum(), np.mean(bound.kl - of_y), rtol=1e-4)


def test_of_the_stack_they_are_of_z2():
    model = dgm.StackedM1M2(built(dgm.M1(4, (5,))), 3, latent_dim=2, active_dims=[0, 3])
    model.build((None, 6))

    assert evaluation.kl_per_dimension(model, X).shape == (2,)


def test_a_collapsed_dimension_has_none():
    """q(z_2|x) = N(0, 1) and q(z_1|x) = N(1, 1), whose divergence is 1/2."""
    model = built(dgm.M1(2, ()))
    kernel = np.zeros([6, 4])
    model.encoder.set_weights([kernel, np.array([1.0, 0.0, 0.0, 0.0])])

    np.testing.assert_allclose(evaluation.kl_per_dimension(model, X), [0.5, 0], atol=1e-6)


def test_a_model_that_is_not_built():
    with pytest.raises(ValueError, match="`model` must be built or fitted"):
        evaluation.kl_per_dimension(dgm.M1(2), X)
