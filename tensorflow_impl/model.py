"""Step 2: the network, 784-128-64-10 by default."""

from itertools import count

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


def named_tensors(model: keras.Sequential) -> dict[str, keras.Variable]:
    """All that the model has learned, by the names that weights have in every framework."""
    tensors = {}
    dense, norm = count(1), count(1)
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            name = f"dense_{next(dense)}"
            tensors[f"{name}/kernel"] = layer.kernel  # DIFF-1
            if layer.bias is not None:
                tensors[f"{name}/bias"] = layer.bias
        if isinstance(layer, layers.BatchNormalization):
            name = f"batch_norm_{next(norm)}"
            tensors |= {f"{name}/gamma": layer.gamma, f"{name}/beta": layer.beta}
            tensors[f"{name}/moving_mean"] = layer.moving_mean
            tensors[f"{name}/moving_variance"] = layer.moving_variance
    return tensors


def get_weights(model: keras.Sequential) -> Weights:
    """Copy the weights out as `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    return {name: variable.numpy() for name, variable in named_tensors(model).items()}


def set_weights(model: keras.Sequential, weights: Weights) -> None:
    """Copy weights in, named and shaped as `get_weights` gives them; others stay as they are."""
    variables = named_tensors(model)
    for name, array in weights.items():
        variables[name].assign(array)
