"""What a LiteRT file says of itself: the names of its tensors, the rules of its inputs, its labels.

In the format of TFLite Metadata, which Android's and MediaPipe's readers know: a flatbuffer by the
schema of tensorflow/tflite-support (metadata_schema.fbs, 1.0), and the labels in a zip archive at
the end of the file. Any other reader passes over both.
"""

import zipfile

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

NAME, IDENTIFIER, PARSER_VERSION = "TFLITE_METADATA", b"M001", "1.0.0"
LABELS = "labels.txt"
TENSOR_AXIS_LABELS = 2


def add(file, inputs, class_names=()):
    """Write metadata into a LiteRT file.

    Args:
        file: its path.
        inputs: of the model's endpoints, by name, whose `rule` becomes a description.
        class_names: K names, of outputs `probabilities` [B, K].
    """
    model = schema.ModelT.InitFromPackedBuf(file.read_bytes(), 0)
    names = tensor_names(model)
    builder = flatbuffers.Builder()
    graphs = [
        table(
            builder,
            {
                2: tensors(builder, graph.inputs, names[i], inputs, ()),
                3: tensors(builder, graph.outputs, names[i], inputs, class_names),
            },
        )
        for i, graph in enumerate(model.subgraphs)
    ]
    whole = {3: vector(builder, graphs), 7: builder.CreateString(PARSER_VERSION)}
    builder.Finish(table(builder, whole), IDENTIFIER)
    model.buffers.append(schema.BufferT(data=np.frombuffer(builder.Output(), np.uint8)))
    model.metadata = [
        *(model.metadata or []),
        schema.MetadataT(name=NAME, buffer=len(model.buffers) - 1),
    ]
    file.write_bytes(packed(model))
    if class_names:
        with zipfile.ZipFile(file, "a") as archive:
            # An entry of a fixed date, so that equal models make equal files.
            archive.writestr(zipfile.ZipInfo(LABELS), lines(class_names).encode())


def write_labels(folder, class_names):
    """Write labels.txt, as it is in the files."""
    (folder / LABELS).write_text(lines(class_names), encoding="utf-8")


def lines(class_names):
    return "".join(f"{name}\n" for name in class_names)


def labels(file):
    """The labels in a LiteRT file; none where it has no archive."""
    if not zipfile.is_zipfile(file):
        return []
    with zipfile.ZipFile(file) as archive:
        return archive.read(LABELS).decode().splitlines()


class Aligned(flatbuffers.Builder):
    """Aligns vectors of bytes, in which tensors are, to the 16 bytes that the schema asks for."""

    def StartVector(self, elemSize, numElems, alignment):
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


def packed(model):
    """The content of a LiteRT file, of a `ModelT`."""
    builder = Aligned()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor_names(model):
    """The names that signatures give the tensors of each graph."""
    found: list[dict[int, str]] = [{} for _ in model.subgraphs]
    for signature in model.signatureDefs or ():
        for each in (*signature.inputs, *signature.outputs):
            name = each.name.decode() if isinstance(each.name, bytes) else each.name
            found[signature.subgraphIndex][each.tensorIndex] = name
    return found


def tensors(builder, indices, names, inputs, class_names):
    """A vector of TensorMetadata: name, description, associated files."""
    found = []
    for index in indices:
        name = names.get(index, "")
        fields = {0: builder.CreateString(name)}
        if name in inputs and inputs[name].rule:
            fields[1] = builder.CreateString(f"must {inputs[name].rule}")
        if name == "probabilities" and class_names:
            file = table(builder, {0: builder.CreateString(LABELS)}, {2: TENSOR_AXIS_LABELS})
            fields[6] = vector(builder, [file])
        found.append(table(builder, fields))
    return vector(builder, found)


def table(builder, offsets, small=None):
    """A table of parts that are written, by their place in the schema, and of one-byte numbers."""
    small = small or {}
    builder.StartObject(1 + max([*offsets, *small]))
    for place, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(place, offset, 0)
    for place, number in small.items():
        builder.PrependInt8Slot(place, number, 0)
    return builder.EndObject()


def vector(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()
