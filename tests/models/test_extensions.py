"""What a user adds works everywhere with no change elsewhere: a likelihood, a model's endpoint."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, K, N, Z
from scipy import stats

import keras_dgm as dgm
from keras_dgm import evaluation, likelihoods
from keras_dgm.distributions import full_precision, tfd
from keras_dgm.likelihoods.base import Likelihood, independent
from keras_dgm.serving import Endpoint


@keras.saving.register_keras_serializable(package="tests")
class Laplace(Likelihood):
    """x' = x + scale * noise of heavy tails."""

    def __init__(self, scale=0.5):
        self.scale = scale

    def mean(self, params):
        return params

    def __call__(self, params, observed=None):
        return independent(tfd.Laplace(full_precision(params), self.scale), observed)

    def get_config(self):
        return {"scale": self.scale}


@keras.saving.register_keras_serializable(package="tests")
class Scoring(dgm.M2):
    """An M2 that also says how unsure it is."""

    title = "M2 with scores"

    def entropy(self, x):
        return self.qy_x(self.observe(x).location).entropy().numpy()

    def endpoints(self, softplus=None):
        deployed = self.deployed(softplus)

        def entropy(x):
            probs = deployed.probabilities(x)
            return {"entropy": -tf.reduce_sum(tf.math.xlogy(probs, probs), axis=-1)}

        own = Endpoint(entropy, (self.features_input(),), lambda x: {"entropy": self.entropy(x)})
        return {**super().endpoints(softplus), "entropy": own}


def trained(make):
    model = builders.compiled(make(), "adam", "core")
    x, y = builders.examples()
    model.fit(x, *([y] if model.num_classes else []), epochs=2, batch_size=10, verbose=0)
    return model


def scoring():
    keras.utils.set_random_seed(0)
    model = Scoring(K, Z, (4,), seed=0)
    model.build((None, D))
    return model


MODELS = {
    "M1": lambda: builders.m1(likelihood=Laplace(0.3)),
    "M1 of some columns": lambda: builders.m1(
        likelihood=likelihoods.Columns([(Laplace(0.3), 4), (likelihoods.Bernoulli(), 2)])
    ),
    "M2": lambda: builders.m2(likelihood=Laplace(0.3)),
    "M1+M2": lambda: builders.stacked(m1_options={"likelihood": Laplace(0.3)}),
    "a model with an endpoint": scoring,
}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    """A trained model, and what it is."""
    return request.param, trained(MODELS[request.param])


def test_it_is_saved_and_loaded(case, tmp_path):
    _, model = case
    x, _ = builders.examples()
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    assert type(loaded) is type(model)
    lowest = [next(iter(m.latents().values())) for m in (loaded, model)]
    assert repr(lowest[0].likelihood) == repr(lowest[1].likelihood)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_it_is_served(case, tmp_path):
    """Each endpoint of the SavedModel answers as its reference, the own one too."""
    name, model = case
    x, _ = builders.examples()
    model.export(tmp_path / "served")

    served = tf.saved_model.load(str(tmp_path / "served")).signatures

    endpoints = model.endpoints()
    assert set(endpoints) <= set(served)
    assert ("entropy" in served) == (name == "a model with an endpoint")
    for endpoint_name, endpoint in endpoints.items():
        if endpoint_name == "classify":  # Of the Classify API; it is `serving_default` too.
            endpoint_name = "serving_default"
        arrays = [each.examples(x) for each in endpoint.inputs]
        named = {each.name: tf.constant(a) for each, a in zip(endpoint.inputs, arrays, strict=True)}
        answer = served[endpoint_name](**named)
        for output, expected in endpoint.reference(*arrays).items():
            np.testing.assert_allclose(answer[output], expected, rtol=1e-4, atol=1e-5)
        for each in endpoint.inputs:
            for wrong in each.broken(x):
                sent = {**named, each.name: tf.constant(wrong)}
                assert not np.any(served[endpoint_name](**sent)["valid"])


def test_it_is_evaluated(case):
    _, model = case
    x, _ = builders.examples()

    found = evaluation.log_likelihood(model, x, num_samples=5, jit_compile=False, verbose=0)

    assert np.isfinite(found.log_p).all() and len(found.log_p) == N


def test_its_density_enters_the_bound():
    x = builders.examples("float64")[0]
    model = builders.m1(likelihood=Laplace(0.3), dtype="float64")
    noise = model.sample_noise(N)

    bound = model.objective(tf.constant(x), None, noise, True).bound

    qz_x = model.qz_x(tf.constant(x))
    location = model.decoder(qz_x.mean() + qz_x.stddev() * noise).numpy()
    expected = stats.laplace.logpdf(x, location, 0.3).sum(axis=-1)
    np.testing.assert_allclose(bound.reconstruction, expected, rtol=1e-6)


def test_its_endpoint_knows_the_entropy():
    model = scoring()
    x, _ = builders.examples()

    probs = model.predict(x, verbose=0)

    found = model.endpoints()["entropy"].function(tf.constant(x))["entropy"]
    np.testing.assert_allclose(found, stats.entropy(probs, axis=-1), rtol=1e-5)
