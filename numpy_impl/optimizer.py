"""Step 4: how gradients become updates."""

import math

import numpy as np

from shared.config import ADAM_EPSILON, Alignment

from .model import Sequential


class Optimizer:
    """Updates the parameters in place; `update` defines how."""

    def __init__(
        self, parameters: list[np.ndarray], learning_rate: float
    ) -> None:
        self.parameters, self.learning_rate = parameters, learning_rate
        # Updates so far, including the current one.
        self.t = 0

    def like_parameters(self) -> list[np.ndarray]:
        """Zeros with the parameters' shapes and dtypes."""
        return [np.zeros_like(parameter) for parameter in self.parameters]

    def step(self, gradients: list[np.ndarray]) -> None:
        """Move each parameter by its gradient, of the same shape and dtype."""
        self.t += 1
        for place, gradient in enumerate(gradients):
            self.update(place, gradient, self.learning_rate)

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place."""
        raise NotImplementedError


class Adam(Optimizer):
    """weight -= learning_rate * m_hat / (sqrt(v_hat) + epsilon).

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015),
    Algorithm 1: m_hat = m / (1 - beta_1^t) and v_hat = v / (1 - beta_2^t)
    correct the running means' bias towards their start at zero.

    With `epsilon_hat` the rearrangement at the end of their section 2, as in
    stock Keras: weight -= alpha_t * m / (sqrt(v) + epsilon), where both
    corrections are in the step size alpha_t = learning_rate * sqrt(1 -
    beta_2^t) / (1 - beta_1^t). Epsilon stays outside them, so it weighs 1 /
    sqrt(1 - beta_2^t) times as much.
    """

    def __init__(
        self,
        parameters: list[np.ndarray],
        learning_rate: float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = ADAM_EPSILON,
        epsilon_hat: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon, self.epsilon_hat = epsilon, epsilon_hat
        self.m, self.v = self.like_parameters(), self.like_parameters()

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place."""
        m, v = self.m[place], self.v[place]
        m += (1 - self.beta_1) * (gradient - m)
        v += (1 - self.beta_2) * (gradient**2 - v)
        correction = math.sqrt(1 - self.beta_2**self.t)
        epsilon = (
            self.epsilon / correction if self.epsilon_hat else self.epsilon
        )
        step_size = rate / (1 - self.beta_1**self.t)
        self.parameters[place] -= (
            step_size * m / (np.sqrt(v) / correction + epsilon)
        )


def make_optimizer(
    model: Sequential, learning_rate: float, alignment: Alignment
) -> Optimizer:
    """Adam for all weights of the model.

    Args:
        model: the network whose weights it updates.
        learning_rate: about how far each weight moves in a step.
        alignment: not used, because the reference computes what PyTorch does.
    """
    return Adam(model.parameters(), learning_rate)
