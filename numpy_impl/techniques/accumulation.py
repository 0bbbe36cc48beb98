"""Gradient accumulation: several batches for one update, as if one large."""

from .updates import Extended


def accumulate(optimizer: Extended, batches: int) -> Extended:
    """Let each update average the gradients of so many batches."""
    optimizer.accumulate = batches
    return optimizer
