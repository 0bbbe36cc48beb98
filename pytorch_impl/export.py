"""`python -m pytorch_impl export`: files that other programs read."""

import copy
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from shared.config import IMAGE_SIZE
from shared.onnx_graph import OnnxModel
from shared.trained import Exporter, Predict

from .evaluate import predict

# Exporters follow a computation of two images, which stand for any number.
IMAGES = (torch.zeros(2, IMAGE_SIZE),)
SHAPES = ({0: torch.export.Dim("batch")},)


@torch.inference_mode()  # DIFF-23
def predict_converted(converted: Callable, images: np.ndarray) -> np.ndarray:
    """Logits of a converted network: images [n, 784] -> logits [n, 10]."""
    return converted(torch.from_numpy(images)).numpy()


def export_native(model: nn.Sequential, path: Path) -> Predict:
    """Save in the framework's own format, and predict with it loaded back."""
    torch.save(model.state_dict(), path)
    loaded = copy.deepcopy(model).to("meta")
    loaded.load_state_dict(torch.load(path, weights_only=True), assign=True)
    return partial(predict, loaded)


def export_onnx(model: nn.Sequential, path: Path) -> Predict:
    """Translate to ONNX by its own exporter, predict with onnxruntime."""
    torch.onnx.export(
        model.eval(),  # DIFF-10
        IMAGES,
        path,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=SHAPES,
        external_data=False,
        verbose=False,
    )
    return OnnxModel(path).predict


def export_program(model: nn.Sequential, path: Path) -> Predict:
    """Save the computation itself, which runs without its Python code."""
    program = torch.export.export(
        model.eval(), IMAGES, dynamic_shapes=SHAPES
    )  # DIFF-10
    torch.export.save(program, path)
    return partial(predict_converted, torch.export.load(path).module())


def export_int8(model: nn.Sequential, path: Path) -> Predict:
    """Save with kernels in int8, quantizing inputs as they come (dynamic)."""
    with warnings.catch_warnings():
        # Its successor, torchao, is another package, and slow unless compiled.
        warnings.simplefilter("ignore")
        quantized = torch.ao.quantization.quantize_dynamic(
            model.eval(), {nn.Linear}, torch.qint8
        )
        torch.save(quantized.state_dict(), path)
        quantized.load_state_dict(torch.load(path, weights_only=True))
    return partial(predict_converted, quantized)


EXPORTERS = {
    "native": Exporter("pytorch.pt", export_native),
    "onnx": Exporter("pytorch.onnx", export_onnx),
    "program": Exporter("pytorch.pt2", export_program),
    "int8": Exporter("pytorch-int8.pt", export_int8),
}
