"""A bound that is not finite ends training at once, and the message says by what."""

import builders
import keras
import numpy as np
import pytest

from keras_dgm import likelihoods

RECONSTRUCTION = "the reconstruction"
CLASSIFICATION = r"the classification, -log q\(y\|x\)"


def huge_last_row():
    x, _ = builders.examples()
    x[-1, 0] = 1e30
    return x


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_the_step_the_term_and_the_range_of_the_batch(mode):
    model = builders.compiled(
        builders.m1(likelihood="gaussian"), mode=mode, steps_per_execution=1 + (mode == "graph")
    )
    message = rf"step 3, in epoch 1, by {RECONSTRUCTION}( and kl)?; .* lie in \[.*, 1e\+30\]"
    with pytest.raises(FloatingPointError, match=message):
        model.fit(huge_last_row(), batch_size=10, shuffle=False, epochs=2, verbose=0)


def test_with_gradient_accumulation_the_step_is_that_of_the_last_update():
    x = huge_last_row()
    for step, data in ((2, x), (1, x[::-1])):
        optimizer = keras.optimizers.SGD(1e-3, gradient_accumulation_steps=2)
        model = builders.compiled(builders.m1(likelihood="gaussian"), optimizer)
        message = f"step {step}, in epoch 1, by {RECONSTRUCTION}"
        with pytest.raises(FloatingPointError, match=message):
            model.fit(data, batch_size=10, shuffle=False, verbose=0)


def set_bias(network, value):
    network.layers[-1].bias.assign(np.resize(np.float32(value), network.layers[-1].bias.shape))


def test_the_divergence():
    model = builders.m1()
    set_bias(model.encoder, 1e30)
    with pytest.raises(FloatingPointError, match=r"step 1, in epoch 1, by (.* and )?kl;"):
        model.fit(builders.examples()[0], verbose=0)


def test_the_classification():
    model = builders.m2()
    set_bias(model.classifier, [-3e38, 3e38, -3e38])
    with pytest.raises(FloatingPointError, match=f"by (.* and )?{CLASSIFICATION};"):
        model.fit(*builders.examples(), verbose=0)


def test_the_prior_over_the_weights():
    model = builders.m1(weight_prior=True, hidden_units=(4, 4))
    set_bias(model.decoder, 1e25)
    with pytest.raises(FloatingPointError, match="by the prior over the weights;"):
        model.fit(np.ones_like(builders.examples()[0]), verbose=0)


def test_the_last_update():
    x, _ = builders.examples()
    model = builders.m1(likelihood=likelihoods.Gaussian(1e-3))
    builders.compiled(model, keras.optimizers.SGD(1e38))
    with pytest.raises(FloatingPointError, match=r"the last step left .* not finite"):
        model.fit(x, batch_size=len(x), verbose=0)


def test_a_save_of_an_epoch_is_not_overwritten(tmp_path):
    """The rate grows without bound after the first epoch."""
    x, _ = builders.examples()
    model = builders.m1(likelihood="gaussian")
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch: [1e-3, 1e35][epoch]),
        keras.callbacks.ModelCheckpoint(tmp_path / "model.keras"),
    ]
    with pytest.raises(FloatingPointError, match="in epoch 2"):
        model.fit(x, batch_size=10, epochs=2, callbacks=callbacks, verbose=0)

    saved = keras.models.load_model(tmp_path / "model.keras")
    assert saved.optimizer.iterations == 3
    assert all(np.isfinite(weight).all() for weight in saved.get_weights())
    saved.fit(x, verbose=0)  # A record of a failure is not carried over.
