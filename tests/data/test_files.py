import numpy as np
import pytest
import scipy.io
from sklearn.datasets import load_digits

from keras_dgm.data import DataNotFoundError, load


def test_digits():
    data = load("digits", num_labeled=50, seed=1)

    assert data.x_train.shape == (1197, 64)
    assert data.x_valid.shape == (200, 64)
    assert data.x_test.shape == (400, 64)
    assert {a.dtype.name for a in (data.x_train, data.x_valid, data.x_test)} == {"float32"}
    assert {a.dtype.name for a in (data.y_train, data.y_valid, data.y_test)} == {"int32"}
    assert (data.name, data.num_classes, data.image_shape) == ("digits", 10, (8, 8))
    assert data.class_names == tuple("0123456789")
    assert data.num_labeled == 50
    assert data.num_features == 64
    np.testing.assert_array_equal(np.bincount(data.y_train[data.y_train >= 0]), [5] * 10)
    np.testing.assert_allclose(np.bincount(data.y_valid), [20] * 10, atol=2)
    np.testing.assert_allclose(np.bincount(data.y_test), [40] * 10, atol=2)
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)


def test_digits_splits_hold_every_image_once_with_its_label():
    data, source = load("digits"), load_digits()
    pixels = np.concatenate([data.x_train, data.x_valid, data.x_test]) * 16
    labels = np.concatenate([data.y_train, data.y_valid, data.y_test])

    def ordered(x, y):
        rows = np.column_stack([x, y])
        return rows[np.lexsort(rows.T)]

    np.testing.assert_array_equal(ordered(pixels, labels), ordered(source.data, source.target))


def test_digits_labels_survive_the_hiding_of_others():
    every, few = load("digits", seed=4), load("digits", num_labeled=100, seed=4)

    np.testing.assert_array_equal(every.x_train, few.x_train)
    known = few.y_train >= 0
    np.testing.assert_array_equal(few.y_train[known], every.y_train[known])


def test_frey_face(frey_dir):
    data = load("frey_face", data_dir=frey_dir, seed=2)

    assert [len(x) for x in (data.x_train, data.x_valid, data.x_test)] == [1565, 200, 200]
    assert (data.num_classes, data.num_labeled, data.image_shape) == (0, 0, (28, 20))
    assert np.all(data.y_train == -1)
    assert 0 <= data.x_train.min() < data.x_train.max() <= 1
    # Neighbouring pixels of a face resemble each other along both axes, if the axes are right.
    faces = data.x_train.reshape(-1, 28, 20)
    assert np.abs(np.diff(faces, axis=1)).mean() < 0.5 * faces.std()
    assert np.abs(np.diff(faces, axis=2)).mean() < 0.5 * faces.std()


def test_labels_of_frey_face(frey_dir):
    with pytest.raises(ValueError, match="must be None or 0 for data without labels, got 100"):
        load("frey_face", num_labeled=100, data_dir=frey_dir)


@pytest.fixture
def small_frey(tmp_path):
    """A file of the right layout."""
    faces = np.random.default_rng(0).integers(256, size=[560, 1965], dtype=np.uint8)
    scipy.io.savemat(tmp_path / "frey_rawface.mat", {"ff": faces})
    return tmp_path


@pytest.mark.parametrize("variable", ["KERAS_DGM_DATA_DIR", "TFDS_DATA_DIR"])
def test_frey_face_is_found_through_the_environment(small_frey, monkeypatch, variable):
    monkeypatch.delenv("KERAS_DGM_DATA_DIR", raising=False)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    folder = small_frey if variable == "KERAS_DGM_DATA_DIR" else small_frey / "tensorflow_datasets"
    monkeypatch.setenv(variable, str(folder))

    assert load("frey_face").x_train.shape == (1565, 560)


def test_frey_face_is_nowhere(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_DGM_DATA_DIR", raising=False)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)

    with pytest.raises(DataNotFoundError, match=r"set `data_dir` or .*KERAS_DGM_DATA_DIR"):
        load("frey_face")
    with pytest.raises(DataNotFoundError, match=f"looked in {tmp_path}"):
        load("frey_face", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"gg": np.zeros([560, 1965], np.uint8)}, "got no `ff`"),
        ({"ff": np.zeros([1965, 560], np.uint8)}, r"got uint8 \[1965, 560\]"),
        ({"ff": np.zeros([560, 1965])}, r"got float64 \[560, 1965\]"),
    ],
)
def test_another_mat_file(tmp_path, contents, message):
    scipy.io.savemat(tmp_path / "frey_rawface.mat", contents)

    with pytest.raises(ValueError, match=message):
        load("frey_face", data_dir=tmp_path)


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_truncated_mat_file(small_frey, size):
    path = small_frey / "frey_rawface.mat"
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(ValueError, match=r"is not a readable \.mat file"):
        load("frey_face", data_dir=small_frey)
