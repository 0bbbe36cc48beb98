"""ONNX files: what goes in and comes out under the same names, and predictions from them."""

from pathlib import Path

import numpy as np

from shared.threads import physical_cores


def name_ends(path: Path) -> None:
    """Name the only input `images` [batch, ...] and the only output `logits` [batch, ...].

    tf2onnx names the output after a TensorFlow operation, and the batch dimension by a number.
    """
    import onnx_ir

    model = onnx_ir.load(path)
    ends = {"images": model.graph.inputs[0], "logits": model.graph.outputs[0]}
    for name, value in ends.items():
        value.name = name
        assert value.shape is not None, "every exporter gives shapes"
        value.shape = onnx_ir.Shape(["batch", *value.shape[1:]])
    onnx_ir.save(model, path)


class OnnxModel:
    """A network read from an ONNX file, computed by onnxruntime on the CPU."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = physical_cores()
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(path, options, providers)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Logits of all images in one call: images [n, 784] float32 -> logits [n, 10]."""
        return self.session.run(["logits"], {"images": images})[0]
