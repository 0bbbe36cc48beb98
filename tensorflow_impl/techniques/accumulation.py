"""Gradient accumulation: several batches for one update, as if one large."""

import keras


def accumulate(
    optimizer: keras.optimizers.Optimizer, batches: int
) -> keras.optimizers.Optimizer:
    """Let each update average the gradients of so many batches."""
    optimizer.gradient_accumulation_steps = (
        batches if batches > 1 else None
    )  # DIFF-33
    return optimizer
