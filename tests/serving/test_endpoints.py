"""The endpoints compute, on folded copies of the networks, what the models' own methods do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm import likelihoods
from keras_dgm.preprocessing import PCA
from keras_dgm.serving import fast_softplus, finite_softplus, folding, inputs
from keras_dgm.training.facts import DataFacts

D, K, Z = 12, 3, 2
RNG = np.random.default_rng(0)
X = RNG.random((40, D)).astype(np.float32)


def randomize(model):
    """Large weights, so that no difference hides behind a constant output."""
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape, scale=0.5))
    return model


def m1(latent_dim=5, **kwargs):
    model = dgm.M1(latent_dim, (7, 8), **kwargs)
    model.build((None, D))
    return randomize(model)


def m2(**kwargs):
    model = dgm.M2(K, Z, (9, 7), **kwargs)
    model.build((None, D))
    return randomize(model)


def auxiliary(kind, **kwargs):
    model = kind(K, Z, (9, 7), auxiliary_dim=4, **kwargs)
    model.build((None, D))
    return randomize(model)


def stack(first, active_dims=(0, 3, 4), **kwargs):
    model = dgm.StackedM1M2(first, K, Z, (9,), active_dims=active_dims, **kwargs)
    model.build((None, D))
    return randomize(model)


def pca(num_components=4, whiten=True):
    layer = PCA(num_components, whiten=whiten)
    layer.adapt(X)
    return layer


def columns():
    """A likelihood over data in [0, 1] whose decoder puts out more than means."""
    return likelihoods.Columns(
        [
            (likelihoods.Gaussian(), 5),
            (likelihoods.Bernoulli(), 4),
            (likelihoods.BoundedGaussian(), 3),
        ]
    )


def m2_of_labels(label_counts):
    model = m2()
    model.take_facts(DataFacts(50, tuple(label_counts)))
    return model


def own_network(*widths, of, name="own"):
    """A functional model with a skip connection, that cannot be taken apart."""
    given = [keras.Input((width,)) for width in of]
    x = keras.layers.Concatenate()(given) if len(given) > 1 else given[0]
    hidden = keras.layers.Dense(widths[0], "tanh")(x)
    hidden = keras.layers.Concatenate()([x, hidden])
    outputs = keras.layers.Dense(widths[1])(hidden)
    return keras.Model(given if len(given) > 1 else given[0], outputs, name=name)


MODELS = {
    "M1": lambda: m1(),
    "M1, gaussian": lambda: m1(likelihood="gaussian"),
    "M1, bounded gaussian": lambda: m1(likelihood="bounded_gaussian"),
    "M1, PCA": lambda: m1(likelihood="gaussian", preprocessor=pca()),
    "M1, own networks": lambda: m1(
        encoder=own_network(5, 10, of=[D]), decoder=own_network(5, D, of=[5])
    ),
    "M1, missing entries": lambda: m1(likelihood="gaussian", missing=True),
    "M1, columns": lambda: m1(likelihood=columns()),
    "M2": lambda: m2(),
    "M2, gaussian": lambda: m2(likelihood="gaussian"),
    "M2, bounded gaussian": lambda: m2(likelihood="bounded_gaussian"),
    "M2, PCA": lambda: m2(likelihood="gaussian", preprocessor=pca()),
    "M2, columns": lambda: m2(likelihood=columns()),
    "M2, missing entries": lambda: m2(missing=True),
    "M2, a class without labels": lambda: m2_of_labels([7, 0, 5]),
    "M2, no hidden layer after the first": lambda: randomized_m2((9,)),
    "M2, own networks": lambda: m2(
        classifier=own_network(5, K, of=[D]),
        encoder=own_network(5, 2 * Z, of=[D, K]),
        decoder=own_network(5, D, of=[Z, K]),
    ),
    "ADGM": lambda: auxiliary(dgm.ADGM),
    "ADGM, missing entries": lambda: auxiliary(dgm.ADGM, missing=True),
    "SDGM": lambda: auxiliary(dgm.SDGM),
    "SDGM, PCA": lambda: auxiliary(dgm.SDGM, likelihood="gaussian", preprocessor=pca()),
    "SDGM, softplus": lambda: auxiliary(dgm.SDGM, activation="softplus"),
    "M1+M2": lambda: stack(m1()),
    "M1+M2, all dimensions": lambda: stack(m1(), range(5)),
    "M1+M2, gaussian": lambda: stack(m1(likelihood=likelihoods.Gaussian(0.1))),
    "M1+M2, PCA": lambda: stack(m1(likelihood="gaussian", preprocessor=pca())),
    "M1+M2, PCA not whitened": lambda: stack(
        m1(likelihood="gaussian", preprocessor=pca(whiten=False))
    ),
    "M1+M2, own M1": lambda: stack(
        m1(encoder=own_network(5, 10, of=[D]), decoder=own_network(5, D, of=[5]))
    ),
    "M1+ADGM": lambda: stack(m1(), above="adgm", auxiliary_dim=4),
    "M1+SDGM": lambda: stack(m1(), above="sdgm", auxiliary_dim=4, activation="softplus"),
    "M1+M2, tanh": lambda: stack(m1(activation="tanh"), activation="relu"),
}


def randomized_m2(hidden_units):
    model = dgm.M2(K, Z, hidden_units)
    model.build((None, D))
    return randomize(model)


def close(found, expected, tolerance=1e-5):
    expected = np.asarray(expected)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(np.asarray(found), expected, atol=tolerance * scale)


def requests(endpoint, missing=False):
    """One array for each input of an endpoint, as those who verify it send."""
    x = X.copy()
    if missing:
        x[::3, ::4] = np.nan
    return [each.examples(x) for each in endpoint.inputs]


@pytest.mark.parametrize("name", MODELS)
def test_every_endpoint_answers_as_its_reference(name):
    model = MODELS[name]()
    model.score.rank_among(X)
    endpoints = model.endpoints(finite_softplus)
    of_all = {"embed", "generate", "sample", "score"}
    of_classes = {"classify", "analogies", "style", "restyle"}

    assert set(endpoints) == (of_all | of_classes if model.num_classes else of_all)
    for endpoint in endpoints.values():
        arrays = requests(endpoint, missing="missing" in name)
        answer = endpoint.guarded(*map(tf.constant, arrays))
        expected = endpoint.reference(*arrays)
        assert set(answer) == {*expected, "valid"} and np.all(answer["valid"])
        for output, values in expected.items():
            assert len(values) == len(X) and np.ptp(values) > 0, output
            # Percentiles rise steeply among few validation examples.
            close(answer[output], values, 5e-3 if output == "percentile" else 1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_reads_an_input_once(name):
    model = MODELS[name]()
    page = model.page(finite_softplus)
    if not model.num_classes:
        assert page == {}
        return
    (x,) = requests(page["read"], missing="missing" in name)
    answer = page["read"].function(tf.constant(x))
    close(answer["probabilities"], page["read"].reference(x)["probabilities"])
    top = np.argmax(answer["probabilities"], axis=1)
    close(np.asarray(answer["styles"])[np.arange(len(x)), top], model.styles(x))
    (z,) = requests(page["restyle"])
    close(
        page["restyle"].function(tf.constant(z))["images"], page["restyle"].reference(z)["images"]
    )

    learning = model.personalisation(finite_softplus)
    assert ("hidden" in answer) == bool(learning)
    if learning:
        weights = learning["get_weights"].function()
        logits = np.asarray(answer["hidden"]) @ weights["kernel"] + weights["bias"]
        close(tf.nn.softmax(logits), answer["probabilities"])


@pytest.mark.parametrize("name", ["M1", "M2, missing entries", "M1+M2"])
def test_a_row_that_breaks_a_rule_is_blank_and_its_neighbours_are_answered(name):
    bad = np.arange(len(X)) % 3 == 0
    tried = 0
    for endpoint in MODELS[name]().endpoints().values():
        arrays = requests(endpoint)
        expected = endpoint.reference(*arrays)
        for i, each in enumerate(endpoint.inputs):
            for wrong in each.broken(X):
                sent = [*arrays[:i], arrays[i].copy(), *arrays[i + 1 :]]
                sent[i][bad] = wrong[bad]
                answer = endpoint.guarded(*map(tf.constant, sent))
                np.testing.assert_array_equal(answer.pop("valid"), ~bad)
                for output, values in answer.items():
                    assert np.isnan(values[bad]).all()
                    close(values[~bad], expected[output][~bad])
                tried += 1
    assert tried >= 3


def test_a_row_whose_numbers_overflow_is_invalid():
    model = m2(likelihood="gaussian")
    x = X.copy()
    x[1] = 3e38

    answer = model.endpoints()["classify"].guarded(tf.constant(x))

    assert answer["valid"].numpy().tolist() == [i != 1 for i in range(len(X))]
    assert np.isnan(answer["probabilities"][1]).all()
    expected = model.predict(X[2:], verbose=0)
    np.testing.assert_allclose(answer["probabilities"][2:], expected, atol=1e-5)


def test_a_tensor_of_another_shape_is_refused():
    for endpoint in m2().endpoints().values():
        arrays = requests(endpoint)
        for i, each in enumerate(endpoint.inputs):
            for wrong in each.refused(X):
                sent = [*arrays[:i], wrong, *arrays[i + 1 :]]
                with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
                    endpoint.guarded(*map(tf.constant, sent))


@pytest.mark.parametrize("dtype", [tf.float16, tf.int32, tf.int64, tf.uint8, tf.string, tf.bool])
def test_a_blank_row_shows(dtype):
    full = tf.strings.as_string(X[:2]) if dtype == tf.string else tf.cast(X[:2] + 1, dtype)
    found = inputs.blank_rows(full, tf.constant([True, False])).numpy()

    assert (found[0] == full[0].numpy()).all()
    nothing = {tf.string: b"", tf.int32: -1, tf.int64: -1}.get(dtype, 0)
    assert np.isnan(found[1]).all() if dtype == tf.float16 else (found[1] == nothing).all()


def test_a_class_without_labels_is_never_the_answer():
    model = MODELS["M2, a class without labels"]()

    probs = model.endpoints()["classify"].function(tf.constant(X))["probabilities"].numpy()

    assert np.all(probs[:, 1] == 0) and np.all(probs[:, [0, 2]].max(axis=0) > 0)


def test_a_conditional_model_has_none():
    model = dgm.ConditionalM1([0, 1], Z, (4,))
    model.build((None, D))
    with pytest.raises(dgm.Unsupported, match="ConditionalM1 has no endpoints"):
        model.endpoints()


def test_collapsed_dimensions_cost_nothing():
    deployed = stack(m1(latent_dim=5), active_dims=[0, 3]).deployed()

    chains = (deployed.features, deployed.classifier, deployed._encoder, deployed._decoder)
    layers = [layer for chain in chains for layer in chain.layers]
    shapes = {tuple(w.shape) for layer in layers for w in layer.weights}
    assert (8, 2) in shapes  # the encoder's last layer: two means, not ten numbers
    assert (2, 8) in shapes  # the decoder's first one
    assert not {shape for shape in shapes if 5 in shape or 10 in shape}


def test_pca_is_one_affine_layer_or_part_of_the_next():
    few = folding.merge([*folding.stages_of_preprocessor(pca(4)), dense(4, 30)])
    many = folding.merge([*folding.stages_of_preprocessor(pca(10)), dense(10, 5)])

    assert [stage.kernel.shape for stage in few] == [(D, 4), (4, 30)]
    assert [stage.kernel.shape for stage in many] == [(D, 5)]


def dense(width, units):
    return folding.Affine(RNG.normal(size=(width, units)), RNG.normal(size=units), tf.nn.relu)


def test_merging_stops_at_a_nonlinearity():
    stages = [dense(9, 9), dense(9, 2)]

    assert folding.merge(stages) == stages


def test_a_merged_map_is_the_composition():
    first = folding.Affine(RNG.normal(size=(6, 6)), RNG.normal(size=6))
    second = dense(6, 2)
    x = RNG.normal(size=(4, 6)).astype(np.float32)
    (merged,) = folding.merge([first, second])

    expected = (x @ first.kernel + first.bias) @ second.kernel + second.bias
    np.testing.assert_allclose(x @ merged.kernel + merged.bias, expected, atol=1e-5)
    assert merged.activation is second.activation


@pytest.mark.parametrize("softplus", [fast_softplus, finite_softplus])
def test_softplus_is_exact_and_finite(softplus):
    x = np.concatenate([np.linspace(-30, 30, 999), [-1e30, -1e4, -200, 200, 1e4, 1e30]])
    x = x.astype(np.float32)
    found = softplus(tf.constant(x)).numpy()

    np.testing.assert_allclose(found, np.logaddexp(np.float64(x), 0), rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("make", [lambda: dgm.M1(2), lambda: dgm.M2(K)], ids=["M1", "M2"])
def test_a_model_that_is_not_built_is_refused(make):
    with pytest.raises(ValueError, match="`model` must be built"):
        make().endpoints()
