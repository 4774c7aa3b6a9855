"""ONNX files of a model's endpoints, for engines that read neither SavedModels nor LiteRT files."""

import contextlib
import importlib.util
import logging

import numpy as np
import tensorflow as tf

from export.differences import compare
from export.runners import VerificationError

# As in the SavedModel, in this order; a model may lack some.
ENDPOINTS = ("classify", "embed", "generate")
FOLDER = "onnx"
OPSET = 18
PACKAGES = ("onnx", "tf2onnx", "onnxruntime")
INSTALL = "pip install 'keras_dgm[onnx]'"


def missing():
    """The packages of the extra `onnx` that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def write(folder, source):
    """Write `NAME.onnx` of each of `ENDPOINTS` that the model has.

    Inputs and outputs are named as in the SavedModel; a row that breaks a rule gets NaN and `valid`
    False.

    Args:
        folder: an existing one.
        source: a `Source`.

    Returns:
        Lines on what was left out, and why.
    """
    if missing():
        return [f"left out: onnx/: {INSTALL} lets an export write its files"]
    left_out = []
    for name, endpoint in source.model.endpoints().items():
        if name in ENDPOINTS:
            file = folder / f"{name}.onnx"
            try:
                convert(endpoint, file)
            except Exception as error:  # the converter raises whatever its parts do
                file.unlink(missing_ok=True)
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                left_out.append(f"left out: onnx/{file.name}: {reason}")
    return left_out


def convert(endpoint, file):
    """Write the file of an endpoint, and load it once.

    Raises:
        Exception: if an operation cannot be said in ONNX, or not run.
    """
    import tf2onnx

    function = tf.function(endpoint.guarded, autograph=False)
    with silent("tf2onnx"):
        tf2onnx.convert.from_function(
            function, input_signature=endpoint.specs(), opset=OPSET, output_path=str(file)
        )
    OnnxFile(file)


@contextlib.contextmanager
def silent(name):
    """No message of a logger."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def can_be_run(bundle):
    """Whether a bundle has ONNX files, and ONNX Runtime is there."""
    return any((bundle / FOLDER).glob("*.onnx")) and "onnxruntime" not in missing()


class OnnxFile:
    """An ONNX file in ONNX Runtime, on one thread; runs as `runners.LiteRT`.

    Args:
        file: its path.
    """

    def __init__(self, file):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.file = file
        self._session = onnxruntime.InferenceSession(str(file), options)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, signature, **inputs):
        """The outputs by name; `signature` is the file's only one."""
        return dict(zip(self._outputs, self._session.run(None, inputs), strict=True))


def verify(folder, cases):
    """The largest difference of the files to Keras.

    Args:
        folder: that `write` wrote.
        cases: of `reference`.

    Raises:
        VerificationError: if one is larger than 1e-5, or a file answers to nothing.
    """
    return max((verify_file(file, cases) for file in sorted(folder.glob("*.onnx"))), default=0.0)


def verify_file(file, cases):
    """As `verify`, of one file."""
    model, differences = OnnxFile(file), []
    for case in cases:
        if case.get("endpoint") == file.stem and "outputs" in case:
            outputs = model.run(file.stem, **case["inputs"])
            expected = {key: np.asarray(case["outputs"][key]) for key in outputs}
            differences.append(compare(outputs, expected, f"onnx/{file.name}"))
    if not differences:
        raise VerificationError(f"onnx/{file.name} has no reference to be held against")
    return max(differences)


def sift(folder, cases):
    """Delete the files that do not answer as Keras does.

    Returns:
        The largest difference of the others to Keras, None where there are none, and lines on what
        was left out.
    """
    differences, left_out = [], []
    for file in sorted(folder.glob("*.onnx")):
        try:
            differences.append(verify_file(file, cases))
        except VerificationError as error:
            file.unlink()
            left_out.append(f"left out: {error}")
    return max(differences, default=None), left_out
