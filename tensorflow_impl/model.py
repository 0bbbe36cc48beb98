"""Step 2: the network, 784-128-64-10 by default."""

from collections import Counter
from collections.abc import Callable

import keras
from keras import layers

from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights


def build_model(hidden: tuple[int, int]) -> keras.Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    There is no softmax, because the loss contains it.
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


# For each kind of layer, its name and its tensors in every framework.
LEARNED: dict[type, tuple[str, Callable]] = {
    layers.Dense: (
        "dense",
        lambda layer: {"kernel": layer.kernel, "bias": layer.bias},  # DIFF-1
    ),
}


def named_tensors(model: keras.Sequential) -> dict[str, keras.Variable]:
    """Everything the model has learned, under the names of all frameworks."""
    tensors: dict[str, keras.Variable] = {}
    numbers: Counter[str] = Counter()
    for layer in model.layers:
        if type(layer) in LEARNED:
            kind, tensors_of = LEARNED[type(layer)]
            numbers[kind] += 1
            tensors |= {
                f"{kind}_{numbers[kind]}/{name}": tensor
                for name, tensor in tensors_of(layer).items()
                if tensor is not None
            }
    return tensors


def get_weights(model: keras.Sequential) -> Weights:
    """Copy out `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    tensors = named_tensors(model)
    return {name: variable.numpy() for name, variable in tensors.items()}


def set_weights(model: keras.Sequential, weights: Weights) -> None:
    """Copy in weights, named as by `get_weights`; leave all others alone."""
    variables = named_tensors(model)
    for name, array in weights.items():
        variables[name].assign(array)
