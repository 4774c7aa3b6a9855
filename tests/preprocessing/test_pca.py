import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA as ReferencePCA

from keras_dgm.preprocessing import PCA

N, D = 200, 12


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return (rng.normal(size=[N, D]) @ rng.normal(size=[D, D]) + 3).astype(np.float32)


def adapted(x, num_components=5, **options):
    layer = PCA(num_components, **options)
    layer.adapt(x)
    return layer


@pytest.mark.parametrize("whiten", [False, True])
def test_agrees_with_scikit_learn_in_float64(x, whiten):
    layer = adapted(x, whiten=whiten)
    reference = ReferencePCA(5, whiten=whiten).fit(x.astype(np.float64))

    z = layer(x)

    np.testing.assert_allclose(z, reference.transform(x), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        layer.inverse(z), reference.inverse_transform(reference.transform(x)), rtol=1e-3, atol=1e-3
    )


def test_whitened_components_are_uncorrelated_with_unit_variance(x):
    z = np.array(adapted(x, whiten=True)(x))

    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.cov(z.T), np.eye(5), atol=1e-4)


def test_all_components_lose_nothing(x):
    layer = adapted(x, num_components=D)

    np.testing.assert_allclose(layer.inverse(layer(x)), x, rtol=1e-4, atol=1e-4)


def test_data_far_from_zero():
    """Second moments in float32 would lose all of the variance."""
    x = np.random.default_rng(0).normal(size=[500, 4]) * [4, 3, 2, 1] + 5000

    z = np.array(adapted(x, num_components=4, whiten=True)(x.astype(np.float32)))

    np.testing.assert_allclose(np.cov(z.T), np.eye(4), atol=1e-2)


def test_a_component_of_tiny_variance_has_its_own_scale():
    rng = np.random.default_rng(0)
    a = rng.normal(size=5000)
    x = np.stack([a, a + 3e-4 * rng.normal(size=5000), rng.normal(size=5000)], 1)
    x = x.astype(np.float32)

    z = np.array(adapted(x, num_components=3, whiten=True)(x))

    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-2)


def test_columns_of_any_scale():
    x = np.random.default_rng(0).normal(size=[500, 3]) * [1e4, 1, 1e-2]

    z = np.array(adapted(x.astype(np.float32), num_components=3, whiten=True)(x))

    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-2)


@pytest.mark.parametrize("whiten", [False, True])
def test_density_of_x_from_that_of_all_components(x, whiten):
    layer = adapted(x, num_components=D, whiten=whiten)

    log_det = layer.log_abs_det_jacobian(x)

    assert log_det.shape == (N,)
    expected = -np.linalg.slogdet(np.cov(x.T))[1] / 2 if whiten else 0
    np.testing.assert_allclose(log_det, expected, rtol=1e-3, atol=1e-4)


def test_fewer_components_give_no_density_of_x(x):
    with pytest.raises(ValueError, match="needs `num_components` to be that of the features, 12"):
        adapted(x).log_abs_det_jacobian(x)


def test_adapt_again_starts_afresh(x):
    layer = adapted(x + 10)
    layer.adapt(x)

    np.testing.assert_array_equal(layer(x), adapted(x)(x))


def test_adapt_leaves_the_data_alone(x):
    before = x.copy()
    adapted(x, whiten=True)

    np.testing.assert_array_equal(x, before)


def test_weights_are_not_trained(x):
    assert adapted(x).trainable_variables == []
    assert len(adapted(x).non_trainable_variables) == 3


@pytest.mark.parametrize("whiten", [False, True])
def test_saves_and_loads_within_a_model(x, tmp_path, whiten):
    model = keras.Sequential([keras.Input([D]), adapted(x, whiten=whiten), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    z = model.layers[0](x)
    np.testing.assert_array_equal(loaded.layers[0].inverse(z), model.layers[0].inverse(z))
    assert loaded.layers[0].get_config() == model.layers[0].get_config()


@keras.saving.register_keras_serializable(package="test_preprocessing")
class Inner(keras.Model):
    """A subclassed model, which Keras traces before it loads the weights."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pca = PCA(5)
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(self.pca(x))


def test_saves_and_loads_within_a_subclassed_model(x, tmp_path):
    model = Inner()
    model.pca.adapt(x)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)


def test_adapt_after_the_model_is_built(x):
    layer = PCA(5)
    model = keras.Sequential([keras.Input([D]), layer])
    with pytest.raises(ValueError, match="`adapt` the PCA layer"):
        model.predict(x, verbose=0)
    layer.adapt(x)

    np.testing.assert_allclose(model.predict(x, verbose=0), adapted(x)(x), rtol=1e-5)


def test_weights_set_from_outside_count_as_adapted(x):
    layer = PCA(5)
    layer.build([None, D])
    layer.set_weights(adapted(x).get_weights())

    np.testing.assert_array_equal(tf.function(layer)(x), adapted(x)(x))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_computes_in_float32_under_mixed_precision(x, policy):
    expected = adapted(x)
    with_policy = keras.dtype_policies.get(policy)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(with_policy)
    try:
        layer = adapted(x)
        symbolic = layer(keras.Input([D]))
    finally:
        keras.config.set_dtype_policy(before)

    assert symbolic.dtype == "float32"
    assert layer(x).dtype == tf.float32
    np.testing.assert_array_equal(layer(x), expected(x))
    np.testing.assert_array_equal(layer.inverse(layer(x)), expected.inverse(expected(x)))


def test_another_dtype_is_kept():
    layer = PCA(2, dtype="float64")

    assert PCA.from_config(layer.get_config()).compute_dtype == "float64"


def test_output_shape(x):
    layer = adapted(x)

    assert layer.compute_output_shape((None, D)) == (None, 5)
    assert layer(keras.Input([D])).shape == (None, 5)
    assert layer.inverse(np.zeros([2, 3, 5], np.float32)).shape == (2, 3, D)


@pytest.mark.parametrize(
    "use", [lambda layer, x: layer(x), lambda layer, x: layer.inverse(x[:, :5])]
)
def test_use_before_adapt(x, use):
    with pytest.raises(ValueError, match="`adapt` the PCA layer 'faces' to data before using it"):
        use(PCA(5, name="faces"), x)


@pytest.mark.parametrize(
    ("num_components", "rows", "message"),
    [
        (13, N, "`num_components` must be at most the number of features, 12, got 13"),
        (11, 11, "`num_components` must be at most the number of examples less one, 10, got 11"),
    ],
)
def test_too_many_components(x, num_components, rows, message):
    with pytest.raises(ValueError, match=message):
        PCA(num_components).adapt(x[:rows])


@pytest.mark.parametrize(
    ("make", "rank"),
    [
        (lambda x: np.ones_like(x), 0),
        (lambda x: np.where(np.arange(D) < 3, 0.1, x), 9),
        (lambda x: np.concatenate([x[:, :6], x[:, :3] + x[:, 3:6], x[:, :3] * 7], axis=1), 6),
        (lambda x: x[np.arange(N) % 5], 4),
    ],
    ids=["constant data", "constant columns", "dependent columns", "repeated rows"],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:sklearn")
def test_components_without_variance(x, make, rank):
    made = make(x).astype(np.float32)

    with pytest.raises(ValueError, match=f"that vary by more than .*, {rank}, got {rank + 1}"):
        PCA(rank + 1).adapt(made)
    if rank:
        z = np.array(adapted(made, num_components=rank, whiten=True)(made))
        np.testing.assert_allclose(z.std(axis=0, ddof=1), 1, rtol=1e-2)


@pytest.mark.parametrize("value", [0, -1, 2.5, None])
def test_bad_num_components(value):
    with pytest.raises(ValueError, match="`num_components` must be an integer of at least 1"):
        PCA(value)


def test_bad_data(x):
    with pytest.raises(ValueError, match="`x` must be finite"):
        PCA(2).adapt(np.where(x == x[0, 0], np.nan, x))
    with pytest.raises(ValueError, match="`x` must have 12 features an example, got 11"):
        adapted(x).adapt(x[:, :11])
    with pytest.raises(ValueError, match=r"PCA needs inputs of shape \[B, D\]"):
        PCA(2).build((None, 4, 4))
