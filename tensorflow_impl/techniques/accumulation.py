"""Gradient accumulation: several batches for one update, as if they were one large batch."""

import keras


def accumulate(optimizer: keras.optimizers.Optimizer, batches: int) -> keras.optimizers.Optimizer:
    """Let the optimizer average the gradients of so many batches for each update."""
    optimizer.gradient_accumulation_steps = batches if batches > 1 else None  # DIFF-33
    return optimizer
