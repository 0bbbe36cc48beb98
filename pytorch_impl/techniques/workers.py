"""Workers: processes that learn together, each from its share of a batch."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from shared.batches import share_of
from shared.workers import JOINING, refuse_place

from ..train import train_step

Tensors = tuple[torch.Tensor, torch.Tensor]
Learner = Callable[[Tensors, np.ndarray], Tensors]


@cache
def join(
    workers: int, timeout: float, device: torch.device
) -> distributed.ProcessGroup | None:
    """Meet the other workers, once per process; None if there are none.

    Args:
        workers: number of all workers, including this one.
        timeout: seconds to wait for a worker that does not answer.
        device: where this one computes.

    Raises:
        UsageError: it is a GPU, or no variable says where the others are.
    """
    if workers == 1:
        return None
    variables = "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"
    refuse_place(workers, device.type == "cpu", variables)
    joining = timedelta(seconds=JOINING)
    distributed.init_process_group("gloo", timeout=joining)
    distributed.set_timeout(timedelta(seconds=timeout))  # DIFF-61
    return distributed.group.WORLD


def share_step(
    group: distributed.ProcessGroup,
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    compute_loss: Callable[..., torch.Tensor],
) -> Callable[..., Tensors]:
    """A function like `train_step` that learns from a share of the batch.

    The mean over a batch of n rows is the sum over the workers of their n_r/n
    times the means over their shares, and so is its gradient.

    Args:
        group: the workers, from `join`.
        model: the network, of which each worker has a copy.
        optimizer: updates this copy as the others update theirs.
        compute_loss: the mean over a batch.
    """
    rank, workers = group.rank(), group.size()
    shared_model: Any = DistributedDataParallel(model)  # DIFF-60

    def step(
        model: nn.Sequential,
        optimizer: torch.optim.Optimizer,
        images: torch.Tensor,
        labels: torch.Tensor,
    ) -> Tensors:
        first, last = share_of(len(labels), rank, workers)
        # Times the workers, because their gradients are averaged.
        weight = workers * (last - first) / len(labels)  # DIFF-60

        def weighted(
            logits: torch.Tensor, labels: torch.Tensor
        ) -> torch.Tensor:
            # The mean of no rows is NaN; a sum is 0, with gradients.
            if len(labels) == 0:
                return logits.sum()
            return weight * compute_loss(logits, labels)

        share = images[first:last], labels[first:last]
        return train_step(shared_model, optimizer, *share, weighted)

    return step


def learn_together(group: distributed.ProcessGroup, learn: Learner) -> Learner:
    """A function like `learn` that returns the figures of whole batches."""

    def learn_all(train_set: Tensors, rows: np.ndarray) -> Tensors:
        losses, correct = learn(train_set, rows)
        distributed.all_reduce(losses)
        distributed.all_reduce(correct)
        return losses / group.size(), correct

    return learn_all
