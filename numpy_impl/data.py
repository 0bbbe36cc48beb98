"""Step 1: images and labels, batch by batch."""

from collections.abc import Iterator

import numpy as np


def to_tensors(
    images: np.ndarray, labels: np.ndarray, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Turn all images and labels into tensors, once.

    Args:
        images: [n, 784] float32 or float64, standardized.
        labels: [n] int64, from 0 to 9.
        device: always the CPU; NumPy's arrays already are tensors.
    """
    return images, labels


def make_batches(
    images: np.ndarray, labels: np.ndarray, order: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Iterate over rows in this order: images [batch, 784], labels [batch].

    Args:
        images: [n, 784].
        labels: [n].
        order: [n] int64, the row numbers in the order of use.
        batch_size: rows of every batch except the last, which holds the rest.
    """
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield images[rows], labels[rows]
