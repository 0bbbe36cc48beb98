"""Gradient accumulation: several batches make one update."""

from .updates import Extended


def accumulate(optimizer: Extended, batches: int) -> Extended:
    """Let each update average the gradients of several batches."""
    optimizer.accumulate = batches
    return optimizer
