"""Divergences by dimension against the bounds they are part of; projections."""

import numpy as np
import pytest
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm import generation
from keras_dgm.distributions import tfd

X = np.random.default_rng(0).uniform(size=[20, 6]).astype(np.float32)


def built(model):
    model.build((None, 6))
    return model


def test_of_m1_they_add_up_to_the_divergence_of_its_bound():
    model = built(dgm.M1(4, (5,), seed=0))

    kl = generation.kl_per_dimension(model, X, batch_size=7)

    bound = model.objective(tf.constant(X), None, model.sample_noise(20), training=False).bound
    np.testing.assert_allclose(kl.sum(), np.mean(bound.kl), rtol=1e-5)
    assert kl.shape == (4,) and np.all(np.diff(kl) <= 0)


def test_of_m2_they_add_up_to_the_part_of_z():
    """KL of the bound = KL[q(y|x) || p(y)] + E_q(y|x) KL[q(z|x,y) || p(z)]."""
    model = built(dgm.M2(3, 4, (5,), class_prior=[0.2, 0.3, 0.5], seed=0))

    kl = generation.kl_per_dimension(model, X)

    y = tf.fill([20], -1)
    bound = model.objective(tf.constant(X), y, model.sample_noise(20), training=False).bound
    of_y = tfd.kl_divergence(model.qy_x(X), model.py())
    np.testing.assert_allclose(kl.sum(), np.mean(bound.kl - of_y), rtol=1e-4)


def test_of_the_stack_they_are_of_z2():
    model = dgm.StackedM1M2(built(dgm.M1(4, (5,))), 3, latent_dim=2, active_dims=[0, 3])
    model.build((None, 6))

    assert generation.kl_per_dimension(model, X).shape == (2,)


def test_a_collapsed_dimension_has_none():
    """q(z_2|x) = N(0, 1) and q(z_1|x) = N(1, 1), whose divergence is 1/2."""
    model = built(dgm.M1(2, ()))
    kernel = np.zeros([6, 4])
    model.encoder.set_weights([kernel, np.array([1.0, 0.0, 0.0, 0.0])])

    np.testing.assert_allclose(generation.kl_per_dimension(model, X), [0.5, 0], atol=1e-6)


def test_a_model_that_is_not_built():
    with pytest.raises(ValueError, match="`model` must be built or fitted"):
        generation.kl_per_dimension(dgm.M1(2), X)


def test_pca_turns_codes_and_keeps_their_distances():
    codes = np.random.default_rng(0).normal(size=[30, 2])

    found = generation.project(codes, "pca")

    def distances(points):
        return np.linalg.norm(points[:, None] - points, axis=-1)

    np.testing.assert_allclose(distances(found), distances(codes), atol=1e-5)


def test_tsne_keeps_far_clusters_apart():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)

    found = generation.project(rng.normal(size=[40, 5]) + 50 * y[:, None])

    middles = [found[y == label].mean(axis=0) for label in (0, 1)]
    spread = np.linalg.norm(found - np.array(middles)[y], axis=-1).mean()
    assert found.shape == (40, 2)
    assert np.linalg.norm(middles[0] - middles[1]) > 2 * spread


@pytest.mark.parametrize(
    ("codes", "options", "message"),
    [
        (X[:, :1], {}, "`codes` must have at least 2 dimensions, got 1"),
        (X, {"method": "umap"}, "`method` must be 'pca' or 'tsne', got 'umap'"),
        (X, {"seed": -1}, "`seed` must be an integer of at least 0, got -1"),
    ],
)
def test_bad_input(codes, options, message):
    with pytest.raises(ValueError, match=message):
        generation.project(codes, **options)
