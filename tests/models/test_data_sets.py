"""`fit` of tf.data datasets and PyDatasets."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf


class Batches(keras.utils.PyDataset):
    """Batches of arrays, in order."""

    def __init__(self, *arrays, batch_size=10):
        super().__init__()
        self.arrays, self.batch_size = arrays, batch_size

    def __len__(self):
        return -(-len(self.arrays[0]) // self.batch_size)

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return tuple(a[rows] for a in self.arrays)


def dataset_of(kind, data):
    """Arrays in batches of 10, as a tf.data dataset or a PyDataset."""
    if kind == "tf.data":
        return tf.data.Dataset.from_tensor_slices(data).batch(10)
    return Batches(*data)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(builders.m1, "tf.data"), (builders.m2, "PyDataset"), (builders.stacked, "tf.data")],
)
def test_data_sets_are_trained_on_as_arrays_are(make, kind):
    """In the order that they come in."""
    data = builders.data_for(make)
    from_arrays, from_dataset = make(), make()
    expected = from_arrays.fit(*data, batch_size=10, shuffle=False, verbose=0).history
    dataset = dataset_of(kind, data)

    history = from_dataset.fit(dataset, validation_data=dataset, verbose=0).history

    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)
    assert np.isfinite(history["val_loss"][0])
    assert from_dataset.predict(dataset, verbose=0).shape[0] == len(data[0])
    assert np.isfinite(from_dataset.evaluate(dataset, verbose=0)[0])


def test_an_endless_data_set_needs_its_length():
    dataset = tf.data.Dataset.from_tensor_slices(builders.examples()).batch(10).repeat()

    with pytest.raises(ValueError, match="an endless dataset needs `steps_per_epoch`"):
        builders.m2().fit(dataset, verbose=0)
    history = builders.m2().fit(dataset, steps_per_epoch=3, epochs=2, verbose=0).history

    assert len(history["loss"]) == 2


@pytest.mark.parametrize("kind", ["tf.data", "PyDataset"])
def test_labels_are_counted_beyond_the_steps_of_an_epoch(kind):
    data = builders.examples()
    model = builders.m2()

    model.fit(dataset_of(kind, data), steps_per_epoch=1, verbose=0)

    assert model.num_examples == len(data[0])
    np.testing.assert_allclose(model.labeled_fraction, np.mean(data[1] >= 0), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int8"])
def test_labels_of_any_integer_type_in_a_data_set(dtype):
    x, y = builders.examples()
    y = np.maximum(y, 0).astype(dtype)[:, None]
    model = builders.m2(class_sum=1)

    history = model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(30), verbose=0).history

    assert np.isfinite(history["loss"][0])


def test_a_data_set_without_y_trains_m1():
    x, _ = builders.examples()

    history = builders.m1().fit(tf.data.Dataset.from_tensor_slices(x).batch(10), verbose=0).history

    assert np.isfinite(history["loss"][0])
