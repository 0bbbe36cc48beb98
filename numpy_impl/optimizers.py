"""The optimizers by hand."""

import math
from collections.abc import Callable

import numpy as np

from shared.config import ADAGRAD_EPSILON, ADAM_EPSILON, RMSPROP_EPSILON, RMSPROP_RHO


class Optimizer:
    """Updates the parameters in place; what the techniques add to it are its attributes."""

    def __init__(self, parameters: list[np.ndarray], learning_rate: float) -> None:
        self.parameters, self.learning_rate = parameters, learning_rate
        # How much of `learning_rate` an update takes, by how many came before it.
        self.schedule: Callable[[int], float] = lambda updates: 1.0
        self.weight_decay, self.clip_norm, self.accumulate = 0.0, None, 1
        self.sums = self.like_parameters()
        # Batches so far, and updates, which count from 1 while one is being made.
        self.batches, self.t = 0, 0

    def like_parameters(self) -> list[np.ndarray]:
        """Zeros of the shapes and dtypes of the parameters."""
        return [np.zeros_like(parameter) for parameter in self.parameters]

    def step(self, gradients: list[np.ndarray]) -> None:
        """Take one batch's gradients, and update the parameters if these were enough batches."""
        if self.accumulate > 1:
            gradients = self.sums = [a + b for a, b in zip(self.sums, gradients, strict=True)]
        self.batches += 1
        if self.batches % self.accumulate:
            return
        if self.accumulate > 1:
            gradients = [total / self.accumulate for total in self.sums]
            self.sums = self.like_parameters()
        if self.clip_norm is not None:
            norm = math.sqrt(sum(float(np.sum(gradient**2)) for gradient in gradients))
            if norm > self.clip_norm:
                gradients = [gradient * (self.clip_norm / norm) for gradient in gradients]
        rate = self.current_rate()
        for parameter in self.parameters:
            parameter *= 1 - rate * self.weight_decay
        self.t += 1
        for place, gradient in enumerate(gradients):
            self.update(place, gradient, rate)

    def current_rate(self) -> float:
        """The learning rate of the next update."""
        return self.learning_rate * self.schedule(self.t)

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place; the gradient has its shape and dtype."""
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent: v = momentum * v + g; weight -= learning_rate * v.

    With Nesterov's momentum, which looks ahead, weight -= learning_rate * (g + momentum * v);
    Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).
    """

    def __init__(
        self,
        parameters: list[np.ndarray],
        learning_rate: float,
        momentum: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum, self.nesterov = momentum, nesterov
        self.v = self.like_parameters()

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place; the gradient has its shape and dtype."""
        v = self.v[place]
        v *= self.momentum
        v += gradient
        self.parameters[place] -= rate * (gradient + self.momentum * v if self.nesterov else v)


class Adam(Optimizer):
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
        super().__init__(parameters, learning_rate)
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.epsilon, self.epsilon_hat = epsilon, epsilon_hat
        self.m, self.v = self.like_parameters(), self.like_parameters()

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place; the gradient has its shape and dtype."""
        m, v = self.m[place], self.v[place]
        m += (1 - self.beta_1) * (gradient - m)
        v += (1 - self.beta_2) * (gradient**2 - v)
        correction = math.sqrt(1 - self.beta_2**self.t)
        epsilon = self.epsilon / correction if self.epsilon_hat else self.epsilon
        step_size = rate / (1 - self.beta_1**self.t)
        self.parameters[place] -= step_size * m / (np.sqrt(v) / correction + epsilon)


class RMSprop(Optimizer):
    """Divides by the root of a running mean of squares: v = rho * v + (1 - rho) * g^2.

    Tieleman and Hinton, "Lecture 6.5: RMSprop" (2012), with momentum as in Graves, "Generating
    Sequences With Recurrent Neural Networks" (2013), but not centred.
    """

    def __init__(
        self, parameters: list[np.ndarray], learning_rate: float, momentum: float = 0.0
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum = momentum
        self.v, self.buffer = self.like_parameters(), self.like_parameters()

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place; the gradient has its shape and dtype."""
        v, buffer = self.v[place], self.buffer[place]
        v *= RMSPROP_RHO
        v += (1 - RMSPROP_RHO) * gradient**2
        buffer *= self.momentum
        buffer += gradient / (np.sqrt(v) + RMSPROP_EPSILON)
        self.parameters[place] -= rate * buffer


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squares so far.

    Duchi et al., "Adaptive Subgradient Methods" (2011), section 1, with diagonal matrices.
    """

    def __init__(self, parameters: list[np.ndarray], learning_rate: float) -> None:
        super().__init__(parameters, learning_rate)
        self.sum_of_squares = self.like_parameters()

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place; the gradient has its shape and dtype."""
        self.sum_of_squares[place] += gradient**2
        root = np.sqrt(self.sum_of_squares[place])
        self.parameters[place] -= rate * gradient / (root + ADAGRAD_EPSILON)
