"""The ONNX files of a bundle."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import keras_dgm as dgm
from export import onnx_files, reference
from export.runners import VerificationError

pytestmark = pytest.mark.skipif(bool(onnx_files.missing()), reason="needs the extra `onnx`")


@pytest.fixture(scope="module")
def source():
    model = dgm.M2(3, 2, (5,), seed=0)
    model.build((None, 4))
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape))
    return SimpleNamespace(
        model=model, data=None, class_names=("a", "b", "c"), columns=(), image_shape=None
    )


@pytest.fixture(scope="module")
def folder(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / onnx_files.FOLDER
    folder.mkdir()
    assert onnx_files.write(folder, source) == []
    return folder


def test_the_files_answer_as_keras_and_tell_bad_rows_apart(folder, source):
    assert {file.name for file in folder.iterdir()} == {
        "classify.onnx", "embed.onnx", "generate.onnx",
    }  # fmt: skip
    cases = reference.cases(source)
    assert 0 < onnx_files.verify(folder, cases) <= 1e-5

    x = np.random.default_rng(0).random((3, 4), np.float32)
    x[1, 2] = np.nan
    found = onnx_files.OnnxFile(folder / "classify.onnx").run("classify", images=x)
    assert found["valid"].tolist() == [True, False, True]
    assert np.isnan(found["probabilities"]).all(axis=1).tolist() == [False, True, False]


def test_a_missing_entry_is_answered_where_the_model_knows_of_such(tmp_path):
    model = dgm.M2(3, 2, (5,), missing=True, seed=0)
    model.build((None, 4))
    x = np.random.default_rng(0).random((3, 4), np.float32)
    x[1, 2] = np.nan

    for name in ("classify", "embed"):
        endpoint = model.endpoints()[name]
        onnx_files.convert(endpoint, tmp_path / f"{name}.onnx")
        found = onnx_files.OnnxFile(tmp_path / f"{name}.onnx").run(name, images=x)
        assert found["valid"].all()
        for key, expected in endpoint.guarded(tf.constant(x)).items():
            np.testing.assert_allclose(found[key], expected, atol=1e-6)


def test_a_file_that_answers_otherwise_is_refused(folder, source):
    cases = reference.cases(source)
    wrong = [
        {**case, "outputs": {k: v * 2 if v.dtype.kind == "f" else v for k, v in outputs.items()}}
        for case in cases
        if (outputs := case.get("outputs"))
    ]

    with pytest.raises(VerificationError, match=r"onnx/classify.onnx, .*: must differ from Keras"):
        onnx_files.verify(folder, wrong)
    with pytest.raises(VerificationError, match="has no reference"):
        onnx_files.verify(folder, [])


def test_a_file_that_answers_otherwise_is_sifted_out(folder, source, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    cases = reference.cases(source)
    for case in cases:
        if case.get("endpoint") == "embed" and "outputs" in case:
            case["outputs"] = {
                k: v * 2 if v.dtype.kind == "f" else v for k, v in case["outputs"].items()
            }

    difference, (line,) = onnx_files.sift(tmp_path, cases)

    assert line.startswith("left out: onnx/embed.onnx, ")
    assert 0 < difference <= 1e-5
    assert {file.name for file in tmp_path.iterdir()} == {"classify.onnx", "generate.onnx"}
    assert onnx_files.sift(tmp_path, [])[0] is None
    assert not any(tmp_path.iterdir())


def test_what_onnx_cannot_say_is_left_out(source, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("no such operation\nat line 7")

    monkeypatch.setattr(onnx_files, "convert", fail)

    assert onnx_files.write(tmp_path, source)[0] == (
        "left out: onnx/classify.onnx: no such operation"
    )
    assert not onnx_files.can_be_run(tmp_path.parent)


def test_without_the_extra_a_line_says_how_to_get_it(source, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else found(name)
    )

    (line,) = onnx_files.write(tmp_path, source)

    assert "pip install 'keras_dgm[onnx]'" in line and not list(tmp_path.iterdir())
