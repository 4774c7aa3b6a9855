"""The callback for TensorBoard: what it writes, when, and that training does not notice."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

import keras_dgm as dgm
from keras_dgm import generation

X = np.random.default_rng(0).uniform(size=[12, 6]).astype(np.float32)
Y = np.arange(12) % 3
SHAPE = (2, 3)


def fit(model, *data, callbacks=(), epochs=2):
    keras.utils.set_random_seed(0)
    model.compile(jit_compile=False)
    model.fit(*data, epochs=epochs, callbacks=list(callbacks), verbose=0)
    return model


def written(folder):
    """The images by tag, as (step, [height, width, channels])."""
    events = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [
            (event.step, tf.io.decode_png(event.tensor_proto.string_val[2]).shape)
            for event in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
    }


def test_m1_writes_samples_and_reconstructions(tmp_path):
    logger = generation.ImageLogger(tmp_path, SHAPE, X[:4], num_samples=5)
    fit(dgm.M1(2, (4,)), X, callbacks=[logger])

    assert written(tmp_path) == {
        "samples": [(0, [2, 15, 1]), (1, [2, 15, 1])],
        "reconstructions": [(0, [4, 12, 1]), (1, [4, 12, 1])],
    }


def test_m2_and_the_stack_write_a_row_for_each_class_and_analogies(tmp_path):
    m1 = fit(dgm.M1(2, (4,)), X)
    for name, model in {
        "m2": dgm.M2(3, 2, (4,)),
        "stack": dgm.StackedM1M2(m1, 3, 2, (4,), active_dims=[0, 1]),
    }.items():
        logger = generation.ImageLogger(tmp_path / name, SHAPE, X[:4], num_samples=5)
        fit(model, X, Y, callbacks=[logger], epochs=1)

        assert written(tmp_path / name) == {
            "samples": [(0, [6, 15, 1])],
            "analogies": [(0, [8, 12, 1])],
        }


def test_colours_chosen_epochs_and_no_examples(tmp_path):
    logger = generation.ImageLogger(tmp_path, (1, 2, 3), epochs=[2], num_samples=4)
    fit(dgm.M1(2, (4,)), X, callbacks=[logger], epochs=3)

    assert written(tmp_path) == {"samples": [(1, [1, 8, 3])]}


def test_training_is_the_same_without_it(tmp_path):
    keras.utils.set_random_seed(0)
    first = dgm.M2(3, 2, (4,), seed=0)
    first.build((None, 6))
    second = keras.models.clone_model(first)
    second.build((None, 6))
    second.set_weights(first.get_weights())
    second.seed_generator.state.assign(first.seed_generator.state)

    fit(first, X, Y, callbacks=[generation.ImageLogger(tmp_path, SHAPE, X[:4])])
    fit(second, X, Y)

    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": X, "image_shape": (2, 2)}, "`x` must have 4 features an example, got 6"),
        ({"num_samples": 0}, "`num_samples` must be an integer of at least 1, got 0"),
    ],
)
def test_bad_input(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        generation.ImageLogger(tmp_path, **{"image_shape": SHAPE, **arguments})


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (dgm.M1(2, (4,)), (2, 2), r"`image_shape` must have the 6 pixels .* got \(2, 2\)"),
        (dgm.ConditionalM1([0], 2, (4,)), SHAPE, "ConditionalM1 has no samples"),
    ],
)
def test_what_it_cannot_draw_is_refused_before_the_first_step(model, shape, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fit(model, X, callbacks=[generation.ImageLogger(tmp_path, shape)])
    assert model.optimizer.iterations == 0
