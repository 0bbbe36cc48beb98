"""Other losses: smoothed labels, one-hot labels, classes that count more."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from shared.config import CLASSES

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def make_loss(
    label_smoothing: float,
    one_hot: bool,
    class_weights: np.ndarray | None,
    device: torch.device,
) -> Loss:
    """A function like `compute_loss`: logits [batch, 10], labels [batch].

    Args:
        label_smoothing: probability taken from the label and spread evenly
            over all classes; Szegedy et al., "Rethinking the Inception
            Architecture" (2016), section 7.
        one_hot: pass the labels as vectors with a one at the class.
        class_weights: [10], multiplies each image's loss by its label's
            weight.
        device: where the logits are.
    """
    weights = (
        None
        if class_weights is None
        else torch.tensor(class_weights.tolist(), device=device)
    )

    def compute_loss(
        logits: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        targets = (
            functional.one_hot(labels, CLASSES).to(logits.dtype)
            if one_hot
            else labels
        )
        losses = functional.cross_entropy(
            logits, targets, label_smoothing=label_smoothing, reduction="none"
        )  # DIFF-36
        # Not `weight=`, which averages over the weights instead of the images.
        if weights is not None:
            losses = losses * weights[labels]  # DIFF-37
        return losses.mean()

    return compute_loss
