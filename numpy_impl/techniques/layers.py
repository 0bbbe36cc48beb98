"""Networks of any depth, with dropout and batch normalization."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from shared.config import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    CLASSES,
    IMAGE_SIZE,
    Alignment,
)

from ..model import LEARNED, Dense, Layer, Sequential


class DenseWithoutBias(Dense):
    """outputs = inputs @ kernel; inputs [batch, in], kernel [in, out]."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        self.kernel = np.zeros((fan_in, fan_out))

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs [batch, out]; keeps the inputs for the backward pass."""
        self.inputs = inputs
        return inputs @ self.kernel

    def parameters(self) -> list[np.ndarray]:
        """The kernel alone."""
        return [self.kernel]

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """The kernel's gradient, from the gradient of the outputs."""
        return [self.inputs.T @ gradient]


class BatchNorm(Layer):
    """outputs = gamma * (inputs - mean) / sqrt(variance + epsilon) + beta.

    Inputs are [batch, units]. Ioffe and Szegedy, "Batch Normalization" (2015):
    Algorithm 1, and the gradients of section 3. In training mean and variance
    are the batch's; else they are running means over batches.
    """

    def __init__(self, units: int) -> None:
        self.gamma, self.beta = np.ones(units), np.zeros(units)
        self.moving_mean, self.moving_variance = (
            np.zeros(units),
            np.ones(units),
        )

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the inputs' shape; keeps what the gradients need."""
        mean, variance = self.moving_mean, self.moving_variance
        if self.training:
            mean, variance = inputs.mean(axis=0), inputs.var(axis=0)
            keep, rows = BATCH_NORM_MOMENTUM, len(inputs)
            self.moving_mean = keep * self.moving_mean + (1 - keep) * mean
            # Keeps the unbiased variance, but divides by the biased one.
            unbiased = variance * (rows / (rows - 1))
            self.moving_variance = (
                keep * self.moving_variance + (1 - keep) * unbiased
            )
        self.scale = 1 / np.sqrt(variance + BATCH_NORM_EPSILON)
        self.normalized = (inputs - mean) * self.scale
        return self.gamma * self.normalized + self.beta

    def parameters(self) -> list[np.ndarray]:
        """Gamma and beta; the running means are not learned."""
        return [self.gamma, self.beta]

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """The gradients of gamma and beta, from that of the outputs."""
        return [(gradient * self.normalized).sum(axis=0), gradient.sum(axis=0)]

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """The inputs' gradient; inputs also move the mean."""
        gradient = gradient * self.gamma
        along = (gradient * self.normalized).mean(axis=0) * self.normalized
        return self.scale * (gradient - gradient.mean(axis=0) - along)


class Dropout(Layer):
    """outputs = inputs * mask / (1 - rate), a mask of 0 and 1 in each step."""

    def __init__(self, rate: float) -> None:
        self.rate, self.random = rate, np.random.default_rng(0)

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Keeps the mask, because gradients pass where it is 1."""
        self.mask = np.ones((), inputs.dtype)
        if self.training:
            kept = self.random.random(inputs.shape) >= self.rate
            self.mask = (kept / (1 - self.rate)).astype(inputs.dtype)
        return inputs * self.mask

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """The inputs' gradient, from the gradient of the outputs."""
        return gradient * self.mask


LEARNED[DenseWithoutBias] = ("dense", ("kernel",))
LEARNED[BatchNorm] = (
    "batch_norm",
    ("gamma", "beta", "moving_mean", "moving_variance"),
)


def build_network(
    hidden: tuple[int, ...],
    activation: Callable[[], Layer],
    dropout: float,
    batch_norm: bool,
    alignment: Alignment,
) -> Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    Args:
        hidden: units of each hidden layer.
        activation: makes a layer of the activation function.
        dropout: fraction of each hidden layer's units switched off in a
            training step, while the others are scaled up; Srivastava et al.,
            "Dropout" (2014), section 10.
        batch_norm: normalize each hidden layer over the batch before its
            activation; Ioffe and Szegedy, "Batch Normalization" (2015),
            Algorithm 1.
        alignment: sets momentum, epsilon and the kept variance of batch
            normalization.
    """
    stack: list[Layer] = []
    for fan_in, fan_out in pairwise((IMAGE_SIZE, *hidden)):
        # Normalizing would remove a bias again.
        dense = DenseWithoutBias if batch_norm else Dense
        stack.append(dense(fan_in, fan_out))
        if batch_norm:
            stack.append(BatchNorm(fan_out))
        stack.append(activation())
        if dropout:
            stack.append(Dropout(dropout))
    return Sequential(*stack, Dense(hidden[-1], CLASSES))
