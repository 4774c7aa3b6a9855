"""A file from a stranger runs no code and writes nothing, however it is made."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import export.source
import keras_dgm as dgm


class Trap:
    """Unpickling this writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "sprung")


@pytest.fixture
def sprung(tmp_path):
    """The file that appears where code of the stranger's has run."""
    return tmp_path / "sprung"


@pytest.fixture
def sound(tmp_path):
    """The members of a `.keras` file of a tiny M1, by their names."""
    encoder = keras.Sequential([keras.layers.Dense(4, name="own")])
    model = dgm.M1(2, (3,), encoder=encoder, seed=0)
    model.build((None, 6))
    model.save(tmp_path / "sound.keras")
    with zipfile.ZipFile(tmp_path / "sound.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def assert_harmless(path, sprung, may_load=False):
    """Neither Keras, which this package registers its classes with, nor the export runs it."""
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    outside = set(path.parent.parent.iterdir())
    for load in (keras.models.load_model, export.source.load_model):
        failure = None
        try:
            model = load(path)
            model(np.zeros([1, 6], np.float32))
        except Exception as error:
            failure = error
        assert (failure is None) == may_load, failure or "it was loaded"
        assert may_load or isinstance(failure, ValueError) or load is keras.models.load_model
    assert not sprung.exists()
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before
    assert set(path.parent.parent.iterdir()) == outside


def replace(item, condition, new):
    """A config with `new` in the place of each dict that fulfils `condition`."""
    if isinstance(item, dict):
        if condition(item):
            return new
        return {key: replace(value, condition, new) for key, value in item.items()}
    return [replace(value, condition, new) for value in item] if isinstance(item, list) else item


def lambda_layer(path):
    # Marshalled code has no closure; the path is a constant of it.
    function = eval(f"lambda x: (open({str(path)!r}, 'w').close(), x)[1]")
    return keras.saving.serialize_keras_object(keras.layers.Lambda(function))


def an_object(module, name, *args):
    return {
        "module": module,
        "class_name": name,
        "config": {"args": args, "fn": args, "name": args[0]},
        "registered_name": None,
    }


def a_function(module, name):
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


STRANGERS = {
    "a lambda": lambda path: lambda_layer(path),
    "a command": lambda path: an_object("os", "system", f"touch {path}"),
    "a process": lambda path: an_object("subprocess", "Popen", ["touch", str(path)]),
    "an import": lambda path: an_object("pathlib", "Path", str(path)),
    "a builtin": lambda path: an_object("builtins", "exec", f"open({str(path)!r}, 'w')"),
    "a registered lambda": lambda path: {**lambda_layer(path), "registered_name": "Lambda"},
    "unsafe deserialization": lambda path: an_object(
        "keras.config", "enable_unsafe_deserialization", str(path)
    ),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_layer_that_is_code(stranger, sound, sprung, tmp_path):
    config = json.loads(sound["config.json"])
    layer = STRANGERS[stranger](sprung)
    config = replace(config, lambda item: item.get("class_name") == "Dense", layer)
    members = {**sound, "config.json": json.dumps(config)}
    assert_harmless(write(tmp_path / "model.keras", members), sprung)


def test_the_traps_would_spring(sprung):
    """Outside of the safe mode the lambda runs."""
    layer = keras.saving.deserialize_keras_object(lambda_layer(sprung), safe_mode=False)
    layer(np.ones((1, 2)))
    assert sprung.exists()


@pytest.mark.parametrize("module, name", [("os", "system"), ("builtins", "exec")])
def test_an_activation_that_is_code(module, name, sound, sprung, tmp_path):
    config = json.loads(sound["config.json"])
    config["config"]["activation"] = a_function(module, name)
    members = {**sound, "config.json": json.dumps(config)}
    assert_harmless(write(tmp_path / "model.keras", members), sprung)


@pytest.mark.filterwarnings("ignore:Skipping invalid path")
@pytest.mark.parametrize("name", ["../../outside", "assets/../../outside", "/tmp/outside-of-it"])
def test_a_member_with_a_path_out_of_the_archive(name, sound, sprung, tmp_path):
    assert_harmless(write(tmp_path / "model.keras", {**sound, name: b"out"}), sprung, may_load=True)
    assert not Path("/tmp/outside-of-it").exists()


def test_pickled_weights(sound, sprung, tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, **{"": np.array([Trap(sprung)], dtype=object)})
    members = {name: value for name, value in sound.items() if name != "model.weights.h5"}
    members["model.weights.npz"] = buffer.getvalue()
    assert_harmless(write(tmp_path / "model.keras", members), sprung)


def test_a_pickle_with_the_name_of_a_model(sprung, tmp_path):
    (tmp_path / "model.keras").write_bytes(pickle.dumps(Trap(sprung)))
    assert_harmless(tmp_path / "model.keras", sprung)


def test_weights_from_another_file(sound, sprung, tmp_path):
    """HDF5 can point into other files of whoever opens it."""
    import h5py

    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["mine"] = np.ones([6, 4], np.float32)
    buffer = io.BytesIO(sound["model.weights.h5"])
    with h5py.File(buffer, "a") as weights:
        found = []
        weights.visititems(
            lambda name, item: found.append(name) if getattr(item, "shape", 0) == (6, 4) else None
        )
        for name in found:
            del weights[name]
            weights[name] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "mine")
    assert found
    members = {**sound, "model.weights.h5": buffer.getvalue()}
    assert_harmless(write(tmp_path / "model.keras", members), sprung)


@pytest.mark.parametrize("member", ["config.json", "metadata.json", "assets/zeros"])
def test_a_zip_bomb_is_refused_unread(member, sound, tmp_path):
    bomb = write(tmp_path / "model.keras", {n: c for n, c in sound.items() if n != member})
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(member, "w", force_zip64=True) as file:
            for _ in range(80):
                file.write(bytes(2**20))
    assert bomb.stat().st_size < 2**20

    with pytest.raises(ValueError, match=r"`source` must be a .keras file of at most 100 times"):
        export.source.load_model(bomb)


def test_layers_that_would_take_all_memory(sound, tmp_path):
    config = json.loads(sound["config.json"])
    config["config"]["latent_dim"] = 2_000_000_000
    path = write(tmp_path / "model.keras", {**sound, "config.json": json.dumps(config)})

    for load in (keras.models.load_model, export.source.load_model):
        with pytest.raises(ValueError, match="must have layers of at most"):
            load(path)


def test_a_run_folder(sound, sprung, tmp_path):
    """Its data set can only be read, its name cannot lead out of the bundle."""
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder / "model.keras", sound)
    np.savez(folder / "trap.npz", x=np.array([Trap(sprung)], dtype=object))
    (folder / "result.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps({"dataset": str(folder / "trap.npz")}))
    with pytest.raises(ValueError, match="nothing is ever unpickled"):
        export.source.load(folder)
    assert not sprung.exists()
    with pytest.raises(ValueError, match="`name` must be"):
        export.source.load(folder / "model.keras", name="../../outside")
