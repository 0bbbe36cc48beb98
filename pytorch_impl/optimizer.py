"""Step 4: how gradients become updates."""

import torch
from torch import nn

from shared.config import Alignment


def make_optimizer(
    model: nn.Module, learning_rate: float, alignment: Alignment
) -> torch.optim.Optimizer:
    """Adam for all weights of the model.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015).

    Args:
        model: the network whose weights it updates.
        learning_rate: about how far each weight moves in a step.
        alignment: not used. `--alignment` says how far Keras adopts PyTorch's
            epsilon and formula, which never change.
    """
    # Fused: one pass over each weight and its moments instead of a dozen.
    return torch.optim.Adam(
        model.parameters(), lr=learning_rate, fused=True
    )  # DIFF-3
