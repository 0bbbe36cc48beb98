"""Adam by hand."""

import math

import numpy as np

from shared.config import ADAM_EPSILON


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), Algorithm 1.

    m_hat = m / (1 - beta_1^t) and v_hat = v / (1 - beta_2^t) correct the running means' bias
    towards their start at zero; then weight -= learning_rate * m_hat / (sqrt(v_hat) + epsilon).

    With `epsilon_hat` the rearrangement at the end of their section 2, as stock Keras has it:
    weight -= alpha_t * m / (sqrt(v) + epsilon), where both corrections are in the step size
    alpha_t = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t). Epsilon stays outside of them,
    so that it weighs 1 / sqrt(1 - beta_2^t) times as much.
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
        self.parameters = parameters
        self.learning_rate, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.epsilon, self.epsilon_hat = epsilon, epsilon_hat
        self.m = [np.zeros_like(weight) for weight in parameters]
        self.v = [np.zeros_like(weight) for weight in parameters]
        self.t = 0

    def step(self, gradients: list[np.ndarray]) -> None:
        """Update the parameters in place; each gradient has its parameter's shape and dtype."""
        self.t += 1
        step_size = self.learning_rate / (1 - self.beta_1**self.t)
        correction = math.sqrt(1 - self.beta_2**self.t)
        epsilon = self.epsilon / correction if self.epsilon_hat else self.epsilon
        for weight, gradient, m, v in zip(self.parameters, gradients, self.m, self.v, strict=True):
            m += (1 - self.beta_1) * (gradient - m)
            v += (1 - self.beta_2) * (gradient**2 - v)
            weight -= step_size * m / (np.sqrt(v) / correction + epsilon)
