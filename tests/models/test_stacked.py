"""M1+M2: a frozen M1 below an M2 of its codes z1."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K, Z
from scipy import stats

import keras_dgm as dgm


@pytest.fixture(scope="module")
def trained():
    model = builders.stacked()
    model.fit(*builders.examples(), batch_size=10, epochs=2, verbose=0)
    return model


def test_m1_stays_as_it_was():
    model = builders.stacked()
    before, m1_before = builders.weights(model), builders.weights(model.m1)

    model.fit(*builders.examples(), batch_size=10, verbose=0)

    builders.assert_same_weights(model.m1, m1_before)
    assert model.m1.trainable_variables == []
    own = len(model.trainable_variables)
    changed = [np.any(a != b.numpy()) for a, b in zip(before, model.weights, strict=True)]
    assert sum(changed) == own > 0


def test_the_encoder_runs_once_a_data_set(monkeypatch):
    """Not once a step: one pass over the training data, one over the validation data."""
    x, y = builders.examples()
    model = builders.stacked()
    encoded = []
    qz_x = model.m1.qz_x
    monkeypatch.setattr(model.m1, "qz_x", lambda x: encoded.append(len(x)) or qz_x(x))

    model.fit(x, y, batch_size=10, epochs=2, validation_data=(x[:4], y[:4]), verbose=0)

    assert sorted(encoded) == [4, len(x)]


def test_z1_is_drawn_afresh_for_each_example_from_q(trained):
    """Within 5 standard errors of the mean and the variance of q(z1|x), active dimensions alone."""
    x, _ = builders.examples()
    n = 2000
    observed = trained.observe(np.repeat(x[:2], n, axis=0))

    z1 = trained.sample_observation(observed).numpy()

    assert z1.shape == (2 * n, 2)
    assert np.any(z1 != trained.sample_observation(observed).numpy())
    qz1_x = trained.m1.posterior(x[:2])
    mean, stddev = (v.numpy()[:, None, [0, 2]] for v in (qz1_x.mean(), qz1_x.stddev()))
    draws = (z1.reshape(2, n, 2) - mean) / stddev
    assert np.all(np.abs(draws.mean(axis=1)) < 5 / np.sqrt(n))
    assert np.all(np.abs(draws.var(axis=1) - 1) < 5 * np.sqrt(2 / n))
    assert np.abs(np.corrcoef(draws[0].T)[0, 1]) < 5 / np.sqrt(n)


def test_predictions_use_the_mean_of_z1(trained):
    x, _ = builders.examples()
    z1 = trained.m1.embed(x)[:, [0, 2]]

    expected = trained.qy_x(z1).probs_parameter()

    np.testing.assert_allclose(trained.predict(x, verbose=0), expected, rtol=1e-5)
    z2 = trained.qz_xy(z1, tf.range(K)[None]).mean()
    embedded = np.einsum("bk,bkz->bz", expected, z2)
    np.testing.assert_allclose(trained.embed(x), embedded, rtol=1e-4, atol=1e-6)


def test_generate_decodes_through_both_models(trained):
    """Dimensions of z1 that M2 leaves out are 0, the mean of their prior."""
    z = np.random.default_rng(0).normal(size=[K, Z]).astype(np.float32)
    z1 = np.zeros([K, 4], np.float32)
    for k in range(K):
        z1[k, [0, 2]] = trained.m2.px_yz(np.array([[k]]), z[k][None, None]).mean()[0, 0]

    x = trained.generate(np.arange(K), z)

    np.testing.assert_allclose(x, trained.m1.generate(z1), rtol=1e-5)


def test_analogies_are_data_of_all_classes(trained):
    x, _ = builders.examples()

    images = trained.analogies(x[:4])

    assert images.shape == (4, K, D)
    assert np.all((images > 0) & (images < 1))


def with_dead_dimensions(dead):
    """An M1 of 4 dimensions whose posterior mean is constant, or all but, in some of them."""
    m1 = builders.m1(latent_dim=4)
    output = m1.encoder.layers[-1]
    kernel = 10 * np.random.default_rng(0).normal(size=output.kernel.shape)
    kernel[:, dead] = 1e-4
    output.set_weights([kernel, np.arange(8.0)])
    return m1


@pytest.mark.parametrize(
    ("dead", "as_dataset"), [([1], False), ([0, 3], False), ([0, 3], True), ([], False)]
)
def test_fit_finds_the_active_dimensions(dead, as_dataset):
    x, y = builders.examples()
    m1 = with_dead_dimensions(dead)
    model = builders.compiled(dgm.StackedM1M2(m1, K, Z, (4,)))

    if as_dataset:
        model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(16), verbose=0)
    else:
        model.fit(x, y, verbose=0)

    assert model.active_dims == [i for i in range(4) if i not in dead]
    assert model.m2.encoder.from_x.kernel.shape[0] == len(model.active_dims)
    stddev = m1.embed(x).std(axis=0)
    assert np.array_equal(np.flatnonzero(stddev > 0.1), model.active_dims)


def test_a_further_fit_keeps_the_active_dimensions():
    x, y = builders.examples()
    model = builders.compiled(dgm.StackedM1M2(with_dead_dimensions([1]), K, Z, (4,)))
    model.fit(x, y, verbose=0)

    model.fit(x[:9] * 0 + x[0], y[:9], verbose=0)

    assert model.active_dims == [0, 2, 3]


def test_all_dimensions_collapsed():
    model = builders.compiled(dgm.StackedM1M2(with_dead_dimensions([0, 1, 2, 3]), K, Z, (4,)))

    with pytest.raises(ValueError, match=r"`m1` must have a latent dimension whose mean has"):
        model.fit(*builders.examples(), verbose=0)


def test_a_call_before_the_active_dimensions_are_known():
    model = dgm.StackedM1M2(with_dead_dimensions([]), K, Z, (4,))

    with pytest.raises(ValueError, match="`active_dims` must be given, or found by `fit`"):
        model.predict(builders.examples()[0], verbose=0)


def test_a_stack_that_was_built_before_its_dimensions_were_known():
    """As one whose weights are loaded; `fit` gives M2 networks of the dimensions that it finds."""
    x, y = builders.examples()
    model, fresh = (dgm.StackedM1M2(with_dead_dimensions([1]), K, Z, (4,), seed=0) for _ in "ab")
    model.build((None, D))
    assert model.m2.encoder.from_x.kernel.shape[0] == 4

    for each in (model, fresh):
        keras.utils.set_random_seed(0)
        history = builders.compiled(each).fit(x, y, verbose=0).history
        assert each.active_dims == [0, 2, 3]
        assert each.m2.encoder.from_x.kernel.shape[0] == 3
        np.testing.assert_allclose(each.m2.labeled_fraction, np.mean(y >= 0), rtol=1e-6)
        expected = -history["elbo"][0] + 0.1 * history["classification_loss"][0]
        np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)

    assert len(model.trainable_variables) == len(fresh.trainable_variables)
    assert [w.shape for w in model.weights] == [w.shape for w in fresh.weights]


def test_a_built_stack_takes_the_weights_of_another(tmp_path):
    x, y = builders.examples()
    m1 = with_dead_dimensions([1])
    model = builders.compiled(dgm.StackedM1M2(m1, K, Z, (4,), seed=0))
    model.fit(x, y, verbose=0)
    model.save_weights(tmp_path / "stack.weights.h5")
    other = dgm.StackedM1M2(m1, K, Z, (4,), seed=1)
    other.build((None, D))

    other.load_weights(tmp_path / "stack.weights.h5")

    assert other.active_dims == model.active_dims
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_fitted_stack_takes_weights_of_other_dimensions_and_trains_on(tmp_path):
    x, y = builders.examples()
    model, other = builders.stacked(active_dims=[0, 2]), builders.stacked(active_dims=[1, 2, 3])
    model.fit(x, y, verbose=0)
    other.fit(x, y, epochs=2, verbose=0)
    other.save_weights(tmp_path / "other.weights.h5")

    model.load_weights(tmp_path / "other.weights.h5")

    assert model.active_dims == [1, 2, 3]
    np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
    for loaded, saved in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(loaded, saved)
    for each in (model, other):
        each.fit(x, y, shuffle=False, verbose=0)
    builders.assert_same_weights(model, builders.weights(other), rtol=1e-5)


def test_a_call_of_a_built_stack_says_that_its_dimensions_are_not_known():
    x, _ = builders.examples()
    model = dgm.StackedM1M2(with_dead_dimensions([]), K, Z, (4,))
    model.build((None, D))

    for call in (lambda: model.predict(x, verbose=0), lambda: model(x), lambda: model.embed(x)):
        with pytest.raises(ValueError, match="`active_dims` must be given, or found by `fit`"):
            call()
    with pytest.raises(ValueError, match="`active_dims`"):
        model.generate([0])
    with pytest.raises(ValueError, match="`active_dims`"):
        model.endpoints()


@pytest.mark.parametrize("above", ["m2", "adgm", "sdgm"])
def test_the_model_of_z1_is_one_of_its_own(above):
    """Its bound, its q(y|.) and its weights are those of z1; M1 and its likelihood stay below."""
    options = {} if above == "m2" else {"auxiliary_dim": 3, "num_samples": 2}
    model = builders.stacked(above=above, **options)
    x, y = builders.examples()
    assert model.title == f"M1+{above.upper()}"

    history = model.fit(x, y, batch_size=10, epochs=2, verbose=0).history

    assert np.isfinite(history["loss"]).all()
    z1 = model.m1.embed(x)[:, [0, 2]]
    np.testing.assert_allclose(
        model.predict(x, verbose=0), model.m2.predict(z1, verbose=0), rtol=1e-5
    )
    np.testing.assert_allclose(model.embed(x), model.m2.embed(z1), rtol=1e-4, atol=1e-6)
    z1_of_classes = model.m2.generate([0, 2], np.ones([2, Z]))
    every = np.zeros([2, 4], np.float32)
    every[:, [0, 2]] = z1_of_classes
    generated = model.generate([0, 2], np.ones([2, Z]))
    np.testing.assert_allclose(generated, model.m1.generate(every), rtol=1e-5)


@pytest.mark.parametrize("above", ["m2", "adgm", "sdgm"])
def test_importance_weights_put_the_model_of_z1_in_place_of_its_prior(above):
    options = {} if above == "m2" else {"auxiliary_dim": 3}
    model = builders.stacked(
        above=above, dtype="float64", m1_options={"dtype": "float64"}, **options
    )
    x = tf.constant(builders.examples("float64")[0][:4])
    B, S = 4, 5
    noise = tf.nest.map_structure(
        lambda shape: tf.random.stateless_normal([B, S, *shape], [0, len(shape)], dtype="float64"),
        model.noise_shape,
    )

    log_w = model.log_weights(x, noise).elbo

    m1_noise, z2_noise = noise
    of_m1 = model.m1.log_weights(x, m1_noise).elbo
    qz1_x = model.m1.qz_x(x)
    z1 = (qz1_x.mean()[:, None] + qz1_x.stddev()[:, None] * m1_noise).numpy()[..., [0, 2]]
    assert log_w.shape == (B, S, K)
    for s in range(S):
        rows = tf.nest.map_structure(lambda n, s=s: n[:, s : s + 1], z2_noise)
        of_z1 = model.m2.log_weights(tf.constant(z1[:, s]), rows).elbo[:, 0]
        prior = stats.norm.logpdf(z1[:, s]).sum(axis=-1)
        expected = of_m1[:, s, None] - prior[:, None] + of_z1
        np.testing.assert_allclose(log_w[:, s], expected, rtol=1e-10)


def test_what_may_be_above():
    with pytest.raises(ValueError, match="`above` must be one of m2, adgm, sdgm, got 'm1'"):
        builders.stacked(above="m1")
    with pytest.raises(ValueError, match="`classifier` must be None: SDGM makes its own networks"):
        builders.stacked(above="sdgm", **builders.own_m2_networks())
    with pytest.raises(dgm.Unsupported, match="a committee teaches an M2 or M1"):
        builders.stacked(above="adgm").as_m2(builders.examples()[0])


def test_a_preprocessor_in_m1():
    """z1 is of the components; what is generated is as wide as x."""
    x, y = builders.examples()
    pca = builders.adapted_pca(4)
    model = builders.stacked(m1_options={"likelihood": "gaussian", "preprocessor": pca})

    model.fit(x, y, verbose=0)

    assert model.predict(x, verbose=0).shape == (len(x), K)
    assert model.generate([0, 1]).shape == (2, D)
    assert model.analogies(x[:2]).shape == (2, K, D)


@pytest.mark.parametrize(
    ("m1", "message"),
    [
        (lambda: dgm.M1(Z, (4,)), "`m1` must be an M1 that has been fitted, got <M1"),
        (lambda: None, "`m1` must be an M1 that has been fitted, got no value"),
    ],
)
def test_m1_must_have_been_fitted(m1, message):
    with pytest.raises(ValueError, match=message):
        dgm.StackedM1M2(m1(), K)


@pytest.mark.parametrize("active_dims", [[], [0, 4], [-1], [0.5]])
def test_bad_active_dims(active_dims):
    with pytest.raises(ValueError, match="`active_dims` must be different integers from 0 to 3"):
        dgm.StackedM1M2(with_dead_dimensions([]), K, active_dims=active_dims)
