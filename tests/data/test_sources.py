import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_dgm.data import SOURCES, draw_labels, load


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MNIST", r" \(did you mean 'mnist'\?\)"),
        ("freyface", r" \(did you mean 'frey_face'\?\)"),
        ("cifar10", "$"),
        ("own.npy", "$"),
        ("", "$"),
    ],
)
def test_unknown_name(name, hint):
    valid = (
        "digits, mnist, fashion_mnist, svhn_cropped, smallnorb, lfw, frey_face, or the path of an "
        ".npz, .csv, .tsv or .parquet file or of a folder of images"
    )
    with pytest.raises(ValueError, match=f"`name` must be one of {valid}, got '{name}'{hint}"):
        load(name)
    with pytest.raises(ValueError, match="`name` must be one of"):
        load(name, target="class")


def test_names():
    assert SOURCES == (
        "digits",
        "mnist",
        "fashion_mnist",
        "svhn_cropped",
        "smallnorb",
        "lfw",
        "frey_face",
    )


def test_seed_fixes_split_and_labels():
    first, again, other = (load("digits", num_labeled=50, seed=seed) for seed in (0, 0, 1))

    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert np.any(first.x_test != other.x_test)


def test_labels_are_those_of_draw_labels():
    every = load("digits", seed=5)

    np.testing.assert_array_equal(
        load("digits", num_labeled=50, seed=5).y_train, draw_labels(every.y_train, 50, 10, seed=5)
    )


@pytest.mark.parametrize(
    ("num_labeled", "message"), [(55, "divisible by the 10"), (5000, "at most")]
)
def test_impossible_number_of_labels(num_labeled, message):
    with pytest.raises(ValueError, match=message):
        load("digits", num_labeled=num_labeled)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match="`seed` must be an integer of at least 0"):
        load("digits", seed=seed)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digits", {"target": -1}, "`target` must be None for 'digits', got -1"),
        ("digits", {"image_size": 8}, "`image_size` must be None for 'digits', got 8"),
        ("own.npz", {"test": "other.npz"}, "`test` must be None for 'own.npz', got 'other.npz'"),
        ("own.csv", {"target": 0, "colour": True}, "`colour` must be None for 'own.csv', got True"),
        (".", {"header": True}, "`header` must be None for '.', got True"),
    ],
)
def test_options_of_other_sources(name, options, message):
    with pytest.raises(ValueError, match=message):
        load(name, **options)


def test_repr_is_short():
    assert repr(load("digits", num_labeled=50)) == (
        "Dataset(digits: 1197 train (50 labelled), 200 validation, 400 test, 64 features, "
        "10 classes)"
    )


def test_a_dataset_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load("digits").x_test = None


def test_modules_of_data_do_not_need_tensorflow():
    """Only the sources that TFDS reads may import it, when they are used."""
    program = """
import sys, types
package = types.ModuleType("keras_dgm")
package.__path__ = ["keras_dgm"]
sys.modules["keras_dgm"] = package
import keras_dgm.data
keras_dgm.data.load("digits", num_labeled=50)
assert not {"tensorflow", "keras", "tensorflow_datasets"} & set(sys.modules)
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)
