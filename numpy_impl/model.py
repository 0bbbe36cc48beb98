"""Step 2: the network, 784-128-64-10 by default."""

from collections import Counter

import numpy as np

from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights


class Layer:
    """One step from images to logits; most have no weights."""

    training = False

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs [batch, out]; keeps what the backward pass needs."""
        raise NotImplementedError

    def parameters(self) -> list[np.ndarray]:
        """The learned arrays."""
        return []

    def weight_gradients(
        self,
        gradient: np.ndarray,  # noqa: ARG002 - For layers with weights.
    ) -> list[np.ndarray]:
        """The parameters' gradients, from the gradient of the outputs."""
        return []

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """The inputs' gradient, from the gradient of the outputs."""
        raise NotImplementedError


class Dense(Layer):
    """outputs = inputs @ kernel + bias; kernel [in, out], bias [out]."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        self.kernel = np.zeros((fan_in, fan_out))
        self.bias = np.zeros(fan_out)

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Keeps the inputs, because the kernel's gradient needs them."""
        self.inputs = inputs
        return inputs @ self.kernel + self.bias

    def parameters(self) -> list[np.ndarray]:
        """Kernel and bias."""
        return [self.kernel, self.bias]

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """The gradients of kernel and bias."""
        return [self.inputs.T @ gradient, gradient.sum(axis=0)]

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """[batch, out] -> [batch, in]."""
        return gradient @ self.kernel.T


class ReLU(Layer):
    """outputs = max(inputs, 0); the derivative at 0 is taken as 0.

    Both frameworks do the same.
    """

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Keeps the inputs, because their sign is needed again."""
        self.inputs = inputs
        return np.maximum(inputs, 0)

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """No gradient passes where the output does not depend on the input."""
        return gradient * (self.inputs > 0)


class Sequential:
    """Layers one after the other."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers

    def __call__(
        self, images: np.ndarray, training: bool = False
    ) -> np.ndarray:
        outputs = images
        for layer in self.layers:
            layer.training = training
            outputs = layer.forward(outputs)
        return outputs

    def backward(self, gradient: np.ndarray) -> list[np.ndarray]:
        """All gradients from that of the logits, by the chain rule.

        Returns:
            The gradients in the order of `parameters`.
        """
        gradients: list[np.ndarray] = []
        for layer in reversed(self.layers):
            gradients = layer.weight_gradients(gradient) + gradients
            # The gradient of the images is not needed; it would cost as much
            # as the forward pass.
            if layer is not self.layers[0]:
                gradient = layer.input_gradient(gradient)
        return gradients

    def parameters(self) -> list[np.ndarray]:
        """Everything learned: kernel, bias, kernel, bias, and so on."""
        return [each for layer in self.layers for each in layer.parameters()]


def build_model(hidden: tuple[int, int]) -> Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    There is no softmax, because the loss contains it.
    """
    return Sequential(
        Dense(IMAGE_SIZE, hidden[0]),
        ReLU(),
        Dense(hidden[0], hidden[1]),
        ReLU(),
        Dense(hidden[1], CLASSES),
    )


# For each kind of layer, its name in every framework and its arrays.
LEARNED: dict[type, tuple[str, tuple[str, ...]]] = {
    Dense: ("dense", ("kernel", "bias")),
}


def named_tensors(model: Sequential) -> dict[str, tuple[Layer, str]]:
    """Everything the model has learned, under the names of all frameworks.

    Returns:
        The layer and the attribute that holds the array.
    """
    tensors: dict[str, tuple[Layer, str]] = {}
    numbers: Counter[str] = Counter()
    for layer in model.layers:
        if type(layer) in LEARNED:
            kind, attributes = LEARNED[type(layer)]
            numbers[kind] += 1
            for name in attributes:
                tensors[f"{kind}_{numbers[kind]}/{name}"] = layer, name
    return tensors


def get_weights(model: Sequential) -> Weights:
    """Copy out `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on."""
    places = named_tensors(model)
    return {name: getattr(*place).copy() for name, place in places.items()}


def set_weights(model: Sequential, weights: Weights) -> None:
    """Copy in weights, named as by `get_weights`; leave all others alone.

    The model takes over their dtype in new arrays; an optimizer made before
    still has the old ones.
    """
    places = named_tensors(model)
    for name, array in weights.items():
        setattr(*places[name], array.copy())
