"""Gradient accumulation: several batches make one update."""

import keras


def accumulate(
    optimizer: keras.optimizers.Optimizer, batches: int
) -> keras.optimizers.Optimizer:
    """Let each update average the gradients of several batches."""
    optimizer.gradient_accumulation_steps = (
        batches if batches > 1 else None
    )  # DIFF-33
    return optimizer
