"""What a user adds, a likelihood or a model, is trained, saved and exported as what is here."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_dgm as dgm
from export import bundle, cli, litert, servable, source, verify
from export.runners import LiteRT, VerificationError
from keras_dgm.likelihoods.base import Likelihood, independent
from keras_dgm.serving import Endpoint

N, D, K = 60, 6, 3


@pytest.fixture(autouse=True)
def two_precisions(monkeypatch):
    """Of LiteRT files; test_litert.py has all of them."""
    monkeypatch.setattr(litert, "FORMATS", ("float32", "int8"))


@keras.saving.register_keras_serializable(package="tests.export")
class Laplace(Likelihood):
    """Laplace over positive x, whose networks see log x; the decoder puts out means and scales."""

    rule = "be positive"

    def __init__(self, least=0.05):
        self.least = least

    def params_size(self, width):
        return 2 * width

    def mean(self, params):
        return tf.nn.softplus(params)

    def __call__(self, params, observed=None):
        location, scale = tf.split(params, 2, axis=-1)
        scale = self.least + tf.nn.softplus(scale)
        return independent(tfp.distributions.Laplace(tf.nn.softplus(location), scale), observed)

    def accepts(self, x):
        return (x > 0) & (x < float("inf"))

    def inputs(self, x):
        return tf.math.log(x)

    def get_config(self):
        return {"least": self.least}


@keras.saving.register_keras_serializable(package="tests.export")
class Doubting(dgm.M2):
    """An M2 that also answers how unsure it is of the class."""

    title = "doubting M2"

    def doubt(self, x):
        """1 - max_y q(y|x), [N, 1], of an array x [N, D]."""
        return 1 - self.predict(x, verbose=0).max(axis=1, keepdims=True)

    def endpoints(self, softplus=None):
        deployed = self.deployed(softplus)

        def doubt(x):
            return {"doubt": 1 - tf.reduce_max(deployed.probabilities(x), axis=1, keepdims=True)}

        own = Endpoint(doubt, (self.features_input(),), lambda x: {"doubt": self.doubt(x)})
        return {**super().endpoints(softplus), "doubt": own}


def examples():
    """Positive x [N, D] of K classes, and y [N], 15 labels of them known."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % K
    x = np.exp(rng.normal(size=[K, D])[y] + rng.normal(0, 0.1, [N, D]))
    return x.astype(np.float32), np.where(np.arange(N) < 15, y, -1).astype(np.int32)


def fitted(model, *data, epochs=20):
    """The model, and the bound after each epoch."""
    model.compile(keras.optimizers.Adam(0.01))
    return model, model.fit(*data, epochs=epochs, batch_size=20, verbose=0).history["elbo"]


def m1(x, y):
    return fitted(dgm.M1(2, (8,), likelihood=Laplace(0.1), seed=0), x)


def m2(x, y):
    return fitted(dgm.M2(K, 2, (8,), likelihood=Laplace(0.1), seed=0), x, y)


def exported(file, output):
    """The bundle of a file, a report of it, and the folder of the SavedModel."""
    made = bundle.write(source.load(file, name="own"), output)
    return made, output / "servable" / "own" / "1"


@pytest.mark.parametrize("make", [m1, pytest.param(m2, marks=pytest.mark.slow)])
def test_a_likelihood_of_one_s_own_is_trained_saved_and_exported(make, tmp_path):
    keras.utils.set_random_seed(0)
    x, y = examples()
    model, bounds = make(x, y)
    assert bounds[-1] > bounds[0] + 1

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    of_x = next(iter(loaded.latents().values()))
    assert repr(of_x.likelihood) == "Laplace(least=0.1)"
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    np.testing.assert_array_equal(loaded.embed(x), model.embed(x))

    made, _ = exported(tmp_path / "model.keras", tmp_path / "out")
    assert made["model"] == model.title
    assert max(made["largest_difference_to_keras"].values()) <= 1e-4
    assert verify.bundle(tmp_path / "out") <= 1e-4


def test_data_that_breaks_the_rule_of_a_likelihood_is_refused():
    x, y = examples()
    with pytest.raises(ValueError, match=r"`x` must be positive .* got 0.0 at index \(0, 0\)"):
        m1(np.where(x == x[0, 0], 0, x), y)


@pytest.mark.slow
def test_counts_are_exported_with_their_data(tmp_path):
    """What a model of counts generates, means, are none: without data there is no example."""
    counts, y = np.random.default_rng(0).poisson(3, [N, D]).astype(np.float32), examples()[1]
    model, _ = fitted(dgm.M2(K, 2, (8,), likelihood="poisson", seed=0), counts, y, epochs=2)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "counts.npz", x=counts, y=y)
    loaded = source.load(tmp_path / "model.keras", dataset=tmp_path / "counts.npz")

    with pytest.raises(ValueError, match=r"`dataset` must be given with .* be counts: 0, 1, 2"):
        bundle.write(dataclasses.replace(loaded, data=None), tmp_path / "out")
    made = bundle.write(loaded, tmp_path / "out")
    assert max(made["largest_difference_to_keras"].values()) <= 1e-4


@pytest.fixture(scope="module")
def doubting(tmp_path_factory):
    """The file of a model with an endpoint of its own."""
    keras.utils.set_random_seed(0)
    x, y = examples()
    model, _ = fitted(Doubting(K, 2, (8,), likelihood="gaussian", seed=0), x, y, epochs=5)
    file = tmp_path_factory.mktemp("doubting") / "model.keras"
    model.save(file)
    return file


@pytest.mark.slow
def test_an_endpoint_of_one_s_own_is_served(doubting, tmp_path):
    made, folder = exported(doubting, tmp_path / "out")
    x = examples()[0]
    expected = keras.models.load_model(doubting).doubt(x)

    assert made["model"] == "doubting M2"
    assert set(servable.signatures(folder)["doubt"][0].outputs) == {"doubt", "valid"}
    answer = tf.saved_model.load(str(folder)).signatures["doubt"](images=tf.constant(x))
    np.testing.assert_allclose(answer["doubt"], expected, atol=1e-5)
    file = LiteRT(tmp_path / "out" / "litert" / "model_float32.tflite")
    np.testing.assert_allclose(file.run("doubt", images=x)["doubt"], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ["SavedModel", "model_float32.tflite"])
def test_an_endpoint_of_one_s_own_is_verified(artifact, doubting, tmp_path, monkeypatch):
    monkeypatch.setattr(Doubting, "doubt", lambda self, x: np.full([len(x), 1], 0.9, np.float32))
    if artifact != "SavedModel":
        monkeypatch.setattr(verify, "saved_model", lambda *_: 0.0)

    with pytest.raises(VerificationError, match=f"{artifact}.* doubt, doubt: must differ"):
        bundle.write(source.load(doubting, name="own"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_without_endpoints_is_refused_in_one_line(tmp_path, capsys):
    model = dgm.ConditionalM1([0, 1], 2, (4,))
    model.build((None, D))
    model.save(tmp_path / "model.keras")
    arguments = ["bundle", str(tmp_path / "model.keras"), "--output", str(tmp_path / "out")]

    assert cli.main(arguments) == 1

    message = "error: ConditionalM1 has no endpoints, and cannot be exported; use `save`\n"
    assert capsys.readouterr().err == message
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
