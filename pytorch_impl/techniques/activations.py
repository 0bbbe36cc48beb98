"""Activation functions of hidden layers: ReLU, leaky ReLU, GELU, tanh."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from shared.config import Alignment

ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,  # DIFF-42
    "gelu": nn.GELU,  # DIFF-43
    "tanh": nn.Tanh,
}


def choose_activation(
    name: str, parameters: Mapping[str, float], alignment: Alignment
) -> Callable[[], nn.Module]:
    """The function that makes layers of this activation function.

    Args:
        name: of the function, as `--activation` takes it.
        parameters: of the function; by default the framework's own.
        alignment: whether both frameworks round alike.
    """
    return partial(ACTIVATIONS[name], **parameters)
