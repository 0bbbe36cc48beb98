"""Step 2: the network, 784-128-64-10 by default."""

from collections import Counter
from collections.abc import Callable

import torch
from torch import nn

from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights


def build_model(hidden: tuple[int, int]) -> nn.Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    There is no softmax, because the loss contains it.
    """
    return nn.Sequential(
        nn.Linear(IMAGE_SIZE, hidden[0]),  # DIFF-2  # DIFF-24
        nn.ReLU(),
        nn.Linear(hidden[0], hidden[1]),
        nn.ReLU(),
        nn.Linear(hidden[1], CLASSES),
    )


# For each kind of layer, its name and its tensors in every framework.
LEARNED: dict[type, tuple[str, Callable]] = {
    nn.Linear: (
        "dense",
        lambda layer: {"kernel": layer.weight.T, "bias": layer.bias},  # DIFF-1
    ),
}


def named_tensors(model: nn.Sequential) -> dict[str, torch.Tensor]:
    """Everything the model has learned, under the names of all frameworks."""
    tensors: dict[str, torch.Tensor] = {}
    numbers: Counter[str] = Counter()
    for layer in model:
        if type(layer) in LEARNED:
            kind, tensors_of = LEARNED[type(layer)]
            numbers[kind] += 1
            tensors |= {
                f"{kind}_{numbers[kind]}/{name}": tensor
                for name, tensor in tensors_of(layer).items()
                if tensor is not None
            }
    return tensors


def get_weights(model: nn.Sequential) -> Weights:
    """Copy out `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    # Copies, because the next step changes the memory that `numpy()` shares.
    return {
        name: tensor.detach().cpu().numpy().copy(order="C")
        for name, tensor in named_tensors(model).items()
    }


@torch.no_grad()  # DIFF-23
def set_weights(model: nn.Sequential, weights: Weights) -> None:
    """Copy in weights, named as by `get_weights`; leave all others alone."""
    tensors = named_tensors(model)
    for name, array in weights.items():
        tensors[name].copy_(torch.from_numpy(array))
