"""`python -m tensorflow_impl export`: files that other programs read."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from shared.config import IMAGE_SIZE
from shared.onnx_graph import OnnxModel, name_ends
from shared.threads import physical_cores
from shared.trained import Exporter, Predict

from .aligned import AlignedGELU
from .evaluate import predict

# Any number of images.
IMAGES = [tf.TensorSpec([None, IMAGE_SIZE], name="images")]


def predict_converted(converted: Callable, images: np.ndarray) -> np.ndarray:
    """Logits of a converted network: images [n, 784] -> logits [n, 10]."""
    return converted(images=images)["output_0"]


def export_native(model: keras.Sequential, path: Path) -> Predict:
    """Save in the framework's own format, and predict with it loaded back."""
    model.save(path)
    return partial(predict, keras.models.load_model(path))


def without_erfc(model: keras.Sequential) -> keras.Sequential:
    """The same network with GELU by erf, because ONNX has no erfc."""

    def clone(layer: keras.Layer) -> keras.Layer:
        gelu = getattr(layer, "activation", None) is keras.activations.gelu
        return AlignedGELU() if gelu else layer.from_config(layer.get_config())

    cloned = keras.models.clone_model(model, clone_function=clone)
    cloned.set_weights(model.get_weights())
    return cloned


def export_onnx(model: keras.Sequential, path: Path) -> Predict:
    """Translate to ONNX by its own exporter, predict with onnxruntime."""
    with warnings.catch_warnings():
        # Keras patches NumPy 2 for tf2onnx, and NumPy warns about the patch.
        warnings.simplefilter("ignore", FutureWarning)
        without_erfc(model).export(
            path,
            format="onnx",
            input_signature=IMAGES,
            verbose=False,
        )
    name_ends(path)
    return OnnxModel(path).predict


def convert(
    model: keras.Sequential, path: Path, optimizations: list
) -> Predict:
    """Write a LiteRT file, and predict with what is loaded back."""
    model.export(
        path,
        format="litert",
        input_signature=IMAGES,
        optimizations=optimizations,
        verbose=False,
    )
    with warnings.catch_warnings():
        # It recommends the same interpreter from a separate package.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(
            str(path), num_threads=physical_cores()
        )
    return partial(predict_converted, interpreter.get_signature_runner())


def export_program(model: keras.Sequential, path: Path) -> Predict:
    """Save the computation itself, which runs without its Python code."""
    return convert(model, path, optimizations=[])


def export_int8(model: keras.Sequential, path: Path) -> Predict:
    """Save with kernels in int8, quantizing inputs as they come (dynamic)."""
    return convert(model, path, optimizations=[tf.lite.Optimize.DEFAULT])


EXPORTERS = {
    "native": Exporter("tensorflow.keras", export_native),
    "onnx": Exporter("tensorflow.onnx", export_onnx),
    "program": Exporter("tensorflow.tflite", export_program),
    "int8": Exporter("tensorflow-int8.tflite", export_int8),
}
