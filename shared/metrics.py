"""Figures of an epoch from those of its batches, whichever framework they came from."""

import numpy as np

from shared.batches import batch_sizes


def epoch_mean(batch_means: np.ndarray, size: int, batch_size: int) -> float:
    """Mean over the `size` images of an epoch, from the means of its batches, [batches].

    The last batch may be smaller, so each batch counts by its number of images.
    """
    return float(np.average(batch_means, weights=batch_sizes(size, batch_size)))
