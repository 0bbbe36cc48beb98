"""`python -m pytorch_impl summary`: the network, layer by layer."""

import sys
import warnings
from types import ModuleType

import torch
from torch import nn

from shared.config import IMAGE_SIZE
from shared.trained import Layer


@torch.inference_mode()  # DIFF-23
def summarize(model: nn.Sequential) -> list[Layer]:
    """Kind, shape of one output and number of parameters of each layer."""
    model.eval()  # DIFF-10
    rows = []
    outputs = torch.zeros(1, IMAGE_SIZE)
    for layer in model:
        outputs = layer(outputs)
        parameters = sum(weights.numel() for weights in layer.parameters())
        rows.append(
            Layer(type(layer).__name__, tuple(outputs.shape[1:]), parameters)
        )
    return rows


def serialize_graph(model: nn.Sequential) -> bytes:
    """The operations as TensorBoard draws them: a serialized GraphDef."""
    # TensorBoard imports TensorFlow where it is installed, unless there is a
    # module of this name.
    sys.modules["tensorboard.compat.notf"] = ModuleType(
        "tensorboard.compat.notf"
    )
    # Only now, because TensorBoard may be missing.
    from torch.utils.tensorboard._pytorch_graph import graph

    with warnings.catch_warnings():
        # It still traces with TorchScript, which is deprecated.
        warnings.simplefilter("ignore")
        traced, _ = graph(model.eval(), torch.zeros(1, IMAGE_SIZE))  # DIFF-10
    return traced.SerializeToString()
