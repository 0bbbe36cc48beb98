"""Mixed precision: matrix products in bfloat16, weights and loss in float32."""

import torch
from torch import nn


def use_mixed_precision(model: nn.Sequential, device: torch.device) -> None:
    """Compute all layers but the last in bfloat16; weights, logits and loss stay float32.

    Micikevicius et al., "Mixed Precision Training" (2018); bfloat16 has float32's range, so the
    loss needs no scaling.
    """
    *body, head = model
    # Most programs put the block `with torch.autocast(...)` around forward pass and loss; in the
    # layers it leaves `train_step` as it is.
    for layer in body:
        layer.forward = torch.autocast(device.type, torch.bfloat16)(layer.forward)  # DIFF-38
    # A layer outside of it wants inputs of its weights' dtype.
    head.register_forward_pre_hook(lambda layer, inputs: inputs[0].float())
