"""One table of bad inputs, through every door of a model: arrays and datasets, all alike."""

import builders
import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tensorflow as tf

X, Y = builders.examples()
KINDS = {
    "m1": builders.m1,
    "conditional": builders.conditional,
    "m2": builders.m2,
    "stacked": builders.stacked,
}


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    """A small model of each kind, never trained."""
    return KINDS[request.param]()


@pytest.fixture(scope="module")
def m2():
    return builders.m2()


def labels(model):
    return None if model.num_classes is None else Y


def with_value(value, dtype=np.float32):
    x = X.astype(dtype)
    x[3, 2] = value
    return x


def masked():
    return np.ma.masked_array(X, mask=np.arange(X.size).reshape(X.shape) == 20)


AN_ARRAY = "`x` must be an array, got a "
# Of these a tensor can be made.
VALUES = {
    "NaN": (with_value(np.nan), "`x` must be finite in float32, got nan"),
    "infinite": (with_value(-np.inf), "`x` must be finite in float32, got -inf"),
    "pixels": (X * 255, r"`x` must lie in \[0, 1\] for Bernoulli.*got "),
    "too wide": (np.hstack([X, X]), "`x` must have 6 features an example.*got 12"),
    "complex": (X.astype(complex), "`x` must hold real numbers, got dtype complex128"),
    "texts": (X.astype(str), "`x` must hold real numbers, got"),
}
CONTAINERS = {
    "nothing": (None, "`x` must be an array with one row an example; it is missing"),
    "empty": (X[:0], r"`x` must not be empty, got shape \(0, 6\)"),
    "a vector": (X[:, 0], r"`x` must have shape \[N, D\] or \[N, ...\]"),
    "None in a list": ([[None, *row[1:]] for row in X.tolist()], "`x` must be finite.*got nan"),
    "a text in a list": ([["a", *row[1:]] for row in X.tolist()], "`x` must hold real numbers"),
    "rows of several lengths": ([[0.0], [0.0, 1.0]], "with rows of one length"),
    "a list of arrays": ([X, X], AN_ARRAY + "list: np.concatenate makes one array"),
    "a tuple": ((X, Y), AN_ARRAY + "tuple: "),
    "a dict": ({"x": X}, AN_ARRAY + "dict: give the arrays in it one by one, by its keys 'x'"),
    "a generator": ((row for row in X), AN_ARRAY + "generator: it can be read once only"),
    "a ragged tensor": (tf.ragged.constant([[0.0], [0.0, 1.0]]), AN_ARRAY + ".*to_tensor"),
    "a sparse tensor": (tf.sparse.from_dense(X), AN_ARRAY + "SparseTensor: `tf.sparse.to_dense`"),
    "another object": (object(), AN_ARRAY + "object: give arrays"),
    "masked entries": (masked(), r"`x` must have no masked entry, got one at index \(3, 2\)"),
    "a column of texts": (
        pd.DataFrame(X).assign(colour="red"),
        "`x` must hold real numbers, got 'red' at row 0 of column 'colour'.*from_frame",
    ),
    "NA": (pd.DataFrame(X).astype("Float32").mask(X == X.max()), "`x` must be finite.*got nan"),
    "a sparse matrix of another width": (
        scipy.sparse.csr_matrix(X[:, :5]),
        "`x` must have 6 features an example.*got 5",
    ),
}
ARRAYS = {**VALUES, **CONTAINERS}
METHODS = {
    "predict": lambda model, x: model.predict(x, verbose=0),
    "call": lambda model, x: model(x),
    "embed": lambda model, x: model.embed(x),
    "predict_on_batch": lambda model, x: model.predict_on_batch(x),
    "test_on_batch": lambda model, x: model.test_on_batch(x, labels(model)),
    "evaluate": lambda model, x: model.evaluate(x, labels(model), verbose=0),
    "fit": lambda model, x: model.fit(x, labels(model), verbose=0),
    "validation_data": lambda model, x: model.fit(
        X, labels(model), validation_data=(x, labels(model)), verbose=0
    ),
}


def refuses(call, model, x, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(model, x)
    assert "dtype object" not in str(caught.value) and "got None" not in str(caught.value)
    assert model.facts is None and model.optimizer.iterations == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", VALUES)
def test_arrays(case, method, model):
    x, message = VALUES[case]

    refuses(METHODS[method], model, x, message)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CONTAINERS)
def test_containers(case, method, m2):
    x, message = CONTAINERS[case]

    refuses(METHODS[method], m2, x, message)


@pytest.mark.parametrize("method", ["styles", "analogies"])
@pytest.mark.parametrize("case", ["NaN", "pixels", "too wide", "a generator", "nothing"])
def test_arrays_of_a_classifier(case, method, m2):
    x, message = ARRAYS[case]

    refuses(lambda model, x: getattr(model, method)(x), m2, x, message)


@pytest.mark.parametrize("case", ["pixels", "too wide", "a generator", "nothing", "texts"])
def test_arrays_to_complete(case):
    x, message = ARRAYS[case]

    refuses(lambda model, x: model.complete(x), builders.conditional(), x, message)


DATASET_METHODS = {
    "predict": lambda model, data: model.predict(data, verbose=0),
    "evaluate": lambda model, data: model.evaluate(data, verbose=0),
    "fit": lambda model, data: model.fit(data, verbose=0),
    "validation_data": lambda model, data: model.fit(
        X, labels(model), validation_data=data, verbose=0
    ),
}


class Batches(keras.utils.PyDataset):
    """Batches of 10."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(10 * index, 10 * index + 10)
        return tuple(array[rows] for array in self.arrays)


def in_batches(model, x, make):
    arrays = (x,) if model.num_classes is None else (x, Y)
    if make == "PyDataset":
        return Batches(*arrays)
    return tf.data.Dataset.from_tensor_slices(arrays).batch(10)


@pytest.mark.parametrize("make", ["tf.data", "PyDataset"])
@pytest.mark.parametrize("method", DATASET_METHODS)
@pytest.mark.parametrize("model", ["m1", "m2"], indirect=True)
@pytest.mark.parametrize("case", VALUES)
def test_datasets(case, method, make, model):
    x, message = VALUES[case]

    refuses(DATASET_METHODS[method], model, in_batches(model, x, make), message)


SOUND = tf.data.Dataset.from_tensor_slices((X, Y))
A_DATASET = r"`x` must be a dataset of batches x, \(x, y\) or \(x, y, sample_weight\), got one of "
DATASETS = {
    "dicts": (
        tf.data.Dataset.from_tensor_slices({"image": X, "label": Y}).batch(10),
        A_DATASET + r"dicts with the keys 'image', 'label': dataset.map\(lambda d: \(d\['image'\], "
        r"d\['label'\]\)\)",
    ),
    "single examples": (SOUND, A_DATASET + r"single examples of shape \(6,\): dataset.batch"),
    "ragged tensors": (
        tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[0.0], [0.0, 1.0]])).batch(2),
        A_DATASET + "ragged tensors: map their `to_tensor",
    ),
    "no batch": (SOUND.batch(10).take(0), "`x` must hold a batch, got an empty dataset"),
}


@pytest.mark.parametrize("method", DATASET_METHODS)
@pytest.mark.parametrize("case", DATASETS)
def test_datasets_of_something_else(case, method, m2):
    data, message = DATASETS[case]

    refuses(DATASET_METHODS[method], m2, data, message)


@pytest.mark.parametrize("method", DATASET_METHODS)
def test_an_endless_dataset_needs_a_number_of_steps(method, m2):
    data = SOUND.batch(10).repeat()

    refuses(DATASET_METHODS[method], m2, data, "an endless dataset needs `steps")


ACCEPTED = {
    "a sparse matrix": scipy.sparse.csr_matrix,
    "a sparse array": scipy.sparse.coo_array,
    "a frame": pd.DataFrame,
    "a frame of nullable numbers": lambda x: pd.DataFrame(x).astype("Float64"),
    "lists": lambda x: x.tolist(),
    "a list of rows": list,
    "a masked array without masked entries": np.ma.masked_array,
    "a tensor": tf.constant,
    "objects": lambda x: x.astype(object),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_holds_numbers_is_read(case, m2):
    np.testing.assert_array_equal(m2.check_features(ACCEPTED[case](X)), X)
    assert m2(ACCEPTED[case](X)).shape == (builders.N, builders.K)


DATASETS_READ = {
    "zipped": lambda: tf.data.Dataset.zip(
        (
            tf.data.Dataset.from_tensor_slices(X).batch(10),
            tf.data.Dataset.from_tensor_slices(Y).batch(10),
        )
    ),
    "sparse tensors": lambda: tf.data.Dataset.from_tensor_slices(
        (tf.sparse.from_dense(X), Y)
    ).batch(10),
    "sparse matrices": lambda: Batches(scipy.sparse.csr_matrix(X), Y),
    "frames": lambda: Batches(pd.DataFrame(X), pd.Series(Y)),
    "of an unknown shape": lambda: tf.data.Dataset.from_generator(
        lambda: ((x, y) for x, y in SOUND.batch(10)), output_types=(tf.float32, tf.int32)
    ),
}


@pytest.mark.parametrize("case", DATASETS_READ)
def test_datasets_of_what_holds_numbers(case, m2):
    data = DATASETS_READ[case]()

    np.testing.assert_allclose(m2.predict(data, verbose=0), m2(X), rtol=1e-5, atol=1e-6)
    assert np.isfinite(m2.evaluate(data, verbose=0)[0])


def test_a_dataset_of_sparse_batches_is_trained_on():
    model, data = builders.m2(), DATASETS_READ["sparse matrices"]()

    history = model.fit(data, validation_data=DATASETS_READ["sparse tensors"](), verbose=0).history

    assert np.isfinite([history["loss"], history["val_loss"]]).all()


def test_a_sparse_matrix_too_large_to_be_dense():
    x = scipy.sparse.csr_matrix((2**20, 2**12))

    with pytest.raises(ValueError, match=r"`x` must take at most 2048 MB.*got 16384 MB in a csr_"):
        builders.m2(likelihood="gaussian", width=2**12).predict(x)


def test_masked_entries_are_missing_where_entries_may_be():
    model = builders.m1(missing=True)

    np.testing.assert_array_equal(
        model.predict(masked(), verbose=0), model.predict(with_value(np.nan), verbose=0)
    )


def test_a_tensor_stays_differentiable():
    model, x = builders.m1(), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(model(x))

    assert np.abs(tape.gradient(total, x)).max() > 0


@pytest.mark.parametrize("size", [0, -3, 2.5, "10"])
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "embed"])
def test_sizes_of_batches(method, size, m2):
    arguments = (X, Y) if method in ("fit", "evaluate") else (X,)

    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1, got"):
        getattr(m2, method)(*arguments, batch_size=size)


def test_a_size_of_batches_to_validate():
    with pytest.raises(ValueError, match="`validation_batch_size` must be an integer of at least"):
        builders.m2().fit(X, Y, validation_split=0.5, validation_batch_size=0)


def test_unknown_labels_of_a_dataset_may_be_nan(m2):
    y = tf.constant([1.0, np.nan, -1.0])

    _, labels, _ = m2.step._unpack((X[:3], y))

    assert labels.numpy().tolist() == [1, -1, -1]
