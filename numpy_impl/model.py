"""Step 2: the network, 784-128-64-10 by default."""

import numpy as np

from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights


class Dense:
    """outputs = inputs @ kernel + bias; inputs [batch, in], kernel [in, out], bias [out]."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        self.kernel = np.zeros((fan_in, fan_out))
        self.bias = np.zeros(fan_out)

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs [batch, out]; the inputs are kept, because the kernel's gradient needs them."""
        self.inputs = inputs
        return inputs @ self.kernel + self.bias

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """From the gradient of the outputs to those of kernel and bias."""
        return [self.inputs.T @ gradient, gradient.sum(axis=0)]

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """From the gradient of the outputs to that of the inputs."""
        return gradient @ self.kernel.T


class ReLU:
    """outputs = max(inputs, 0); the derivative at 0 is taken as 0, as both frameworks do."""

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the inputs' shape; the inputs are kept, because their sign is needed again."""
        self.inputs = inputs
        return np.maximum(inputs, 0)

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """There are no weights."""
        return []

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """From the gradient of the outputs to that of the inputs."""
        return gradient * (self.inputs > 0)


class Sequential:
    """Layers one after the other."""

    def __init__(self, *layers: Dense | ReLU) -> None:
        self.layers = layers

    def __call__(self, images: np.ndarray) -> np.ndarray:
        outputs = images
        for layer in self.layers:
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
        """All weights, in the order kernel, bias, kernel, bias, ..."""
        dense_layers = [layer for layer in self.layers if isinstance(layer, Dense)]
        return [weight for layer in dense_layers for weight in (layer.kernel, layer.bias)]


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


def get_weights(model: Sequential) -> Weights:
    """Copy the weights out as `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    weights = {}
    dense_layers = [layer for layer in model.layers if isinstance(layer, Dense)]
    for number, layer in enumerate(dense_layers, start=1):
        weights[f"dense_{number}/kernel"] = layer.kernel.copy()
        weights[f"dense_{number}/bias"] = layer.bias.copy()
    return weights


def set_weights(model: Sequential, weights: Weights) -> None:
    """Copy weights in, named and shaped as `get_weights` gives them.

    The model takes over their dtype, in new arrays: an optimizer made before still has the old.
    """
    dense_layers = [layer for layer in model.layers if isinstance(layer, Dense)]
    for number, layer in enumerate(dense_layers, start=1):
        layer.kernel = weights[f"dense_{number}/kernel"].copy()
        layer.bias = weights[f"dense_{number}/bias"].copy()
