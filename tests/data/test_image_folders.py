import os

import numpy as np
import pytest
import tensorflow as tf

from keras_dgm.data import (
    DataNotFoundError,
    image_files,
    image_folder_batches,
    load,
    load_image_folder,
)

COUNTS = {"ant": 20, "bee": 10, "unlabeled": 12}
LEVELS = {"ant": 40, "bee": 200, "unlabeled": 120}


def image(level, size=(6, 4), channels=1):
    """A picture of one level, but for a corner of 255."""
    pixels = np.full([*size, channels], level, np.uint8)
    pixels[0, 0] = 255
    return pixels


def png(pixels):
    return tf.io.encode_png(pixels).numpy()


def jpeg(pixels):
    return tf.io.encode_jpeg(pixels, quality=100).numpy()


@pytest.fixture
def folder(tmp_path):
    """ant/0.png, ..., each of a level of its class plus its number."""
    root = tmp_path / "insects"
    for name, count in COUNTS.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number}.png").write_bytes(png(image(LEVELS[name] + number)))
    return root


def test_a_folder_becomes_a_data_set(folder):
    data = load(folder, seed=0)

    assert (data.name, data.class_names) == ("insects", ("ant", "bee"))
    assert (data.image_shape, data.num_features) == ((6, 4), 24)
    assert [len(y) for y in (data.y_train, data.y_valid, data.y_test)] == [33, 3, 6]
    assert np.count_nonzero(data.y_train < 0) == 12
    assert np.all(data.y_test >= 0)
    for x, y in ((data.x_train, data.y_train), (data.x_valid, data.y_valid)):
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x[:, 0], 1)
        levels = np.round(x[:, 1] * 255)
        expected = np.select([levels < 100, levels >= 200], [0, 1], -1)
        np.testing.assert_array_equal(y, expected)


def test_few_labels(folder):
    assert load(folder, num_labeled=4).num_labeled == 4


def test_seed_fixes_the_split(folder):
    first, again, other = (load(str(folder), seed=seed) for seed in (0, 0, 1))

    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert np.any(first.x_test != other.x_test)


def test_colour_where_a_file_has_it(folder):
    (folder / "bee" / "x.PNG").write_bytes(png(image(50, channels=3)))

    data = load_image_folder(folder)

    assert (data.image_shape, data.num_features) == ((6, 4, 3), 72)
    assert load_image_folder(folder, colour=False).image_shape == (6, 4)


def test_colour_as_told(folder):
    data = load_image_folder(folder, colour=True)

    assert data.image_shape == (6, 4, 3)
    channels = data.x_train.reshape(-1, 3)
    np.testing.assert_array_equal(channels[:, 0], channels[:, 2])


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(folder, channels):
    for number in range(3):
        (folder / "ant" / f"{number}.jpeg").write_bytes(jpeg(image(90, channels=channels)))

    data = load_image_folder(folder)

    assert data.image_shape == ((6, 4) if channels == 1 else (6, 4, 3))


@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_does_not_count(folder, channels):
    (folder / "ant" / "x.png").write_bytes(png(image(90, channels=channels)))

    assert load_image_folder(folder).image_shape == ((6, 4) if channels == 2 else (6, 4, 3))


def test_several_sizes(folder):
    (folder / "bee" / "large.png").write_bytes(png(image(200, size=(12, 8))))

    with pytest.raises(
        ValueError, match=r"bee/large.png must be of the size .*0.png, 4 x 6, got 8"
    ):
        load(folder)
    data = load(folder, image_size=(6, 4))
    assert data.image_shape == (6, 4)
    assert len(data.x_train) + len(data.x_valid) + len(data.x_test) == 43


@pytest.mark.parametrize(("size", "shape"), [(3, (3, 3)), ((2, 4), (2, 4))])
def test_images_are_resized(folder, size, shape):
    data = load(folder, image_size=size)

    assert data.image_shape == shape
    level = data.x_test.reshape(-1, *shape)[:, -1, -1]
    np.testing.assert_allclose(level[data.y_test == 1], 205 / 255, atol=6 / 255)


def test_hidden_files_do_not_count(folder):
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "ant" / ".hidden.png").write_bytes(b"")
    (folder / "ant" / "Thumbs.db").write_bytes(b"")

    assert len(load(folder).x_test) == 6


def test_a_second_folder_is_the_test_set(folder, tmp_path):
    (tmp_path / "test" / "bee").mkdir(parents=True)
    (tmp_path / "test" / "bee" / "1.png").write_bytes(png(image(200, size=(12, 8))))

    data = load(folder, test=tmp_path / "test")

    assert [len(y) for y in (data.y_train, data.y_valid)] == [39, 3]
    assert data.y_test.tolist() == [1]
    (tmp_path / "test" / "cat").mkdir()
    (tmp_path / "test" / "cat" / "1.png").write_bytes(png(image(1)))
    with pytest.raises(ValueError, match="test/cat must be one of the classes ant, bee"):
        load(folder, test=tmp_path / "test")


def test_unlabelled_images_alone(folder):
    for name in ("ant", "bee"):
        (folder / name).rename(folder.parent / name)

    data = load(folder)

    assert (data.num_classes, len(data.x_train)) == (0, 9)


# What is written, and the message.
BAD = [
    ({"ant/x.png": b"no image"}, r"ant/x.png must be a sound PNG or JPEG file, got: "),
    ({"ant/x.png": b""}, r"ant/x.png must be a sound PNG or JPEG file, got: "),
    ({"ant/x.jpg": jpeg(image(3))[:150]}, r"ant/x.jpg must be a sound PNG or JPEG file, got: "),
    ({"bee/x.txt": b"text"}, "bee/x.txt must be a PNG or JPEG file"),
    ({"bee/more/x.png": png(image(1))}, "bee/more must be a PNG or JPEG file"),
    ({"x.png": png(image(1))}, "x.png must be in the sub-folder of a class, or in 'unlabeled'"),
]
CUT = {
    "ant/x.png": png(np.random.default_rng(0).integers(256, size=[6, 4, 1], dtype=np.uint8))[:45]
}


@pytest.mark.parametrize(("files", "message"), [*BAD, (CUT, "ant/x.png must be a sound PNG")])
def test_bad_files(folder, files, message):
    for name, contents in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(contents)

    with pytest.raises(ValueError, match=message) as caught:
        load(folder)

    assert "\n" not in str(caught.value) and "{{" not in str(caught.value)


def test_empty_folders(folder, tmp_path):
    (folder / "cat").mkdir()
    with pytest.raises(ValueError, match="insects/cat must hold an image at least, got an empty"):
        load(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"none must hold one sub-folder a class, .* got none"):
        load(tmp_path / "none")
    (tmp_path / "none" / "ant").mkdir()
    (tmp_path / "none" / "ant" / "1.png").write_bytes(png(image(1)))
    with pytest.raises(ValueError, match=r"none must hold one sub-folder a class, .* got ant"):
        load(tmp_path / "none")


def test_no_such_folder(tmp_path):
    with pytest.raises(DataNotFoundError, match="none does not exist"):
        load_image_folder(tmp_path / "none")


def test_a_size_may_be_a_list_as_json_has_it(folder):
    assert load(folder, image_size=[3, 2]).image_shape == (3, 2)


@pytest.mark.parametrize("size", [0, -3, 2.5, (3,), (3, 0), "28"])
def test_bad_sizes(folder, size):
    with pytest.raises(ValueError, match="`image_size` must be"):
        load(folder, image_size=size)


def test_more_than_memory(folder, monkeypatch):
    monkeypatch.setattr(image_files, "MAX_BYTES", 2**12)

    with pytest.raises(ValueError, match=r"42 images of 8 x 8: .*`keras_dgm.data.image_folder_ba"):
        load(folder, image_size=8)


# --- streamed ---


def test_batches_hold_all_images_and_their_share_of_labels(folder):
    dataset = image_folder_batches(folder, 7, seed=0)

    one, other = (list(dataset.as_numpy_iterator()) for _ in range(2))

    assert len(dataset) == len(one) == 6
    whole = load(folder)
    images = np.concatenate([whole.x_train, whole.x_valid, whole.x_test])
    for batches in (one, other):
        x = np.concatenate([x for x, _ in batches])
        assert (x.dtype, batches[0][1].dtype) == (np.float32, np.int32)
        np.testing.assert_allclose(np.sort(x, axis=0), np.sort(images, axis=0))
        y = np.concatenate([y for _, y in batches])
        levels = np.round(x[:, 1] * 255)
        np.testing.assert_array_equal(y, np.select([levels < 100, levels >= 200], [0, 1], -1))
        assert {np.count_nonzero(y >= 0) for _, y in batches} == {5}
    assert np.any(one[0][0] != other[0][0])
    again = next(iter(image_folder_batches(folder, 7, seed=0).as_numpy_iterator()))
    np.testing.assert_array_equal(again[0], one[0][0])


def test_batches_know_their_shapes(folder):
    x, y = image_folder_batches(folder, 7, image_size=5, colour=True).element_spec

    assert (x.shape.as_list(), y.shape.as_list()) == ([None, 75], [None])


def test_a_broken_image_of_a_batch_is_named(folder):
    (folder / "ant" / "cut.png").write_bytes(next(iter(CUT.values())))

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"ant/cut.png must be a sound PNG"):
        list(image_folder_batches(folder, 7))


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_bad_batch_size(folder, batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1"):
        image_folder_batches(folder, batch_size)


def test_nothing_is_written(folder):
    before = sorted((path, os.stat(path).st_mtime_ns) for path in folder.rglob("*"))

    load(folder, image_size=3)
    list(image_folder_batches(folder, 7))

    assert sorted((path, os.stat(path).st_mtime_ns) for path in folder.rglob("*")) == before
