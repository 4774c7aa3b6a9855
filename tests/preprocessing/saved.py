"""What is asked of every preprocessor: it is saved, loaded, compiled and converted exactly."""

import keras
import numpy as np
import tensorflow as tf


def reloaded(layer, width, folder):
    """The layer out of a model that was saved and loaded."""
    model = keras.Sequential([keras.Input([width]), layer])
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras").layers[0]


def in_litert(function, width, rows):
    """What a LiteRT file of built-in operations computes for rows, one by one."""
    from ai_edge_litert.interpreter import Interpreter

    signature = tf.function(function, input_signature=[tf.TensorSpec([1, width], tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [signature.get_concrete_function()], tf.Module()
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(row):
        interpreter.set_tensor(given["index"], np.float32(row)[None])
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])[0]

    return np.stack([run(row) for row in rows])
