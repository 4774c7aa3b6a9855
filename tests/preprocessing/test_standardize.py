import hypothesis.extra.numpy
import keras
import numpy as np
import pytest
import saved
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.preprocessing import RobustScaler, StandardScaler

from keras_dgm.preprocessing import Standardize
from keras_dgm.preprocessing.standardize import METHODS

N, D = 400, 3


@pytest.fixture(scope="module")
def x():
    """A normal, a lognormal and a Cauchy column."""
    rng = np.random.default_rng(0)
    columns = [rng.normal(7, 2, N), rng.lognormal(0, 2, N), rng.standard_cauchy(N) * 100]
    return np.stack(columns, axis=1).astype(np.float32)


def adapted(x, method="standard", **options):
    layer = Standardize(method, **options)
    layer.adapt(x)
    return layer


def test_standard_is_scikit_learns(x):
    np.testing.assert_allclose(
        adapted(x)(x), StandardScaler().fit_transform(np.float64(x)), rtol=1e-4, atol=1e-5
    )


def test_robust_is_scikit_learns(x):
    reference = RobustScaler(unit_variance=True).fit_transform(np.float64(x))

    np.testing.assert_allclose(adapted(x, "robust")(x), reference, rtol=1e-4, atol=1e-5)


def test_ranks_are_normal_whatever_the_tails(x):
    z = np.array(adapted(x, "ranks")(x))

    assert stats.kstest(z[:, 0], "norm").statistic < 0.03
    scores = stats.norm.ppf((stats.rankdata(x, axis=0) - 0.5) / N)
    np.testing.assert_allclose(z, scores, atol=0.2)
    assert np.abs(z).max() < 3.5


def test_ranks_are_strictly_increasing_beyond_the_data_too(x):
    layer = adapted(x, "ranks")
    low, high = x.min(axis=0), x.max(axis=0)
    grid = np.linspace(low - (high - low), high + (high - low), 1001, dtype=np.float32)

    z = np.array(layer(grid))

    assert np.all(np.diff(z, axis=0) > 0)
    np.testing.assert_allclose(layer.inverse(z), grid, rtol=1e-3, atol=1e-2)


def test_ties_get_the_middle_of_their_ranks():
    x = np.float32([0] * 90 + [1] * 6 + [2] * 4)[:, None]

    z = np.array(adapted(x, "ranks")(x))

    np.testing.assert_allclose(z[[0, 90, 96], 0], stats.norm.ppf([0.45, 0.93, 0.98]), rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@given(
    x=hypothesis.extra.numpy.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.integers(1, 4)),
        elements=st.one_of(
            st.floats(-1e6, 1e6, width=32),
            st.sampled_from([0.0, 1.0, -5.0]),
        ),
    )
)
@settings(max_examples=40, deadline=None)
def test_inverse_undoes_any_data(method, x):
    layer = adapted(x, method)

    z = np.array(layer(x))
    back = np.array(layer.inverse(z))

    assert np.isfinite(z).all()
    # Up to the rounding of numbers as large as the column's.
    tolerance = 1e-5 * np.abs(x).max(axis=0) + 1e-30
    assert np.all(np.abs(back - x) <= tolerance)
    constant = x.min(axis=0) == x.max(axis=0)
    assert np.all(z[:, constant] == 0)
    assert np.all(back[:, constant] == x[:, constant])


@pytest.mark.parametrize("method", METHODS)
def test_missing_entries_are_left_out_and_stay_missing(x, method):
    holes = np.random.default_rng(1).random(x.shape) < 0.3
    layer = adapted(np.where(holes, np.nan, x), method)

    z = np.array(layer(np.where(holes, np.nan, x)))

    np.testing.assert_array_equal(np.isnan(z), holes)
    np.testing.assert_array_equal(np.isnan(layer.inverse(z)), holes)
    for column in range(D):
        seen = ~holes[:, column]
        alone = adapted(x[seen][:, [column]], method)
        np.testing.assert_allclose(z[seen, column], alone(x[seen][:, [column]])[:, 0], rtol=1e-5)


def test_a_column_far_from_zero():
    x = (np.random.default_rng(0).normal(size=[1000, 1]) + 5000).astype(np.float32)

    assert np.array(adapted(x)(x)).std() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_density_of_x(x, method):
    """The slope of the map, column by column."""
    layer = adapted(x, method)
    points = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(points)
        z = layer(points)
    slopes = np.array(tape.gradient(z, points))

    log_det = np.array(layer.log_abs_det_jacobian(x))

    # At a knot, where the slope jumps, the gradient is that of one side or of both.
    agree = np.isclose(log_det, np.log(slopes).sum(axis=1), rtol=1e-4, atol=1e-4)
    assert agree.mean() >= (0.75 if method == "ranks" else 1)


@pytest.mark.parametrize("method", METHODS)
def test_density_of_the_observed_entries_alone(x, method):
    layer = adapted(x, method)
    row = x[:1]
    holes = np.where([[False, True, False]], np.nan, row).astype(np.float32)

    parts = [adapted(x[:, [c]], method).log_abs_det_jacobian(row[:, [c]]) for c in (0, 2)]

    np.testing.assert_allclose(layer.log_abs_det_jacobian(holes), sum(parts), rtol=1e-5)


def test_the_density_integrates_to_one(x):
    layer = adapted(x[:, [0]], "ranks")
    grid = np.linspace(-40, 60, 200_001, dtype=np.float32)[:, None]

    log_density = stats.norm.logpdf(np.array(layer(grid))[:, 0]) + layer.log_abs_det_jacobian(grid)

    assert np.trapezoid(np.exp(log_density), grid[:, 0]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_saves_and_loads_exactly(x, method, tmp_path):
    layer = adapted(x, method)

    loaded = saved.reloaded(layer, D, tmp_path)

    np.testing.assert_array_equal(loaded(x), layer(x))
    np.testing.assert_array_equal(loaded.inverse(x), layer.inverse(x))
    assert loaded.get_config() == layer.get_config()
    assert layer.trainable_variables == []


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_compiles(x, method, jit_compile):
    layer = adapted(x, method)
    holes = np.where(np.eye(N, D, dtype=bool), np.nan, x).astype(np.float32)

    for function in (layer, layer.inverse):
        compiled = tf.function(function, jit_compile=jit_compile)
        np.testing.assert_allclose(compiled(holes), function(holes), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_is_built_in_operations_of_litert(x, method):
    layer = adapted(x, method)
    rows = np.where(np.eye(6, D, dtype=bool), np.nan, x[:6]).astype(np.float32)

    np.testing.assert_allclose(saved.in_litert(layer, D, rows), layer(rows), rtol=1e-4, atol=1e-5)
    z = np.array(layer(rows))
    back = saved.in_litert(layer.inverse, D, z)
    np.testing.assert_allclose(back, layer.inverse(z), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_adapt_again_starts_afresh(x, method):
    layer = adapted(x * 3 + 1, method)
    layer.adapt(x)

    np.testing.assert_array_equal(layer(x), adapted(x, method)(x))


def test_shapes(x):
    layer = adapted(x, "ranks")

    assert layer.compute_output_shape((None, D)) == (None, D)
    assert layer(keras.Input([D])).shape == (None, D)
    assert layer.inverse(np.zeros([2, 4, D])).shape == (2, 4, D)
    assert layer(np.float64(x)).dtype == tf.float32


@pytest.mark.parametrize("method", METHODS)
def test_use_before_adapt(x, method):
    layer = Standardize(method, name="own")
    for use in (layer, layer.inverse, layer.log_abs_det_jacobian):
        with pytest.raises(ValueError, match="`adapt` the Standardize layer 'own' to data"):
            use(x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: np.where(x == x[3, 1], np.inf, x), r"`x` must be finite.*inf at index \(3, 1\)"),
        (lambda x: x * [1, np.nan, 1], "an observed entry in every column, got none in column 1"),
        (lambda x: x[:0], "`x` must not be empty"),
        (lambda x: x[:, 0], r"`x` must have shape \[N, D\]"),
        (lambda x: x.astype(str), "`x` must hold real numbers"),
    ],
)
def test_bad_data(x, change, message):
    with pytest.raises(ValueError, match=message):
        Standardize().adapt(change(x))


def test_another_width(x):
    with pytest.raises(ValueError, match="`x` must have 3 features an example, got 2"):
        adapted(x).adapt(x[:, :2])
    with pytest.raises(ValueError, match=r"Standardize needs inputs of shape \[B, D\]"):
        Standardize().build((None, 4, 4))


def test_bad_method():
    with pytest.raises(ValueError, match="`method` must be one of standard, robust, ranks, got"):
        Standardize("minmax")
