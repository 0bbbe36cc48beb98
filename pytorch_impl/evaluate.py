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
    logits = model(torch.from_numpy(images).to(device))  # DIFF-16
    return logits.cpu().numpy()


@torch.inference_mode()  # DIFF-23
def evaluate(
    model: nn.Sequential,
    images: torch.Tensor,
    labels: torch.Tensor,
    batch_size: int = 1000,
) -> tuple[float, float]:
    """Mean loss and accuracy (a fraction) over images [n, 784], labels [n]."""
    model.eval()  # DIFF-10
    loss, correct, order = 0.0, 0, np.arange(len(labels))
    batches = make_batches(images, labels, order, batch_size)
    for batch_images, batch_labels in batches:
        logits = model(batch_images)
        mean = float(compute_loss(logits, batch_labels))
        loss += mean * len(batch_labels)
        correct += int(count_correct(logits, batch_labels))
    return loss / len(labels), correct / len(labels)
