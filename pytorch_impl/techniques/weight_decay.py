"""Weight decay: every update also shrinks the weights a little."""

import torch


def decay_weights(optimizer: torch.optim.Optimizer, decay: float) -> None:
    """Before each update, shrink all weights by `rate * decay` of themselves.

    Decoupled from the gradients: Loshchilov and Hutter, "Decoupled Weight
    Decay Regularization" (2019), Algorithm 2.
    """

    @torch.no_grad()
    def shrink(optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.mul_(1 - group["lr"] * decay)

    if decay:
        optimizer.register_step_pre_hook(shrink)  # DIFF-31
