"""Step 2: the network, 784-128-64-10 by default."""

from itertools import count

import numpy as np

from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights

from .layers import BatchNorm, Dropout


class Dense:
    """outputs = inputs @ kernel + bias; inputs [batch, in], kernel [in, out], bias [out]."""

    def __init__(self, fan_in: int, fan_out: int, bias: bool = True) -> None:
        self.kernel = np.zeros((fan_in, fan_out))
        self.bias = np.zeros(fan_out) if bias else None

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs [batch, out]; the inputs are kept, because the kernel's gradient needs them."""
        self.inputs = inputs
        outputs = inputs @ self.kernel
        return outputs if self.bias is None else outputs + self.bias

    def parameters(self) -> list[np.ndarray]:
        """Kernel and bias, if there is one."""
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """From the gradient of the outputs to those of kernel and bias."""
        gradients = [self.inputs.T @ gradient, gradient.sum(axis=0)]
        return gradients[: len(self.parameters())]

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """From the gradient of the outputs to that of the inputs."""
        return gradient @ self.kernel.T


class ReLU:
    """outputs = max(inputs, 0); the derivative at 0 is taken as 0, as both frameworks do."""

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the inputs' shape; the inputs are kept, because their sign is needed again."""
        self.inputs = inputs
        return np.maximum(inputs, 0)

    def parameters(self) -> list[np.ndarray]:
        """There are none."""
        return []

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """There are no weights."""
        return []

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """From the gradient of the outputs to that of the inputs."""
        return gradient * (self.inputs > 0)


class Sequential:
    """Layers one after the other."""

    def __init__(self, *layers: Dense | ReLU | BatchNorm | Dropout) -> None:
        self.layers = layers

    def __call__(self, images: np.ndarray, training: bool = False) -> np.ndarray:
        outputs = images
        for layer in self.layers:
            layer.training = training
            outputs = layer.forward(outputs)
        return outputs

    def backward(self, gradient: np.ndarray) -> list[np.ndarray]:
        """From the gradient of the logits to those of all weights, by the chain rule.

        Returns:
            The gradients in the order of `parameters`.
        """
        gradients: list[np.ndarray] = []
        for layer in reversed(self.layers):
            gradients = layer.weight_gradients(gradient) + gradients
            # Nobody asks for the gradient of the images; it would cost as much as the way forward.
            if layer is not self.layers[0]:
                gradient = layer.input_gradient(gradient)
        return gradients

    def parameters(self) -> list[np.ndarray]:
        """All that is learned, layer by layer, in the order kernel, bias, kernel, bias, ..."""
        return [weight for layer in self.layers for weight in layer.parameters()]


def build_model(hidden: tuple[int, int]) -> Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    The logits are left without softmax, which the loss contains.
    """
    return Sequential(
        Dense(IMAGE_SIZE, hidden[0]),
        ReLU(),
        Dense(hidden[0], hidden[1]),
        ReLU(),
        Dense(hidden[1], CLASSES),
    )


def named_tensors(model: Sequential) -> dict[str, tuple[object, str]]:
    """All that the model has learned, by the names that weights have in every framework.

    Returns:
        The layer and the attribute that holds the array.
    """
    tensors = {}
    dense, norm = count(1), count(1)
    for layer in model.layers:
        if isinstance(layer, Dense):
            name, attributes = f"dense_{next(dense)}", ("kernel", "bias")[: len(layer.parameters())]
        elif isinstance(layer, BatchNorm):
            name = f"batch_norm_{next(norm)}"
            attributes = ("gamma", "beta", "moving_mean", "moving_variance")
        else:
            continue
        tensors |= {f"{name}/{attribute}": (layer, attribute) for attribute in attributes}
    return tensors


def get_weights(model: Sequential) -> Weights:
    """Copy the weights out as `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    return {name: getattr(*place).copy() for name, place in named_tensors(model).items()}


def set_weights(model: Sequential, weights: Weights) -> None:
    """Copy weights in, named and shaped as `get_weights` gives them; others stay as they are.

    The model takes over their dtype, in new arrays: an optimizer made before still has the old.
    """
    places = named_tensors(model)
    for name, array in weights.items():
        setattr(*places[name], array.copy())
