"""Mixed precision: matrix products in 16 bits, weights and loss in float32."""

import torch
from torch import nn

from shared.config import INITIAL_SCALE


def use_mixed_precision(
    model: nn.Sequential, precision: str, device: torch.device
) -> None:
    """Compute all layers but the last in this type; weights stay float32.

    Micikevicius et al., "Mixed Precision Training" (2018); bfloat16 has
    float32's range, so only float16 needs `scale_gradients`.
    """
    *body, head = model
    # Most programs put `with torch.autocast(...)` around forward pass and
    # loss; in the layers it leaves `train_step` unchanged.
    for layer in body:
        number = getattr(torch, precision)
        compute_in = torch.autocast(device.type, number)  # DIFF-38
        layer.forward = compute_in(layer.forward)
    # A layer outside it needs inputs of its weights' dtype.
    head.register_forward_pre_hook(lambda _, inputs: inputs[0].float())


# Its methods lack the arguments that `train_step` does not pass.
class Scaling(torch.optim.Optimizer):
    """An optimizer around another one, which removes the scale again."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, device: torch.device
    ) -> None:
        self.optimizer = optimizer
        self.scaler = torch.amp.GradScaler(
            device.type, INITIAL_SCALE
        )  # DIFF-38
        # The other optimizer's, so that schedules and checkpoints find what
        # they look for.
        self.param_groups, self.state = optimizer.param_groups, optimizer.state
        # Otherwise a fused optimizer would skip a step internally, but not the
        # hooks that clip, shrink the weights and move the schedule on.
        flag = "_step_supports_amp_scaling"
        setattr(optimizer, flag, False)

    def zero_grad(self) -> None:  # type: ignore[override]
        """Clear the gradients."""
        self.optimizer.zero_grad()

    def step(self) -> None:  # type: ignore[override]
        """Update; or, if a gradient is infinite or NaN, halve the scale."""
        self.scaler.step(self.optimizer)
        self.scaler.update()


def scale_gradients(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> torch.optim.Optimizer:
    """Scale gradients up behind the logits, so float16 holds small ones.

    Equivalent to scaling the loss (section 3.2 of the paper), but leaves the
    reported loss unscaled.

    Returns:
        An optimizer that scales them down again and chooses the scale.
    """
    scaling = Scaling(optimizer, device)
    # Most programs write `scaler.scale(loss).backward()`.
    model.register_full_backward_pre_hook(
        lambda _, gradients: scaling.scaler.scale(gradients)
    )
    return scaling
