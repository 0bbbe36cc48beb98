"""Step 2: the network, 784-128-64-10 by default."""

import torch
from torch import nn

from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights


def build_model(hidden: tuple[int, int]) -> nn.Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    The logits are left without softmax, which the loss contains.
    """
    return nn.Sequential(
        nn.Linear(IMAGE_SIZE, hidden[0]),  # DIFF-2  # DIFF-24
        nn.ReLU(),
        nn.Linear(hidden[0], hidden[1]),
        nn.ReLU(),
        nn.Linear(hidden[1], CLASSES),
    )


def get_weights(model: nn.Sequential) -> Weights:
    """Copy the weights out as `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    weights = {}
    # Copies, because the next step changes the memory that `numpy()` shares.
    dense_layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(dense_layers, start=1):
        weights[f"dense_{number}/kernel"] = layer.weight.detach().cpu().numpy().T.copy()  # DIFF-1
        weights[f"dense_{number}/bias"] = layer.bias.detach().cpu().numpy().copy()
    return weights


@torch.no_grad()  # DIFF-23
def set_weights(model: nn.Sequential, weights: Weights) -> None:
    """Copy weights in, named and shaped as `get_weights` gives them."""
    dense_layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(dense_layers, start=1):
        layer.weight.copy_(torch.from_numpy(weights[f"dense_{number}/kernel"].T))  # DIFF-1
        layer.bias.copy_(torch.from_numpy(weights[f"dense_{number}/bias"]))
