"""Step 2: the network, 784-128-64-10 by default."""

import keras
from keras import layers

from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights


def build_model(hidden: tuple[int, int]) -> keras.Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    The logits are left without softmax, which the loss contains.
    """
    return keras.Sequential(
        [
            keras.Input((IMAGE_SIZE,)),  # DIFF-24
            layers.Dense(hidden[0]),  # DIFF-2
            layers.ReLU(),
            layers.Dense(hidden[1]),
            layers.ReLU(),
            layers.Dense(CLASSES),
        ]
    )


def get_weights(model: keras.Sequential) -> Weights:
    """Copy the weights out as `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    weights = {}
    dense_layers = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    for number, layer in enumerate(dense_layers, start=1):
        weights[f"dense_{number}/kernel"] = layer.kernel.numpy()  # DIFF-1
        weights[f"dense_{number}/bias"] = layer.bias.numpy()
    return weights


def set_weights(model: keras.Sequential, weights: Weights) -> None:
    """Copy weights in, named and shaped as `get_weights` gives them."""
    dense_layers = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    for number, layer in enumerate(dense_layers, start=1):
        layer.kernel.assign(weights[f"dense_{number}/kernel"])  # DIFF-1
        layer.bias.assign(weights[f"dense_{number}/bias"])
