"""Which rows are in which batch, per seed and epoch: the same for every framework."""

from typing import Any

import numpy as np

# Images and labels in whichever framework.
Tensors = tuple[Any, Any]

# Separate streams of one seed, so that no two of these ever share random numbers.
WEIGHTS_STREAM, ORDER_STREAM, SPLIT_STREAM, IMBALANCE_STREAM, AUGMENT_STREAM = range(5)


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the training images in one epoch: a permutation of all of them.

    Batch k holds the rows `order[k * batch_size : (k + 1) * batch_size]`; the last batch holds
    what remains and may be smaller.

    Args:
        size: number of training images.
        seed: the run's seed.
        epoch: counted from 1.

    Returns:
        [size] int64.
    """
    return np.random.default_rng([seed, ORDER_STREAM, epoch]).permutation(size)


def batch_sizes(size: int, batch_size: int) -> np.ndarray:
    """Number of rows of each batch of an epoch, [batches] int64; they add up to `size`."""
    return np.diff(np.append(np.arange(0, size, batch_size), size))


def share_of(rows: int, rank: int, workers: int) -> tuple[int, int]:
    """The first and the last (exclusive) of a batch's rows that this worker learns from.

    Together the shares are the batch: no row is in two, none is left out. Some are empty where
    there are more workers than rows.
    """
    return rows * rank // workers, rows * (rank + 1) // workers


def split_rows(order: np.ndarray, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of each batch as arrays: [full batches, batch_size], and [0 or 1, what remains]."""
    full = len(order) // batch_size
    batches, rest = np.split(order, [full * batch_size])
    return batches.reshape(full, batch_size), rest.reshape(int(rest.size > 0), rest.size)
