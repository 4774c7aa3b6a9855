import keras
import numpy as np
import pytest
import saved
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_dgm.data import Column, from_frame
from keras_dgm.preprocessing import Standardize, TableEncoder

N = 300
COLUMNS = (
    Column("colour", "categorical", ("blue", "green", "red")),
    Column("height", "real"),
    Column("married", "binary", ("no", "yes")),
    Column("income", "real"),
    Column("children", "count"),
    Column("grade", "categorical", (1, 2)),
)
HEAVY = ["income"]


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    columns = [
        rng.integers(3, size=N),
        rng.normal(170, 10, N),
        rng.integers(2, size=N),
        rng.lognormal(10, 2, N),
        rng.poisson(2, N),
        rng.integers(2, size=N),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def with_holes(x, seed=1):
    holes = np.random.default_rng(seed).random(x.shape) < 0.2
    return np.where(holes, np.float32(np.nan), x)


def adapted(x, columns=COLUMNS, **options):
    layer = TableEncoder(columns, **options)
    layer.adapt(x)
    return layer


def test_columns_stand_side_by_side_by_kind(x):
    z = np.array(adapted(x)(x))

    assert z.shape == (N, 2 + 1 + 1 + 3 + 2)
    np.testing.assert_allclose(z[:, 0], standardized(x[:, 1]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(z[:, 2], standardized(x[:, 4]), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(z[:, 3], x[:, 2])
    np.testing.assert_array_equal(z[:, 4:7], np.eye(3)[x[:, 0].astype(int)])
    np.testing.assert_array_equal(z[:, 7:], np.eye(2)[x[:, 5].astype(int)])


def standardized(column):
    return (column - column.mean()) / column.std()


def test_heavy_tails_are_standardised_by_ranks(x):
    ranks = Standardize("ranks")
    ranks.adapt(x[:, [3]])

    np.testing.assert_allclose(adapted(x)(x)[:, 1:2], ranks(x[:, [3]]), rtol=1e-6)


def test_inverse_gives_raw_columns_back(x):
    layer = adapted(x)

    back = np.array(layer.inverse(layer(x)))

    np.testing.assert_allclose(back, x, rtol=1e-4)
    exact = [0, 2, 4, 5]
    np.testing.assert_array_equal(back[:, exact], x[:, exact])


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_inverse_undoes_any_table(data):
    rows = data.draw(st.integers(1, 20), label="rows")
    kinds = data.draw(
        st.lists(
            st.sampled_from(["real", "count", "binary", "categorical"]), min_size=1, max_size=6
        )
    )
    sizes = {"binary": 2, "categorical": 4}
    columns = tuple(
        Column(str(number), kind, tuple(range(sizes.get(kind, 0))))
        for number, kind in enumerate(kinds)
    )
    of_kind = {
        "real": st.floats(-1e4, 1e4, width=32),
        "count": st.integers(0, 1000),
        "binary": st.integers(0, 1),
        "categorical": st.integers(0, 3),
    }
    draws = [data.draw(st.lists(of_kind[k], min_size=rows, max_size=rows)) for k in kinds]
    x = np.array(draws, np.float32).T
    layer = adapted(x, columns)

    z = np.array(layer(x))
    back = np.array(layer.inverse(z))

    assert np.isfinite(z).all()
    assert z.shape[1] == layer.width
    for number, kind in enumerate(kinds):
        scale = np.abs(x[:, number]).max() if kind == "real" else 0
        np.testing.assert_allclose(back[:, number], x[:, number], rtol=0, atol=1e-5 * scale)


def test_missing_entries_stay_missing_in_all_of_their_group(x):
    holes = with_holes(x)
    layer = adapted(holes)

    z = np.array(layer(holes))

    missing = np.isnan(holes)
    np.testing.assert_array_equal(np.isnan(z), missing[:, [1, 3, 4, 2, 0, 0, 0, 5, 5]])
    np.testing.assert_array_equal(np.isnan(layer.inverse(z)), missing)


def test_means_of_a_model_become_raw_columns(x):
    layer = adapted(x)
    z = np.float32(
        [[9, -9, 9, 0.51, 0.2, 0.5, 0.3, 0.49, 0.5], [0, 0, -9, 0.49, 0.4, 0.3, 0.3, 1, 0]]
    )

    raw = np.array(layer.inverse(z))

    assert np.isfinite(raw).all()
    assert raw[:, 0].tolist() == [1, 0]
    assert raw[:, 2].tolist() == [1, 0]
    assert raw[:, 5].tolist() == [1, 0]
    assert raw[0, 4] == round(raw[0, 4]) > 10
    assert raw[1, 4] == 0
    assert raw[0, 1] == pytest.approx(x[:, 1].mean() + 9 * x[:, 1].std(), rel=1e-4)


@pytest.mark.parametrize("counts", ["poisson", "negative_binomial"])
def test_counts_as_they_are(x, counts):
    layer = adapted(x, counts=counts)

    z = np.array(layer(x))

    np.testing.assert_array_equal(z[:, 2], x[:, 4])
    np.testing.assert_allclose(layer.inverse(z), x, rtol=1e-4)
    assert np.array(layer.inverse(z + 0.3))[0, 4] == x[0, 4]


@pytest.mark.parametrize(
    ("options", "widths"),
    [({}, [3, 1, 5]), ({"counts": "poisson"}, [2, 1, 1, 5])],
)
def test_likelihood_is_of_what_comes_out(x, options, widths):
    pytest.importorskip("keras_dgm.likelihoods")
    layer = adapted(x, **options)

    likelihood = layer.likelihood()

    assert list(likelihood.widths) == widths
    assert likelihood.params_size(layer.width) > layer.width
    assert np.all(likelihood.accepts(np.array(layer(x))))


@pytest.mark.parametrize("subset", [COLUMNS, (COLUMNS[0],), (COLUMNS[1],), (COLUMNS[2],)])
def test_saves_and_loads_exactly(x, subset, tmp_path):
    raw = x[:, [COLUMNS.index(column) for column in subset]]
    layer = adapted(raw, subset)

    loaded = saved.reloaded(layer, len(subset), tmp_path)

    np.testing.assert_array_equal(loaded(raw), layer(raw))
    np.testing.assert_array_equal(loaded.inverse(layer(raw)), layer.inverse(layer(raw)))
    assert loaded.columns == subset
    assert loaded.get_config() == layer.get_config()
    assert layer.trainable_variables == []


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiles(x, jit_compile):
    layer = adapted(x)
    holes = with_holes(x)
    z = layer(holes)

    for function, given_rows in ((layer, holes), (layer.inverse, z)):
        compiled = tf.function(function, jit_compile=jit_compile)
        np.testing.assert_allclose(compiled(given_rows), function(given_rows), rtol=1e-4)


def test_is_built_in_operations_of_litert(x):
    layer = adapted(x)
    rows = with_holes(x[:8])
    z = np.array(layer(rows))

    encoded = saved.in_litert(layer, len(COLUMNS), rows)
    np.testing.assert_allclose(encoded, z, rtol=1e-4, atol=1e-5)
    raw = saved.in_litert(layer.inverse, layer.width, z)
    np.testing.assert_allclose(raw, layer.inverse(z), rtol=1e-4, atol=1e-4)


def test_density_of_x_is_that_of_the_standardised_columns(x):
    scaled = Standardize()
    scaled.adapt(x[:, [1, 4]])
    ranks = Standardize("ranks")
    ranks.adapt(x[:, [3]])

    expected = scaled.log_abs_det_jacobian(x[:, [1, 4]]) + ranks.log_abs_det_jacobian(x[:, [3]])

    np.testing.assert_allclose(adapted(x).log_abs_det_jacobian(x), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "target"),
    [("adult-train", -1), ("auto_imports", 14), ("breast-cancer", -1), ("horse-colic", 22)],
)
@pytest.mark.filterwarnings("ignore::keras_dgm.data.TableWarning")
def test_real_tables(csv_dir, name, target):
    from keras_dgm.data import load

    data = load(csv_dir / f"{name}.csv", target=target)
    layer = adapted(data.x_train, data.columns)

    z = np.array(layer(data.x_test))
    back = np.array(layer.inverse(z))

    assert np.nanmax(np.abs(z)) < 20
    assert np.isnan(z).any() == np.isnan(data.x_test).any()
    np.testing.assert_allclose(back, data.x_test, rtol=1e-3, atol=1e-3)


def test_a_frame_from_end_to_end():
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"size": rng.normal(size=60), "colour": list("rgb") * 20, "class": ["a", "b"] * 30}
    )
    data = from_frame(frame, target="class")

    assert adapted(data.x_train, data.columns)(data.x_test).shape == (12, 4)


def test_shapes(x):
    layer = adapted(x)

    assert layer.compute_output_shape((None, 6)) == (None, 9)
    assert layer(keras.Input([6])).shape == (None, 9)
    assert layer.inverse(np.zeros([2, 4, 9])).shape == (2, 4, 6)


def test_use_before_adapt(x):
    layer = TableEncoder(COLUMNS, name="own")
    for use in (layer, layer.log_abs_det_jacobian):
        with pytest.raises(ValueError, match="`adapt` the TableEncoder layer 'own' to data"):
            use(x)
    with pytest.raises(ValueError, match="`adapt` the TableEncoder layer 'own' to data"):
        layer.inverse(np.zeros([2, 9]))


def changed(x, column, value):
    return np.where(np.arange(6) == column, np.float32(value), x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: changed(x, 0, 3), "codes from 0 to 2 in column 'colour', got 3.0"),
        (lambda x: changed(x, 2, 0.5), "codes from 0 to 1 in column 'married', got 0.5"),
        (lambda x: changed(x, 4, -1), "whole numbers of at least 0 in column 'children', got -1.0"),
        (lambda x: changed(x, 1, np.inf), "must be finite"),
        (
            lambda x: changed(x, 1, np.nan),
            "an observed entry in every column, got none in column 1",
        ),
        (lambda x: x[:, :5], "must have 6 features an example, got 5"),
    ],
)
def test_bad_data(x, change, message):
    with pytest.raises(ValueError, match=f"`x` .*{message}"):
        TableEncoder(COLUMNS).adapt(change(x))


@pytest.mark.parametrize("columns", [(), ["colour"], [None]])
def test_bad_columns(columns):
    with pytest.raises(ValueError, match=r"`columns` must be one or more keras_dgm\.data\.Column"):
        TableEncoder(columns)


def test_bad_counts():
    with pytest.raises(ValueError, match="`counts` must be one of real, poisson, negative_bin"):
        TableEncoder(COLUMNS, counts="gamma")
