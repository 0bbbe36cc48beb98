"""Step 6: measuring."""

import numpy as np
import torch
from torch import nn

from .data import make_batches
from .loss import compute_loss, count_correct


@torch.inference_mode()  # DIFF-23
def predict(model: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """Logits of all images in one call: images [n, 784] -> logits [n, 10]."""
    model.eval()  # DIFF-10
    device = next(model.parameters()).device
    return model(torch.from_numpy(images).to(device)).cpu().numpy()  # DIFF-16


@torch.inference_mode()  # DIFF-23
def evaluate(
    model: nn.Sequential, images: torch.Tensor, labels: torch.Tensor, batch_size: int = 1000
) -> tuple[float, float]:
    """Mean loss and accuracy (a fraction) over all images [n, 784] and labels [n]."""
    model.eval()  # DIFF-10
    loss, correct = 0.0, 0
    for batch_images, batch_labels in make_batches(
        images, labels, np.arange(len(labels)), batch_size
    ):
        logits = model(batch_images)
        loss += float(compute_loss(logits, batch_labels)) * len(batch_labels)
        correct += int(count_correct(logits, batch_labels))
    return loss / len(labels), correct / len(labels)
