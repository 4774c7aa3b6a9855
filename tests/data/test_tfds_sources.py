import socket

import numpy as np
import pytest

from keras_dgm.data import DataNotFoundError, load
from keras_dgm.data.tfds_sources import area_mean, small_grey_face, stereo_pair

tfds = pytest.importorskip("tensorflow_datasets")


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to reach a network fails the test."""

    def refuse(*args, **kwargs):
        pytest.fail(f"reached for the network: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def mnist(mnist_dir):
    return load("mnist", num_labeled=100, seed=0, data_dir=mnist_dir)


def test_mnist_splits(mnist):
    assert mnist.x_train.shape == (50_000, 784)
    assert mnist.x_valid.shape == (10_000, 784)
    assert mnist.x_test.shape == (10_000, 784)
    assert (mnist.x_train.dtype, mnist.y_train.dtype) == (np.float32, np.int32)
    assert (mnist.x_train.min(), mnist.x_train.max()) == (0, 1)
    assert (mnist.num_classes, mnist.image_shape) == (10, (28, 28))
    assert mnist.class_names == tuple("0123456789")
    np.testing.assert_array_equal(np.bincount(mnist.y_train[mnist.y_train >= 0]), [10] * 10)
    # Published counts of the classes in the test set.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(mnist.y_test), counts)


def test_mnist_validation_is_apart_from_training(mnist):
    train = {row.tobytes() for row in mnist.x_train}
    valid = {row.tobytes() for row in mnist.x_valid}

    assert len(train) + len(valid) > 59_900
    assert not train & valid


def test_mnist_pixels_and_labels_stay_together(mnist):
    labelled = mnist.y_train >= 0
    means = np.stack([mnist.x_test[mnist.y_test == k].mean(axis=0) for k in range(10)])
    distances = np.square(mnist.x_train[labelled][:, None] - means).sum(axis=2)

    # A nearest-mean classifier errs on about 18 % of MNIST.
    assert np.mean(distances.argmin(axis=1) == mnist.y_train[labelled]) > 0.6


def test_environment_names_the_folder_and_no_network_is_used(mnist_dir, monkeypatch, no_network):
    monkeypatch.setenv("TFDS_DATA_DIR", str(mnist_dir))
    files = sorted(p for p in mnist_dir.rglob("*"))

    data = load("mnist", num_labeled=10, seed=1)

    assert data.num_labeled == 10
    assert sorted(p for p in mnist_dir.rglob("*")) == files


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "svhn_cropped", "smallnorb", "lfw"])
def test_absent_data_is_an_error_at_once(name, tmp_path, no_network):
    with pytest.raises(DataNotFoundError, match="set TFDS_DATA_DIR or `data_dir`") as caught:
        load(name, data_dir=tmp_path)

    assert f"{name} is not prepared in {tmp_path}" in str(caught.value)
    assert "`download=True`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert list(tmp_path.iterdir()) == []


def test_absent_data_in_the_folder_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))

    with pytest.raises(DataNotFoundError, match=f"is not prepared in {tmp_path}/nowhere"):
        load("mnist", num_labeled=100)


def test_another_version_alone_is_absent(tmp_path, no_network):
    stale = tmp_path / "mnist" / "0.0.1"
    stale.mkdir(parents=True)
    (stale / "dataset_info.json").write_text("{}")

    with pytest.raises(DataNotFoundError, match="mnist is not prepared in"):
        load("mnist", data_dir=tmp_path)


def load_mocked(name, num_examples, **options):
    # A mocked download prepares nothing and passes the check for presence.
    with tfds.testing.mock_data(num_examples=num_examples):
        return load(name, download=True, **options)


def test_fashion_mnist(fashion_mnist_dir):
    data = load("fashion_mnist", num_labeled=100, seed=0, data_dir=fashion_mnist_dir)

    assert [len(x) for x in (data.x_train, data.x_valid, data.x_test)] == [50_000, 10_000, 10_000]
    assert (data.num_features, data.image_shape) == (784, (28, 28))
    assert (data.num_classes, data.num_labeled) == (10, 100)
    assert data.class_names[0].startswith("T-shirt")
    np.testing.assert_array_equal(np.bincount(data.y_test), [1000] * 10)
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)


def test_svhn_cropped():
    data = load_mocked("svhn_cropped", 240)

    assert [len(x) for x in (data.x_train, data.x_valid, data.x_test)] == [200, 40, 240]
    assert (data.num_features, data.image_shape) == (32 * 32 * 3, (32, 32, 3))
    assert (data.num_classes, data.num_labeled) == (10, 200)
    assert 0 <= data.x_train.min() < 0.1 < 0.9 < data.x_train.max() <= 1


def test_smallnorb():
    data = load_mocked("smallnorb", 60, num_labeled=10)

    assert [len(x) for x in (data.x_train, data.x_valid, data.x_test)] == [50, 10, 60]
    assert (data.num_features, data.image_shape) == (2 * 32 * 32, (32, 64))
    assert (data.num_classes, data.num_labeled) == (5, 10)
    assert data.class_names[0] == "four-legged animals"


def test_lfw():
    data = load_mocked("lfw", 24)

    assert [len(x) for x in (data.x_train, data.x_valid, data.x_test)] == [16, 4, 4]
    assert (data.num_features, data.image_shape) == (32 * 32, (32, 32))
    assert (data.num_classes, data.class_names, data.num_labeled) == (0, (), 0)


def test_area_mean():
    images = np.arange(2 * 4 * 6, dtype=np.uint8).reshape(2, 4, 6)

    small = area_mean(images, 2)

    assert (small.shape, small.dtype) == ((2, 2, 3), np.float32)
    assert small[1, 0, 1] == images[1, 0:2, 2:4].mean()


def test_stereo_pair_is_left_then_right():
    left = np.random.default_rng(0).integers(256, size=[2, 96, 96, 1], dtype=np.uint8)

    pair = stereo_pair({"image": left, "image2": 255 - left})

    np.testing.assert_allclose(pair[:, :, :32] + pair[:, :, 32:], 255, rtol=1e-6)
    np.testing.assert_allclose(pair[1, 3, 5], left[1, 9:12, 15:18].mean(), rtol=1e-6)


def test_small_grey_face():
    white = np.full([1, 250, 250, 3], 255, np.uint8)
    left_half = white.copy()
    left_half[:, :, 125:] = 0

    assert np.all(small_grey_face({"image": white}) == 255)
    face = small_grey_face({"image": left_half})[0]
    assert np.all(face[:, :16] == 255)
    assert np.all(face[:, 16:] == 0)
