"""Wake-sleep, Monte-Carlo EM, the marginal likelihood, and the curves of the comparison."""

import json
import types

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import D, Z
from scipy import special, stats

import keras_dgm as dgm
from keras_dgm import likelihoods
from train.cli import main
from train.experiments.aevb import compare, figures, marginal, monte_carlo_em, training
from train.experiments.aevb.monte_carlo_em import MonteCarloEM
from train.experiments.aevb.wake_sleep import WakeSleep


def wake_sleep(**options):
    model = WakeSleep(Z, (4,), **options)
    model.build((None, D))
    return model


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_each_phase_trains_its_network(likelihood):
    """The decoder climbs log p(x|z) at z ~ q(z|x), the encoder log q(z|x) at dreams."""
    model, x = wake_sleep(likelihood=likelihood), tf.constant(builders.examples()[0])
    wake_noise, z, x_seed = model.sample_noise(len(x))

    with tf.GradientTape() as tape:
        loss = model.objective(x, None, (wake_noise, z, x_seed), training=True).loss
    found = tape.gradient(loss, model.trainable_variables)

    qz_x = model.qz_x(x)
    awake_z = qz_x.mean() + qz_x.stddev() * wake_noise
    dreamt_x = model.px_z(z).sample(seed=x_seed)
    with tf.GradientTape(persistent=True) as tape:
        wake = -model.px_z(awake_z.numpy()).log_prob(x)
        sleep = -model.qz_x(dreamt_x.numpy()).log_prob(z)
    np.testing.assert_allclose(loss, wake + sleep, rtol=1e-5)
    decoder = tape.gradient(wake, model.decoder.trainable_variables)
    encoder = tape.gradient(sleep, model.encoder.trainable_variables)
    for gradient, expected in zip(found, [*encoder, *decoder], strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_wake_sleep_reports_the_bound_of_aevb():
    model, x = wake_sleep(), tf.constant(builders.examples()[0])
    noise = model.sample_noise(len(x))

    bound = model.objective(x, None, noise, training=False).bound

    np.testing.assert_allclose(bound.elbo, model.elbo(x, noise[0]).elbo, rtol=1e-6)


def test_dreams_leave_the_true_posterior_alone():
    """E[d log q(z|x)] = 0 under the model where q(z|x) = p(z|x); within 5 standard errors."""
    linear = builders.LinearGaussian()
    model = wake_sleep(
        likelihood=likelihoods.Gaussian(linear.scale),
        encoder=linear.model.encoder,
        decoder=linear.model.decoder,
        dtype="float64",
    )
    z, x_seed = model.sample_noise(20_000)[1:]
    dreams = model.px_z(z).sample(seed=x_seed)
    qz_x = model.qz_x(dreams)
    score = (z - qz_x.mean()) / qz_x.stddev()

    errors = len(z) ** -0.5 * np.array([1, 2**0.5])  # of the mean and the variance of N(0, 1)
    assert np.all(np.abs(np.mean(score, axis=0)) < 5 * errors[0])
    assert np.all(np.abs(np.var(score, axis=0) - 1) < 5 * errors[1])
    assert np.abs(np.corrcoef(np.transpose(score))[0, 1]) < 5 * errors[0]


def test_chains_reach_the_posterior(monkeypatch):
    """Mean and variance of p(z|x) of a linear Gaussian model, within 5 standard errors."""
    monkeypatch.setattr(monte_carlo_em, "UPDATES", 0)
    linear, copies = builders.LinearGaussian(), 1000
    x = np.repeat(linear.x[:2], copies, axis=0)
    em = MonteCarloEM(linear.model, x, linear.model.optimizer, seed=0)

    accepted = [em.step(tf.range(len(x)), tf.constant(step)).numpy() for step in range(40)]

    posterior = linear.model.posterior(linear.x[:2])
    z = em.z.numpy().reshape(2, copies, Z)
    score = (z - posterior.mean().numpy()[:, None]) / posterior.stddev().numpy()[:, None]
    assert np.all(np.abs(score.mean(axis=1)) < 5 * copies**-0.5)
    assert np.all(np.abs(score.var(axis=1) - 1) < 5 * (2 / copies) ** 0.5)
    assert 0.8 < np.mean(accepted[-10:]) < 0.97


class SharpModel:
    """A Bernoulli M1 of 3-d z whose p(z|x) has standard deviations of 0.02 to 0.04.

    A pixel tells whether a coordinate of z, in axes of their own, is above a threshold. So p(x) is
    a product of three one-dimensional integrals.
    """

    steepness = np.array([60, 40, 20])
    thresholds = np.linspace(-3, 3, 200)

    def __init__(self, num_examples=50):
        rng = np.random.default_rng(0)
        axes, _ = np.linalg.qr(rng.normal(size=[3, 3]))
        decoder = keras.Sequential([keras.layers.Dense(3 * len(self.thresholds))])
        self.model = builders.m1(width=3 * len(self.thresholds), latent_dim=3, decoder=decoder)
        kernel = np.repeat(axes * self.steepness, len(self.thresholds), axis=1)
        decoder.set_weights([kernel, -np.outer(self.steepness, self.thresholds).ravel()])
        probs = self.model.decode(rng.normal(size=[num_examples, 3])).numpy()
        self.x = (rng.random(probs.shape) < probs).astype(np.float32)

    def log_p(self):
        """By the trapezoidal rule, in float64, at a twentieth of the standard deviation."""
        z = np.linspace(-6, 6, 12_001)
        total = np.zeros(len(self.x))
        for x, steepness in zip(np.split(self.x, 3, axis=1), self.steepness, strict=True):
            logits = steepness * (z[:, None] - self.thresholds)
            log_px_z = x @ logits.T - np.logaddexp(0, logits).sum(axis=1)  # [N, points]
            log_pxz = log_px_z + stats.norm.logpdf(z)
            total += special.logsumexp(log_pxz, axis=1) + np.log(z[1] - z[0])
        return total


def test_log_p_of_a_sharp_decoder_is_the_integral():
    """The mean within 5 standard errors, after the delta method's bias of -stderr^2 / 2."""
    sharp = SharpModel()

    log_p, stderr = marginal.LogMarginal(sharp.model)(sharp.x)

    bias = -0.5 * np.mean(stderr**2)
    error = np.mean(log_p - sharp.log_p())
    assert np.max(stderr) < 0.6
    assert abs(error - bias) < 5 * np.sqrt(np.sum(stderr**2)) / len(stderr)


@pytest.mark.parametrize(
    ("points", "per_step"), [(1000, 100), (12_345, 100), (10**7, 1600), (5, 9)]
)
def test_marks_end_at_the_budget(points, per_step):
    steps = training.marks(points, per_step)

    assert steps == sorted(set(steps)) and 1 <= len(steps) <= training.MARKS
    assert 0 <= steps[-1] * per_step - points < per_step


def made_up(curve, data_dir):
    x = np.round(builders.examples()[0])
    return x[: curve.train_size], x


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "observations", made_up)
    monkeypatch.setattr(training, "MARKS", 5)
    monkeypatch.setattr(marginal, "POINTS", 2**8)
    monkeypatch.setattr(marginal, "ROUNDS", 1)
    return ["aevb", "--output", str(tmp_path), "--bound-points", "0", "--train-sizes", "20"]


@pytest.mark.slow
def test_curves_are_computed_once(arguments, tmp_path, capsys, monkeypatch):
    assert main([*arguments, "--likelihood-points", "4000"]) == 0

    names = [f"likelihood-mnist-{method}-3-20.json" for method in ("aevb", "wake-sleep", "mcem")]
    for name in names:
        curve = json.loads((tmp_path / name).read_text())
        assert curve["points"] == 4000 and curve["train_size"] == 20
        assert len(curve["at"]) == len(curve["seconds"]) <= training.MARKS
        assert np.all(np.diff(curve["at"]) > 0) and curve["at"][-1] >= 4000
        assert np.all(np.diff(curve["seconds"]) > 0)
        assert curve["train"][-1] > curve["train"][0]
        assert np.all(np.isfinite(curve["test"]))
        assert len(curve["test_stderr"]) == len(curve["test"])
        assert 0 < np.min(curve["train_stderr"]) and np.max(curve["train_stderr"]) < 0.1
    assert (tmp_path / "likelihood.svg").is_file()
    assert "likelihood.svg" in capsys.readouterr().out

    asked = []
    monkeypatch.setattr(
        training, "compute", lambda curve, points, _: asked.append(curve.method) or {}
    )
    monkeypatch.setattr(figures, "draw", lambda folder: [])
    assert main([*arguments, "--likelihood-points", "3000"]) == 0
    assert asked == []
    (tmp_path / names[1]).unlink()
    assert main([*arguments, "--likelihood-points", "4000"]) == 0
    assert asked == ["wake-sleep"]
    assert main([*arguments, "--likelihood-points", "4000", "--seed", "1"]) == 1
    assert "`output` must be a folder of curves of the same settings" in capsys.readouterr().err


@pytest.mark.slow
def test_the_bound_of_real_data(arguments):
    """Wake-sleep with a Gaussian likelihood."""
    curve = training.Curve("bound", "frey_face", "wake-sleep", 2, 5, None, 0.02, 0)

    found = training.compute(curve, 6000)

    assert found["train"][-1] > found["train"][0] + 1
    assert found["at"][-1] >= 6000


WRONG = {
    "negative points": (["--bound-points", "-1"], "`bound_points` must"),
    "no latent dimension": (["--latent-dims", "0"], "`latent_dims` must"),
    "no training points": (["--train-sizes", "0"], "`train_sizes` must"),
    "a rate of nothing": (["--learning-rate", "0"], "`learning_rate` must"),
}


@pytest.mark.parametrize("flags, message", WRONG.values(), ids=WRONG)
def test_wrong_flags(flags, message, tmp_path, capsys):
    assert main(["aevb", "--output", str(tmp_path / "curves"), *flags]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "curves").exists()


@pytest.fixture
def computed(monkeypatch):
    """The curves that are computed, of nothing."""
    asked = []
    monkeypatch.setattr(training, "compute", lambda curve, *_: asked.append(curve) or {})
    return asked


@pytest.mark.slow
def test_more_training_points_than_there_are(mnist_dir, tmp_path, capsys, computed):
    sizes = ["--train-sizes", "20", "60000", "--data-dir", str(mnist_dir)]
    assert main(["aevb", "--output", str(tmp_path), "--bound-points", "0", *sizes]) == 1
    assert "`train_sizes` must be at most 50000 for mnist, got 60000" in capsys.readouterr().err
    assert computed == []


def test_absent_data_is_found_before_the_curves_of_other_data(
    tmp_path, capsys, computed, monkeypatch
):
    load = dgm.data.load
    present = builders.examples()[0]
    monkeypatch.setattr(
        dgm.data,
        "load",
        lambda name, **options: (
            types.SimpleNamespace(x_train=present, x_test=present)
            if name == "mnist"
            else load(name, **options)
        ),
    )
    output = tmp_path / "curves"
    arguments = ["aevb", "--output", str(output), "--likelihood-points", "0"]
    assert main([*arguments, "--data-dir", str(tmp_path)]) == 1
    assert "frey_rawface.mat" in capsys.readouterr().err
    assert computed == [] and not output.exists()


def test_every_panel_of_the_paper_is_asked_for():
    asked = [curve for curve, _ in compare.curves(compare.AevbConfig())]

    assert len({curve.file for curve in asked}) == len(asked) == 2 * (5 + 4) + 2 * 3
