"""Step 1: images and labels, batch by batch."""

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset


def to_tensors(
    images: np.ndarray, labels: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn all images and labels into tensors, once.

    Args:
        images: [n, 784] float32 or float64, standardized.
        labels: [n] int64, from 0 to 9.
        device: where the model lives; the tensors live there too.
    """
    return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)  # DIFF-16


def make_batches(
    images: torch.Tensor, labels: torch.Tensor, order: np.ndarray, batch_size: int
) -> DataLoader:
    """Iterate over the rows in the given order: images [batch, 784], labels [batch].

    Args:
        images: [n, 784].
        labels: [n].
        order: [n] int64, which row comes when.
        batch_size: rows of every batch but the last, which holds what remains.
    """
    rows = torch.from_numpy(order).split(batch_size)
    # A sampler of whole batches costs one indexing operation a batch instead of one a row.
    # The loader draws a number each time it is iterated over: not from the stream of dropout.
    own = torch.Generator()
    pairs = TensorDataset(images, labels)
    return DataLoader(pairs, sampler=rows, batch_size=None, generator=own)  # DIFF-8
