"""Keras' callbacks see what `fit` reports, and stop, store and restore as with any model."""

import builders
import keras
import numpy as np
import pytest

import keras_dgm as dgm


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run of 3 epochs with the usual callbacks, and its folder."""
    folder = tmp_path_factory.mktemp("run")
    x, y = builders.examples()
    model = builders.compiled(builders.m2(), mode="graph", metrics=["accuracy"])
    callbacks = [
        keras.callbacks.CSVLogger(folder / "history.csv"),
        keras.callbacks.TensorBoard(folder / "tensorboard"),
        keras.callbacks.ModelCheckpoint(folder / "{epoch}.keras"),
        keras.callbacks.ModelCheckpoint(
            folder / "best.weights.h5",
            monitor="val_loss",
            save_best_only=True,
            save_weights_only=True,
        ),
    ]
    history = model.fit(
        x, y, batch_size=10, epochs=3, validation_data=(x, y), callbacks=callbacks, verbose=0
    ).history
    return model, history, folder


def test_csv_logger_writes_the_history(fitted):
    _, history, folder = fitted

    table = np.genfromtxt(folder / "history.csv", delimiter=",", names=True)

    for name, values in history.items():
        np.testing.assert_allclose(table[name], values, rtol=1e-6)


def test_tensorboard_gets_events(fitted):
    _, _, folder = fitted

    assert list((folder / "tensorboard" / "train").glob("events*"))
    assert list((folder / "tensorboard" / "validation").glob("events*"))


def test_checkpoints_load(fitted):
    model, _, folder = fitted
    x, _ = builders.examples()

    last = keras.models.load_model(folder / "3.keras")
    first = keras.models.load_model(folder / "1.keras")

    np.testing.assert_array_equal(last.predict(x, verbose=0), model.predict(x, verbose=0))
    assert np.any(first.predict(x, verbose=0) != model.predict(x, verbose=0))
    assert (folder / "best.weights.h5").is_file()


def test_a_checkpoint_in_hdf5_is_refused_before_training(tmp_path):
    x, y = builders.examples()
    model = builders.m2()
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "model.h5")

    with pytest.raises(ValueError, match=r"`filepath` must end in .keras, got '.*model.h5'"):
        model.fit(x, y, callbacks=[checkpoint], labels_first=1, verbose=0)

    assert model.optimizer.iterations == 0
    model.fit(x, y, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "a.keras")], verbose=0)


def test_early_stopping_restores_the_best_weights():
    """A learning rate of 0 never improves the accuracy."""
    x, y = builders.examples()
    model = builders.compiled(builders.m2(), keras.optimizers.SGD(0.0), metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(
        monitor="val_accuracy", mode="max", patience=1, restore_best_weights=True
    )
    before = builders.weights(model)

    history = model.fit(x, y, epochs=9, validation_data=(x, y), callbacks=[stop], verbose=0).history

    assert len(history["loss"]) == 2
    builders.assert_same_weights(model, before)


def test_a_schedule_of_the_learning_rate():
    x, _ = builders.examples()
    rates = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))

    history = builders.m1().fit(x, epochs=2, callbacks=[rates], verbose=0).history

    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.05], rtol=1e-6)


def test_kl_warm_up_raises_the_weight_to_one_and_leaves_it_there():
    x, _ = builders.examples()
    model = builders.m1()
    weights = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(float(model.kl_weight))
    )

    model.fit(x, epochs=5, callbacks=[dgm.KLWarmUp(3), watch], verbose=0)

    np.testing.assert_allclose(weights, [0.25, 0.5, 0.75, 1, 1])
    assert model.kl_weight == 1


@pytest.mark.parametrize("num_samples", [1, 3])
def test_kl_warm_up_changes_what_is_minimised_and_not_what_is_reported(num_samples):
    """What is minimised is the annealed loss; the first weight leaves its trace in the weights."""
    x, _ = builders.examples()
    sample_weight = np.linspace(0, 2, len(x))

    def fitted(callbacks):
        model = builders.compiled(builders.m1(num_samples=num_samples), "sgd", mode="core")
        options = {"batch_size": len(x), "callbacks": callbacks, "verbose": 0}
        return model, model.fit(x, sample_weight=sample_weight, **options).history

    annealed, history = fitted([dgm.KLWarmUp(1)])
    whole, expected = fitted([])

    for name in ("loss", "elbo", "kl"):
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
    assert any(
        np.abs(a - w).max() > 1e-5
        for a, w in zip(builders.weights(annealed), builders.weights(whole), strict=True)
    )


def test_held_out_data_is_judged_by_the_bound_itself():
    x, _ = builders.examples()
    model = builders.m1()
    model.kl_weight.assign(0.5)

    logs = model.evaluate(x, verbose=0, return_dict=True)

    np.testing.assert_allclose(logs["loss"], -logs["elbo"], rtol=1e-5)


@pytest.mark.parametrize("epochs", [0, -1, 2.5])
def test_kl_warm_up_refuses(epochs):
    with pytest.raises(ValueError, match="`epochs` must be"):
        dgm.KLWarmUp(epochs)


def test_kl_warm_up_needs_an_m1():
    x, y = builders.examples()
    with pytest.raises(ValueError, match="`KLWarmUp` must be given to an M1, got M2"):
        builders.m2().fit(x, y, callbacks=[dgm.KLWarmUp(1)], verbose=0)


def test_an_interrupted_warm_up_does_not_outlive_its_fit():
    x, _ = builders.examples()
    model = builders.m1()

    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    interruption = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, epochs=2, callbacks=[dgm.KLWarmUp(3), interruption], verbose=0)
    model.fit(x, verbose=0)

    assert model.kl_weight == 1


def test_a_callback_list():
    x, _ = builders.examples()
    model = builders.m1()
    epochs = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    model.fit(x, epochs=2, callbacks=keras.callbacks.CallbackList([watch], model=model), verbose=0)

    assert epochs == [0, 1]
