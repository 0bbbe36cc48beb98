"""Step 2: the network, 784-128-64-10 by default."""

from itertools import count

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


def named_tensors(model: nn.Sequential) -> dict[str, torch.Tensor]:
    """All that the model has learned, by the names that weights have in every framework."""
    tensors = {}
    dense, norm = count(1), count(1)
    for layer in model:
        if isinstance(layer, nn.Linear):
            name = f"dense_{next(dense)}"
            tensors[f"{name}/kernel"] = layer.weight.T  # DIFF-1
            if layer.bias is not None:
                tensors[f"{name}/bias"] = layer.bias
        if isinstance(layer, nn.BatchNorm1d):
            name = f"batch_norm_{next(norm)}"
            tensors |= {f"{name}/gamma": layer.weight, f"{name}/beta": layer.bias}
            tensors[f"{name}/moving_mean"] = layer.running_mean
            tensors[f"{name}/moving_variance"] = layer.running_var
    return tensors


def get_weights(model: nn.Sequential) -> Weights:
    """Copy the weights out as `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    # Copies, because the next step changes the memory that `numpy()` shares.
    return {
        name: tensor.detach().cpu().numpy().copy(order="C")
        for name, tensor in named_tensors(model).items()
    }


@torch.no_grad()  # DIFF-23
def set_weights(model: nn.Sequential, weights: Weights) -> None:
    """Copy weights in, named and shaped as `get_weights` gives them; others stay as they are."""
    tensors = named_tensors(model)
    for name, array in weights.items():
        tensors[name].copy_(torch.from_numpy(array))
