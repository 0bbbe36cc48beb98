"""Activation functions of hidden layers: ReLU, leaky ReLU, GELU, tanh."""

from collections.abc import Callable, Mapping
from functools import partial

import keras
from keras import layers

from shared.config import Alignment

from ..aligned import AlignedGELU, AlignedLeakyReLU

ACTIVATIONS: dict[str, Callable[..., keras.Layer]] = {
    "relu": layers.ReLU,
    "leaky-relu": layers.LeakyReLU,  # DIFF-42
    "gelu": partial(layers.Activation, "gelu"),  # DIFF-43
    "tanh": partial(layers.Activation, "tanh"),
}
# The ones that keep the digits of float64.
ALIGNED: dict[str, Callable[..., keras.Layer]] = {
    "leaky-relu": AlignedLeakyReLU,
    "gelu": AlignedGELU,
}


def choose_activation(
    name: str, parameters: Mapping[str, float], alignment: Alignment
) -> Callable[[], keras.Layer]:
    """The function that makes layers of this activation function.

    Args:
        name: of the function, as `--activation` takes it.
        parameters: of the function; by default the framework's own.
        alignment: whether both frameworks round alike.
    """
    exact = ALIGNED if alignment == "exact" else {}  # DIFF-44
    return partial((ACTIVATIONS | exact)[name], **parameters)
