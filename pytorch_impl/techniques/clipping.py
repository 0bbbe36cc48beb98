"""Gradient clipping: limits the norm of the gradients of an update."""

import torch
from torch import nn


def clip_gradients(
    optimizer: torch.optim.Optimizer, norm: float | None
) -> None:
    """Before each update, scale all gradients down to this global norm.

    Pascanu et al., "On the difficulty of training recurrent neural networks"
    (2013), Algorithm 1.
    """

    if norm is None:
        return

    def clip(optimizer: torch.optim.Optimizer, *_: object) -> None:
        parameters = [
            each
            for group in optimizer.param_groups
            for each in group["params"]
        ]
        gradients = [parameter.grad for parameter in parameters]
        # Not `clip_grad_norm_`, which makes the norm larger by 1e-6.
        scale = (norm / nn.utils.get_total_norm(gradients)).clamp(
            max=1
        )  # DIFF-32
        for gradient in gradients:
            gradient.mul_(scale)

    optimizer.register_step_pre_hook(clip)
