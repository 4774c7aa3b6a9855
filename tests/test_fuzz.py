"""Whatever comes in, a refusal is a ValueError or a usage message, and no file is changed.

More than 10,000 cases; the same ones each time.
"""

import io
import json
import math
import string
import warnings
import zipfile
from unittest import mock

import hypothesis
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import strategies as st

import export.cli
import keras_dgm as dgm
from export import bundle, source
from keras_dgm import checks, likelihoods
from train import cli, config

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=[30, 3]).astype(np.float32)
Y = np.arange(30) % 3


def cases(number):
    return hypothesis.settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def refused_or_done(function, *arguments):
    """Call it; anything but a ValueError is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(*arguments)
        except ValueError as error:
            assert str(error)


def load_unchanged(folder, content):
    """`data.load` of a file with that content, which stays the only one in its folder."""
    path = folder / "own.npz"
    path.write_bytes(content)
    refused_or_done(dgm.data.load, path)
    assert path.read_bytes() == content and list(folder.iterdir()) == [path]


def npz_bytes(save, **members):
    buffer = io.BytesIO()
    save(buffer, **members)
    return buffer.getvalue()


def npy_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def damaged(content, reach=None):
    """Strategy: `content` with a few bytes set, among the first `reach`, and perhaps cut off."""
    at = st.integers(0, (reach or len(content)) - 1)
    byte = st.integers(0, 255) | st.sampled_from(b"0123456789'(),[]{}<|fiObU ")
    changes = st.lists(st.tuples(at, byte), max_size=4)

    def damage(changes, length):
        changed = bytearray(content)
        for index, value in changes:
            changed[index] = value
        return bytes(changed[:length])

    return st.builds(damage, changes, st.just(None) | st.integers(0, len(content)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives(save, folder):
    @cases(1500)
    @hypothesis.given(damaged(npz_bytes(save, x=X, y=Y)))
    def check(content):
        load_unchanged(folder, content)

    check()


@cases(3000)
@hypothesis.given(damaged(npy_bytes(X), reach=128), damaged(npy_bytes(Y), reach=128))
def test_damaged_members_of_a_sound_archive(folder, x, y):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.npy", x)
        archive.writestr("y.npy", y)
    load_unchanged(folder, buffer.getvalue())


DTYPES = arrays.scalar_dtypes() | st.sampled_from(
    [np.dtype("S3"), np.dtype("U3"), np.dtype([("a", "f4"), ("b", "i2")])]
)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ANY_ARRAY = arrays.arrays(DTYPES, SHAPES)
LABELS = arrays.arrays(arrays.integer_dtypes(), 30) | arrays.arrays(
    np.int64, 30, elements=st.integers(-2, 4)
)


@cases(1000)
@hypothesis.given(
    st.fixed_dictionaries(
        {"x": st.just(X) | ANY_ARRAY},
        optional={
            "y": LABELS | ANY_ARRAY,
            "x_valid": ANY_ARRAY,
            "y_valid": ANY_ARRAY,
            "x_test": st.just(X) | ANY_ARRAY,
            "y_test": LABELS | ANY_ARRAY,
            "class_names": ANY_ARRAY,
        },
    )
)
def test_arrays_of_any_kind(folder, members):
    load_unchanged(folder, npz_bytes(np.savez, **members))


@cases(2500)
@hypothesis.given(
    LABELS | ANY_ARRAY, st.none() | st.integers() | st.floats(), st.integers(0, 5), st.integers()
)
def test_label_arrays(y, num_labeled, num_classes, seed):
    def draw():
        kept = dgm.data.draw_labels(y, num_labeled, num_classes, seed)
        assert np.all((kept == -1) | (kept == np.ravel(y)))

    refused_or_done(draw)


@cases(500)
@hypothesis.given(ANY_ARRAY | st.lists(st.lists(st.floats())) | st.text(), st.booleans())
def test_features(x, unit_interval):
    likelihood = likelihoods.Bernoulli() if unit_interval else None

    def check():
        rows = checks.check_features(x, likelihood=likelihood)
        assert rows.dtype == np.float32 and np.isfinite(rows).all()
        assert rows.shape == (len(x), math.prod(np.shape(x)[1:]))

    refused_or_done(check)


FLAGS = ["--dataset", "--num-labeled", "--model", "--recipe", "--seed", "--run-dir", "--overwrite"]
FLAGS += ["--resume", "--checkpoint-seconds", "--progress", "--likelihood", "--pca"]
FLAGS += ["--likelihood-scale", "--m1.latent-dim", "--m1.hidden-units", "--m1.activation"]
FLAGS += ["--m1.learning-rate", "--m2.epochs", "--m2.alpha", "--m2.class-sum", "--no-baselines"]
VALUES = ["0", "-1", "1e400", "nan", "inf", "1.5", "digits", "m1", "gaussian", "True", "none", ""]
ARGUMENT = st.sampled_from(FLAGS) | st.sampled_from(VALUES) | st.text(string.printable, max_size=5)


@cases(200)
@hypothesis.given(st.lists(ARGUMENT, max_size=5))
def test_flags_of_train(arguments):
    def call():
        try:
            config.check(cli.parse(config.FitConfig, "fit", arguments))
        except SystemExit as end:
            assert end.code in (0, 2)  # help and usage

    refused_or_done(call)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A run folder of a tiny M2."""
    folder = tmp_path_factory.mktemp("exported")
    model = dgm.M2(10, 2, (3,), likelihood="gaussian", seed=0)
    model.build((None, 64))
    model.save(folder / "model.keras")
    (folder / "config.json").write_text('{"dataset": "digits", "seed": 0}')
    (folder / "result.json").write_text('{"dataset": {"class_names": null}}')
    return folder


def export_unchanged(folder, *flags):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    output = folder.parent / "never-written"
    with mock.patch.object(bundle, "write", side_effect=ValueError("sound")):
        try:
            status = export.cli.main(["bundle", str(folder), "--output", str(output), *flags])
        except SystemExit as end:
            status = end.code
    assert status in (0, 1, 2) and not output.exists()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_damaged_models_to_export(exported, capsys):
    sound = (exported / "model.keras").read_bytes()

    @cases(60)
    @hypothesis.given(damaged(sound))
    def check(content):
        (exported / "model.keras").write_bytes(content)
        export_unchanged(exported)

    check()
    (exported / "model.keras").write_bytes(sound)
    capsys.readouterr()
    export_unchanged(exported)
    assert capsys.readouterr().err == "error: sound\n"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
CONFIGS = JSON | st.fixed_dictionaries(
    {}, optional={"dataset": JSON, "seed": JSON, "data_dir": JSON}
)
FACTS = st.fixed_dictionaries({}, optional={"class_names": JSON, "image_shape": JSON})
RESULTS = JSON | st.fixed_dictionaries({"dataset": JSON | FACTS})


@cases(300)
@hypothesis.given(CONFIGS, RESULTS)
def test_run_folders_to_export(exported, configuration, result):
    (exported / "config.json").write_text(json.dumps(configuration))
    (exported / "result.json").write_text(json.dumps(result))
    model = mock.Mock(input_dim=64, num_classes=10, class_names=None)
    with mock.patch.object(source, "load_model", return_value=model):
        export_unchanged(exported)


@cases(100)
@hypothesis.given(
    st.lists(
        st.sampled_from(["--name", "--version", "--class-names", "--image-shape", "--seed", "8"])
        | ARGUMENT,
        max_size=4,
    )
)
def test_flags_of_export(exported, arguments):
    (exported / "config.json").write_text('{"dataset": "digits", "seed": 0}')
    (exported / "result.json").write_text('{"dataset": {"class_names": null}}')
    model = mock.Mock(input_dim=64, num_classes=10, class_names=None)
    with mock.patch.object(source, "load_model", return_value=model):
        export_unchanged(exported, *arguments)
