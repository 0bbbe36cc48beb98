"""Gradient accumulation: several batches for one update, as if they were one large batch."""

from ..optimizers import Optimizer


def accumulate(optimizer: Optimizer, batches: int) -> Optimizer:
    """Let the optimizer average the gradients of so many batches for each update."""
    optimizer.accumulate = batches
    return optimizer
