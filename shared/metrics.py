"""Figures computed from logits and labels, whichever framework the logits came from."""

import numpy as np

from shared.batches import batch_sizes


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of rows whose largest logit is the label's; logits [n, 10], labels [n]."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the rows of -log softmax(logits)[label], in float64.

    Written with the largest logit subtracted, so that no exponential overflows.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels]))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of each class, [n, 10] float64; each row adds up to 1."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def epoch_mean(batch_means: np.ndarray, size: int, batch_size: int) -> float:
    """Mean over the `size` images of an epoch, from the means of its batches, [batches].

    The last batch may be smaller, so each batch counts by its number of images.
    """
    return float(np.average(batch_means, weights=batch_sizes(size, batch_size)))
