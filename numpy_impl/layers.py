"""The layers that only techniques need, by hand."""

import numpy as np

from shared.config import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM


class BatchNorm:
    """outputs = gamma * (inputs - mean) / sqrt(variance + epsilon) + beta; inputs [batch, units].

    Ioffe and Szegedy, "Batch Normalization" (2015): Algorithm 1, and the gradients of section 3.
    In training mean and variance are the batch's; else they are running means over batches.
    """

    training = False

    def __init__(self, units: int) -> None:
        self.gamma, self.beta = np.ones(units), np.zeros(units)
        self.moving_mean, self.moving_variance = np.zeros(units), np.ones(units)

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the inputs' shape; what the gradients need is kept."""
        mean, variance = self.moving_mean, self.moving_variance
        if self.training:
            mean, variance = inputs.mean(axis=0), inputs.var(axis=0)
            keep, rows = BATCH_NORM_MOMENTUM, len(inputs)
            self.moving_mean = keep * self.moving_mean + (1 - keep) * mean
            # The unbiased variance is kept, but the biased one divides, as in PyTorch.
            unbiased = variance * (rows / (rows - 1))
            self.moving_variance = keep * self.moving_variance + (1 - keep) * unbiased
        self.scale = 1 / np.sqrt(variance + BATCH_NORM_EPSILON)
        self.normalized = (inputs - mean) * self.scale
        return self.gamma * self.normalized + self.beta

    def parameters(self) -> list[np.ndarray]:
        """Gamma and beta; the running means are not learned."""
        return [self.gamma, self.beta]

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """From the gradient of the outputs to those of gamma and beta."""
        return [(gradient * self.normalized).sum(axis=0), gradient.sum(axis=0)]

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """From the gradient of the outputs to that of the inputs, which also move the mean."""
        gradient = gradient * self.gamma
        along = (gradient * self.normalized).mean(axis=0) * self.normalized
        return self.scale * (gradient - gradient.mean(axis=0) - along)


class Dropout:
    """outputs = inputs * mask / (1 - rate), with a new random mask of 0 and 1 in each step."""

    training = False

    def __init__(self, rate: float) -> None:
        self.rate, self.random = rate, np.random.default_rng(0)

    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the inputs' shape; the mask is kept, because gradients pass where it is 1."""
        self.mask = np.ones((), inputs.dtype)
        if self.training:
            kept = self.random.random(inputs.shape) >= self.rate
            self.mask = (kept / (1 - self.rate)).astype(inputs.dtype)
        return inputs * self.mask

    def parameters(self) -> list[np.ndarray]:
        """There are none."""
        return []

    def weight_gradients(self, gradient: np.ndarray) -> list[np.ndarray]:
        """There are no weights."""
        return []

    def input_gradient(self, gradient: np.ndarray) -> np.ndarray:
        """From the gradient of the outputs to that of the inputs."""
        return gradient * self.mask
