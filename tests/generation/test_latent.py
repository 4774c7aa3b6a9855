"""Projections of codes into the plane."""

import numpy as np
import pytest

from keras_dgm import generation

X = np.random.default_rng(0).uniform(size=[20, 6]).astype(np.float32)


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
