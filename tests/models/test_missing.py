"""Missing entries: NaN is left out of the bound where a model is told so, and refused elsewhere."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K, N, Z

import keras_dgm as dgm
from keras_dgm import evaluation, likelihoods

NETWORKS = ("classifier", "encoder", "decoder", "auxiliary_encoder", "auxiliary_decoder")
GONE = [1, 4]
LEFT = [0, 2, 3, 5]


def with_holes(fraction=0.3):
    """`examples`, some entries of which are missing; none of row 0, all of row 1."""
    x, y = builders.examples()
    holes = np.random.default_rng(0).uniform(size=x.shape) < fraction
    holes[:2] = [[False], [True]]
    x[holes] = np.nan
    return x, y


def without_columns(make, likelihood):
    """A model of D columns with missing entries, and the same model of the columns `LEFT` alone.

    Its networks lack the weights that the missing columns are multiplied with.
    """
    options = {"likelihood": likelihood, "dtype": "float64"}
    whole = make(missing=True, **options)
    part = make(seed=1, missing=True, width=len(LEFT), **options)
    inputs = [*LEFT, *(D + np.array(LEFT))]
    size = likelihoods.get(likelihood).params_size(1)
    outputs = np.concatenate([np.array(LEFT) + D * i for i in range(size)])
    for name in NETWORKS:
        if not hasattr(whole, name):
            continue
        pairs = zip(getattr(part, name).weights, getattr(whole, name).weights, strict=True)
        for ours, theirs in pairs:
            value = theirs.numpy()
            if ours.shape != value.shape:
                axis = int(np.flatnonzero(np.not_equal(ours.shape, value.shape))[0])
                others = range(2 * D, value.shape[axis])  # What is seen beside x: a or z.
                kept = outputs if name == "decoder" else [*inputs, *others]
                value = np.take(value, kept, axis=axis)
            ours.assign(value)
    return whole, part


def sampled_adgm(**options):
    return builders.adgm(num_samples=2, **options)


def sampled_sdgm(**options):
    """With a sampled sum over the classes, too."""
    return builders.sdgm(num_samples=3, class_sum=1, **options)


MAKE = pytest.mark.parametrize("make", [builders.m1, builders.m2, sampled_adgm, sampled_sdgm])


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", likelihoods.Gaussian(0.3)])
@MAKE
def test_the_bound_of_a_row_is_that_of_a_model_without_its_missing_columns(make, likelihood):
    """Value and gradient, in float64."""
    whole, part = without_columns(make, likelihood)
    x = builders.examples("float64")[0]
    x[:, GONE] = np.nan
    y = tf.constant(builders.examples()[1])
    noise = whole.sample_noise(N)

    with tf.GradientTape(persistent=True) as tape:
        outputs = [
            model.objective(tf.constant(data), y, noise, True)
            for model, data in ((whole, x), (part, x[:, LEFT]))
        ]
        losses = [tf.reduce_mean(output.loss) for output in outputs]

    for found, expected in zip(*(output.bound for output in outputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    norms = []
    for model, loss in zip((whole, part), losses, strict=True):
        gradients = [
            tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)
        ]
        assert all(np.isfinite(g).all() for g in gradients)
        norms.append([np.sum(np.square(g)) for g in gradients])
    np.testing.assert_allclose(norms[0], norms[1], rtol=1e-9)  # The missing ones add exactly 0.


@MAKE
def test_log_p_of_x_is_that_of_the_entries_that_are_there(make):
    whole, part = without_columns(make, "gaussian")
    x = builders.examples()[0]
    x[:, GONE] = np.nan
    options = {"num_samples": 20, "jit_compile": False, "verbose": 0}

    found = evaluation.log_likelihood(whole, x, **options)

    expected = evaluation.log_likelihood(part, x[:, LEFT], **options)
    np.testing.assert_allclose(found.log_p, expected.log_p, rtol=1e-10)


@MAKE
def test_a_row_without_an_entry_costs_nothing_but_its_latents(make):
    model = make(missing=True)
    x = tf.fill([2, D], np.float32(np.nan))

    bound = model.objective(x, tf.constant([0, -1]), model.sample_noise(2), True).bound

    assert np.all(bound.reconstruction == 0) and np.isfinite(bound.kl).all()


def m1_below(**options):
    return builders.stacked(m1_options=options)


@pytest.mark.parametrize(
    ("likelihood", "dataset"),
    [("bernoulli", False), pytest.param("gaussian", True, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("make", [builders.m1, builders.m2, m1_below, sampled_sdgm])
def test_models_train_on_what_is_there(make, likelihood, dataset, tmp_path):
    x, y = with_holes()
    mode = "core" if dataset else "eager"
    model = builders.compiled(make(missing=True, likelihood=likelihood), mode=mode)
    data = (x, y) if model.num_classes else (x,)
    fed = (tf.data.Dataset.from_tensor_slices(data).batch(10),) if dataset else data

    history = model.fit(*fed, epochs=2, validation_data=fed[0] if dataset else data, verbose=0)

    assert all(np.isfinite(values).all() for values in history.history.values())
    for found in (model.predict(x, verbose=0), model.embed(x), model(x)):
        assert len(found) == N and np.isfinite(found).all()
    if model.num_classes:
        assert np.isfinite(model.analogies(x)).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("make", [builders.m1, builders.m2, builders.stacked])
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "embed"])
def test_elsewhere_a_missing_entry_is_refused(make, method):
    x, y = with_holes()
    model = make()
    data = (x, y) if method in ("fit", "evaluate") and model.num_classes else (x,)
    quiet = {} if method == "embed" else {"verbose": 0}

    with pytest.raises(ValueError, match=r"`x` must be finite in float32, got nan at index \(1, 0"):
        getattr(model, method)(*data, **quiet)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1.5])
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "embed"])
def test_what_is_there_must_keep_the_rules(value, method):
    x, _ = with_holes()
    x[0, 2] = value
    quiet = {} if method == "embed" else {"verbose": 0}

    with pytest.raises(ValueError, match=rf"`x` must .* got {value} at index \(0, 2\)"):
        getattr(builders.m1(missing=True), method)(x, **quiet)


def test_a_conditional_model_has_its_own_way():
    with pytest.raises(TypeError, match="missing"):
        dgm.ConditionalM1([0], missing=True)


def test_networks_see_zeros_and_a_mask():
    model = builders.m2(missing=True)
    x = tf.constant([[0.5, np.nan, 1.0, 0.0, np.nan, 0.25]])

    expected = [[0.5, 0, 1, 0, 0, 0.25, 1, 0, 1, 1, 0, 1]]
    np.testing.assert_array_equal(model.view.inputs(x), expected)
    assert model.encoder.from_x.kernel.shape[0] == 2 * D
    assert model.qz_xy(x, tf.range(K)[None]).mean().shape == (1, K, Z)
