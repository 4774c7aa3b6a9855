"""Samples, manifold and styles: where in latent space they come from, and that y is obeyed."""

import keras
import numpy as np
import pytest
from scipy import stats
from sklearn.svm import SVC

import keras_dgm as dgm
from keras_dgm import generation


@pytest.fixture(scope="module")
def judge(digits):
    """A classifier that has seen real digits alone; it errs on 1 to 2 % of those held out."""
    classifier = SVC().fit(digits.x_train, digits.y_train)
    assert classifier.score(digits.x_test, digits.y_test) > 0.97
    return classifier


def test_samples_of_m1_are_images_in_one_row(m1):
    images = generation.samples(m1, 50)

    assert images.shape == (1, 50, 64)
    assert images.min() >= 0 and images.max() <= 1
    assert images.std(axis=1).mean() > 0.05


@pytest.mark.parametrize("name", ["m1", "m2", "stacked"])
def test_a_seed_fixes_samples_and_the_model_stays_as_it_is(name, request):
    model = request.getfixturevalue(name)
    state = model.seed_generator.state.numpy()

    first, again, other = (generation.samples(model, 3, seed=seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    np.testing.assert_array_equal(model.seed_generator.state, state)
    assert first.shape == (1 if name == "m1" else 10, 3, 64)


def test_a_judge_sees_the_class_that_was_asked_for(m2, judge):
    """On at least 95 % of the samples, as on most real digits."""
    images = generation.samples(m2, 50)

    found = judge.predict(images.reshape(500, 64)).reshape(10, 50)

    assert np.mean(found == np.arange(10)[:, None]) >= 0.95


def test_samples_of_a_class_differ_in_style(m2):
    images = generation.samples(m2, 20)

    assert np.all(images.std(axis=1).mean(axis=-1) > 0.02)


def test_the_manifold_lies_at_the_quantiles_of_the_prior(m1):
    images = generation.manifold(m1, size=5)

    assert images.shape == (5, 5, 64)
    low, high = stats.norm.ppf([0.1, 0.9])
    corners = m1.generate([[low, high], [high, high], [low, low], [0.0, 0.0]])
    np.testing.assert_allclose(images[0, 0], corners[0], atol=1e-6)
    np.testing.assert_allclose(images[0, 4], corners[1], atol=1e-6)
    np.testing.assert_allclose(images[4, 0], corners[2], atol=1e-6)
    np.testing.assert_allclose(images[2, 2], corners[3], atol=1e-6)


def test_the_manifold_changes_smoothly(m1):
    """A neighbour is nearer than an image from anywhere."""
    images = generation.manifold(m1, size=12)

    step = np.abs(np.diff(images, axis=1)).mean()

    rng = np.random.default_rng(0)
    apart = np.abs(images.reshape(144, 64) - rng.permutation(images.reshape(144, 64))).mean()
    assert step < apart / 3


def test_styles_move_z_and_hold_the_class(m2, judge):
    """Within two deviations of the prior, where the model has seen z."""
    images = generation.styles(m2, [0, 3, 7], size=9, limit=2.0)

    assert images.shape == (3, 9, 9, 64)
    found = judge.predict(images.reshape(-1, 64)).reshape(3, 81)
    assert np.mean(found == np.array([[0], [3], [7]])) >= 0.9
    assert np.all(images.std(axis=(1, 2)).mean(axis=-1) > 0.02)
    low_right = m2.generate([3], [[2.0, -2.0]])[0]
    np.testing.assert_allclose(images[1, -1, -1], low_right, atol=1e-6)


def conditional():
    model = dgm.ConditionalM1([0], 2, (4,))
    model.build((None, 64))
    return model


BAD = {
    "no samples": (lambda m1, m2: generation.samples(m1, 0), "`num_samples` must .* 1, got 0"),
    "a negative seed": (lambda m1, m2: generation.samples(m1, seed=-1), "`seed` must .* got -1"),
    "a model not built": (
        lambda m1, m2: generation.samples(dgm.M1(2)),
        "`model` must be built or fitted first, got <M1",
    ),
    "a model that completes": (
        lambda m1, m2: generation.samples(conditional()),
        "ConditionalM1 has no samples without an example",
    ),
    "a manifold of M2": (lambda m1, m2: generation.manifold(m2), "it is of an M1; this is M2"),
    "a manifold of no size": (lambda m1, m2: generation.manifold(m1, 0), "`size` must .* got 0"),
    "styles of M1": (
        lambda m1, m2: generation.styles(m1, [0]),
        "`model` must model classes; M1 models none",
    ),
    "no such class": (
        lambda m1, m2: generation.styles(m2, [0, 10]),
        "`classes` must hold integers from 0 to 9, got 10 at index 1",
    ),
    "no limit": (
        lambda m1, m2: generation.styles(m2, [0], limit=0.0),
        "`limit` must be positive and finite, got 0.0",
    ),
}


@pytest.mark.parametrize("call, message", BAD.values(), ids=BAD)
def test_bad_input(call, message, m1, m2):
    with pytest.raises(ValueError, match=message):
        call(m1, m2)


def test_a_plane_needs_two_latent_dimensions(stacked):
    ten = dgm.M1(10, (4,))
    ten.build((None, 64))
    with pytest.raises(ValueError, match="`model` must have a latent_dim of 2, got one of 10"):
        generation.manifold(ten)
    with pytest.raises(ValueError, match="`model` must have a latent_dim of 2, got one of 3"):
        generation.styles(stacked, [0])


@pytest.mark.slow
def test_mnist_samples_are_of_the_class_asked_for(mnist_dir):
    """On at least 95 % of 1,000 samples of M1+M2, by a classifier of real digits; a minute.

    The judge, trained on 5,000 of them, errs on about 5 % of the test set.
    """
    data = dgm.data.load("mnist", data_dir=mnist_dir)
    judge = SVC().fit(data.x_train[:5000], data.y_train[:5000])
    assert judge.score(data.x_test[:2000], data.y_test[:2000]) > 0.94
    keras.utils.set_random_seed(0)
    m1 = dgm.M1(50, (300, 300), seed=0)
    m1.compile(keras.optimizers.Adam(1e-3), steps_per_execution=10)
    m1.fit(data.x_train, batch_size=250, epochs=6, verbose=0)
    model = dgm.StackedM1M2(m1, 10, 10, (300,), class_sum=1, seed=0)
    model.compile(keras.optimizers.Adam(3e-3), steps_per_execution=10)
    model.fit(data.x_train, data.y_train, batch_size=250, epochs=6, verbose=0)

    images = generation.samples(model, 100)

    found = judge.predict(images.reshape(-1, 784)).reshape(10, 100)
    assert np.mean(found == np.arange(10)[:, None]) >= 0.95
