"""Activation functions of hidden layers: ReLU, leaky ReLU, GELU, tanh."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from scipy.special import ndtr

from shared import activations
from shared.config import Alignment

from ..model import Layer, ReLU


class LeakyReLU(ReLU):
    """outputs = inputs where they are above 0, else negative_slope * inputs.

    Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic
    Models" (2013), section 2. The derivative at 0 is taken as the slope, as
    both frameworks do.
    """

    def __init__(self, negative_slope: float) -> None:
        self.negative_slope = negative_slope

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Keeps the inputs, because their sign is needed again."""
        self.inputs = inputs
        return np.where(inputs > 0, inputs, self.negative_slope * inputs)

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """Scaled down where the output was."""
        return np.where(
            self.inputs > 0, gradient, self.negative_slope * gradient
        )


class GELU(Layer):
    """outputs = inputs * Phi(inputs), Phi the normal distribution's.

    Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)" (2016), section
    2: the exact one; the paper also has approximations.
    """

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Keeps inputs and probabilities for the derivative."""
        self.inputs, self.below = inputs, ndtr(inputs)
        return inputs * self.below

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """Times Phi(x) + x * phi(x), where phi is the density."""
        x = self.inputs
        density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return gradient * (self.below + x * density)


class Tanh(Layer):
    """outputs = tanh(inputs); LeCun et al., "Efficient BackProp" (1998)."""

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Keeps the outputs, which give the derivative."""
        self.outputs = np.tanh(inputs)
        return self.outputs

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """Times 1 - tanh(x)^2."""
        return gradient * (1 - self.outputs * self.outputs)


ACTIVATIONS: dict[str, Callable[..., Layer]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "gelu": GELU,
    "tanh": Tanh,
}


def choose_activation(
    name: str, parameters: Mapping[str, float], alignment: Alignment
) -> Callable[[], Layer]:
    """The function that makes layers of this activation function.

    Args:
        name: of the function, as `--activation` takes it.
        parameters: of the function; by default the reference's, as NumPy has
            none of its own.
        alignment: whether both frameworks round alike.
    """
    reference = activations.ACTIVATIONS[name].parameters
    return partial(ACTIVATIONS[name], **{**reference, **parameters})
