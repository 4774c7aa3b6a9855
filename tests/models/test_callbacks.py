"""Keras' callbacks see what `fit` reports, and stop, store and restore as with any model."""

import builders
import keras
import numpy as np
import pytest


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
