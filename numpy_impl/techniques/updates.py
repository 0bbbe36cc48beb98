"""The other optimizers by hand, with additions to an update."""

import math
from collections.abc import Callable

import numpy as np

from shared.config import (
    ADAGRAD_EPSILON,
    RMSPROP_EPSILON,
    RMSPROP_RHO,
)

from ..optimizer import Adam, Optimizer


class Extended(Optimizer):
    """An optimizer with the techniques' additions as attributes."""

    def __init__(
        self, parameters: list[np.ndarray], learning_rate: float
    ) -> None:
        super().__init__(parameters, learning_rate)
        # The share of `learning_rate` that applies after this many batches.
        self.schedule: Callable[[int], float] = lambda _: 1.0
        self.weight_decay, self.accumulate = 0.0, 1
        self.clip_norm: float | None = None
        self.batches, self.sums = 0, self.like_parameters()

    def step(self, gradients: list[np.ndarray]) -> None:
        """Take a batch's gradients; update if these were enough batches."""
        rate = self.current_rate()
        if self.accumulate > 1:
            pairs = zip(self.sums, gradients, strict=True)
            gradients = self.sums = [total + new for total, new in pairs]
        self.batches += 1
        if self.batches % self.accumulate:
            return
        if self.accumulate > 1:
            gradients = [total / self.accumulate for total in self.sums]
            self.sums = self.like_parameters()
        if self.clip_norm is not None:
            norm = math.sqrt(sum(float(np.sum(g**2)) for g in gradients))
            if norm > self.clip_norm:
                gradients = [g * (self.clip_norm / norm) for g in gradients]
        for parameter in self.parameters:
            parameter *= 1 - rate * self.weight_decay
        self.t += 1
        for place, gradient in enumerate(gradients):
            self.update(place, gradient, rate)

    def current_rate(self) -> float:
        """The learning rate of an update made with the next batch."""
        return self.learning_rate * self.schedule(self.batches)


class ExtendedAdam(Extended, Adam):
    """Adam, with the same additions."""


class SGD(Extended):
    """Stochastic gradient descent: v = momentum * v + g; weight -= rate * v.

    With Nesterov's momentum, which looks ahead, weight -= rate * (g + momentum
    * v); Sutskever et al., "On the importance of initialization and momentum
    in deep learning" (2013).
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
        """Move the parameter at this place."""
        v = self.v[place]
        v *= self.momentum
        v += gradient
        ahead = gradient + self.momentum * v
        self.parameters[place] -= rate * (ahead if self.nesterov else v)


class RMSprop(Extended):
    """Divides by a running root mean square: v = rho * v + (1 - rho) * g^2.

    Tieleman and Hinton, "Lecture 6.5: RMSprop" (2012), with momentum as in
    Graves, "Generating Sequences With Recurrent Neural Networks" (2013), but
    not centred.
    """

    def __init__(
        self,
        parameters: list[np.ndarray],
        learning_rate: float,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum = momentum
        self.v, self.buffer = self.like_parameters(), self.like_parameters()

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place."""
        v, buffer = self.v[place], self.buffer[place]
        v *= RMSPROP_RHO
        v += (1 - RMSPROP_RHO) * gradient**2
        buffer *= self.momentum
        buffer += gradient / (np.sqrt(v) + RMSPROP_EPSILON)
        self.parameters[place] -= rate * buffer


class Adagrad(Extended):
    """Divides by the root of the sum of all squares so far.

    Duchi et al., "Adaptive Subgradient Methods" (2011), section 1, with
    diagonal matrices.
    """

    def __init__(
        self, parameters: list[np.ndarray], learning_rate: float
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.sum_of_squares = self.like_parameters()

    def update(self, place: int, gradient: np.ndarray, rate: float) -> None:
        """Move the parameter at this place."""
        self.sum_of_squares[place] += gradient**2
        root = np.sqrt(self.sum_of_squares[place])
        self.parameters[place] -= rate * gradient / (root + ADAGRAD_EPSILON)
