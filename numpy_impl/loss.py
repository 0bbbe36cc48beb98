"""Step 3: the loss, and the count of correct predictions."""

from collections.abc import Callable
from typing import Protocol

import numpy as np


class Loss(Protocol):
    """A function of logits [batch, 10] and labels [batch] to a scalar."""

    gradient: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __call__(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The loss; `gradient` is its gradient with respect to the logits."""


def differentiable(
    gradient: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Callable[[Callable], Loss]:
    """Combine a loss with its gradient, so that another loss provides both."""

    def tie(compute_loss: Callable) -> Loss:
        compute_loss.gradient = gradient  # type: ignore[attr-defined]
        return compute_loss  # type: ignore[return-value]

    return tie


@differentiable(lambda *batch: loss_gradient(*batch))
def compute_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cross-entropy, mean over the batch: -log softmax(logits)[label].

    Args:
        logits: [batch, 10], before softmax.
        labels: [batch] int64.

    Returns:
        A scalar of the logits' dtype.
    """
    # Subtracting the largest logit prevents overflow and changes nothing else.
    shifted = logits - logits.max(axis=1, keepdims=True)
    of_labels = shifted[np.arange(len(labels)), labels]
    return np.mean(np.log(np.exp(shifted).sum(axis=1)) - of_labels)


def loss_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gradient of the loss by the logits: (softmax(logits) - one-hot) / batch.

    Bishop, "Pattern Recognition and Machine Learning" (2006), equations 4.106
    to 4.109.

    Returns:
        [batch, 10] of the logits' dtype.
    """
    gradient = np.exp(logits - logits.max(axis=1, keepdims=True))
    gradient /= gradient.sum(axis=1, keepdims=True)
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient / len(labels)


def count_correct(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Number of rows whose largest logit is the label's: a scalar, int64."""
    return (logits.argmax(axis=1) == labels).sum()
