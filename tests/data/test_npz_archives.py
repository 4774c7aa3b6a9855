"""Files that are no archives, damaged ones, and ones that nobody should trust."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_dgm.data import DataNotFoundError, load

X = np.random.default_rng(0).normal(size=[100, 6]).astype(np.float32)
Y = np.arange(100) % 5


class Trap:
    """Unpickling this writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "sprung")


@pytest.mark.parametrize("key", ["x", "y", "class_names"])
def test_objects_are_never_unpickled(save, tmp_path, key):
    trap = np.array([Trap(tmp_path / "trap")] * 100, dtype=object)

    with pytest.raises(ValueError, match=f"`{key}` in .* nothing is ever unpickled"):
        load(save(**{"x": X, "y": Y, key: trap}))

    assert not (tmp_path / "trap").exists()


def test_a_pickle_with_another_name(tmp_path):
    (tmp_path / "own.npz").write_bytes(pickle.dumps(Trap(tmp_path / "trap")))

    with pytest.raises(ValueError, match=r"must be a complete \.npz file"):
        load(tmp_path / "own.npz")

    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_truncated(save, part):
    path = Path(save(x=X, y=Y))
    contents = path.read_bytes()
    path.write_bytes(contents[: int(part * len(contents))])

    with pytest.raises(ValueError, match=r"own.npz must be a complete .npz file"):
        load(path)


def test_damaged(save):
    path = Path(save(x=X, y=Y))
    contents = bytearray(path.read_bytes())
    contents[300] ^= 255
    path.write_bytes(contents)

    with pytest.raises(ValueError, match=r"`x` in .* must be a complete array"):
        load(path)


def test_an_array_with_another_name(tmp_path):
    np.save(tmp_path / "own.npy", X)
    (tmp_path / "own.npy").rename(tmp_path / "own.npz")

    with pytest.raises(ValueError, match=r"must be a complete \.npz file"):
        load(tmp_path / "own.npz")


def test_an_archive_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        archive.writestr("x", "not an array")

    with pytest.raises(ValueError, match="`x` must"):
        load(tmp_path / "own.npz")


def test_a_folder(tmp_path):
    (tmp_path / "own.npz").mkdir()

    with pytest.raises(ValueError, match=r"must be a complete \.npz file"):
        load(tmp_path / "own.npz")


def test_missing(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"own.npz does not exist") as caught:
        load(tmp_path / "own.npz")

    assert isinstance(caught.value, ValueError)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_not_written_to(save):
    path = Path(save(x=X, y=Y))
    before = path.read_bytes(), path.stat().st_mtime_ns

    path.chmod(0o444)
    load(path, num_labeled=10)

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_compressed(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=X, y=Y)
    (tmp_path / "OWN.NPZ").write_bytes(buffer.getvalue())

    assert load(tmp_path / "OWN.NPZ").num_classes == 5
