"""What a LiteRT file says of itself, read back by its own parts and by another's reader."""

import json
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import keras_dgm as dgm
from export import litert, litert_files, metadata, verify
from export.runners import LiteRT, VerificationError

NAMES = ("ant", "bee", "café")
READER = "tensorflow_lite_support.metadata.python.metadata"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files of a small M2, with its labels beside them."""
    folder = tmp_path_factory.mktemp("litert")
    model = dgm.M2(3, 2, (5,), seed=0)
    model.build((None, 4))
    endpoints = litert_files.portable(model.endpoints())
    endpoints = {name: endpoints[name] for name in ("classify", "generate")}
    inputs = {each.name: each for endpoint in endpoints.values() for each in endpoint.inputs}
    with litert.Functions(litert_files.guarded(endpoints)) as functions:
        for name, of_file in {"model": list(endpoints), "classify": ["classify"]}.items():
            file = folder / f"{name}.tflite"
            functions.write(file, of_file)
            (folder / f"{name}.before").write_bytes(file.read_bytes())
            metadata.add(file, inputs, NAMES)
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in NAMES), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["model", "classify"])
def test_the_labels_are_in_the_file(folder, name):
    file = folder / f"{name}.tflite"

    assert metadata.labels(file) == list(NAMES)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["labels.txt"] and archive.testzip() is None
    verify.check_labels(file)


def test_the_file_answers_as_before(folder):
    x = np.random.default_rng(0).random((5, 4), np.float32)
    bare = folder / "bare.tflite"
    bare.write_bytes((folder / "model.before").read_bytes())

    found, expected = (
        LiteRT(file).run("classify", images=x) for file in (folder / "model.tflite", bare)
    )

    assert metadata.labels(bare) == []
    np.testing.assert_array_equal(found["probabilities"], expected["probabilities"])


def test_tensors_begin_where_the_schema_says(folder):
    content = (folder / "model.tflite").read_bytes()
    model = schema.Model.GetRootAs(content, 0)
    starts = [
        model.Buffers(i)._tab.Vector(model.Buffers(i)._tab.Offset(4))
        for i in range(model.BuffersLength())
        if model.Buffers(i).DataLength()
    ]

    assert len(starts) > 3 and {start % 16 for start in starts} == {0}
    assert content[4:8] == b"TFL3"


def test_other_labels_than_those_beside_it_are_noticed(folder, tmp_path):
    file = tmp_path / "classify.tflite"
    file.write_bytes((folder / "classify.tflite").read_bytes())
    (tmp_path / "labels.txt").write_text("ant\ncat\nbee\n", encoding="utf-8")

    with pytest.raises(VerificationError, match=r"classify.tflite must hold the labels \['ant'"):
        verify.check_labels(file)


def test_the_reader_of_those_who_made_the_format(folder):
    """Of tflite-support, no longer released, and for an older protobuf: not among the pins."""
    reader = pytest.importorskip(READER).MetadataDisplayer
    found = reader.with_model_file(str(folder / "model.tflite"))

    assert found.get_packed_associated_file_list() == ["labels.txt"]
    assert found.get_associated_file_buffer("labels.txt").decode().split() == list(NAMES)
    graphs = json.loads(found.get_metadata_json())["subgraph_metadata"]
    outputs = [tensor for graph in graphs for tensor in graph["output_tensor_metadata"]]
    (probabilities,) = (tensor for tensor in outputs if tensor["name"] == "probabilities")
    (file,) = probabilities["associated_files"]
    assert (file["name"], file["type"]) == ("labels.txt", "TENSOR_AXIS_LABELS")
    inputs = [tensor for graph in graphs for tensor in graph["input_tensor_metadata"]]
    described = {tensor["name"]: tensor["description"] for tensor in inputs if tensor["name"]}
    assert described["images"] == "must lie in [0, 1]"
