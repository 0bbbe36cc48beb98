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
        device: where the model is; the tensors go there too.
    """
    arrays = torch.from_numpy(images), torch.from_numpy(labels)
    return arrays[0].to(device), arrays[1].to(device)  # DIFF-16


def make_batches(
    images: torch.Tensor,
    labels: torch.Tensor,
    order: np.ndarray,
    batch_size: int,
) -> DataLoader:
    """Iterate over rows in this order: images [batch, 784], labels [batch].

    Args:
        images: [n, 784].
        labels: [n].
        order: [n] int64, the row numbers in the order of use.
        batch_size: rows of every batch except the last, which holds the rest.
    """
    rows = torch.from_numpy(order).split(batch_size)
    # Whole batches from the sampler: one indexing operation for each. Its own
    # generator, because each iteration over the loader draws a number.
    return DataLoader(
        TensorDataset(images, labels),
        sampler=rows,
        batch_size=None,
        generator=torch.Generator(),
    )  # DIFF-8
