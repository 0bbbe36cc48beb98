"""Step 6: measuring."""

import numpy as np

from .data import make_batches
from .loss import compute_loss, count_correct
from .model import Sequential


def predict(model: Sequential, images: np.ndarray) -> np.ndarray:
    """Logits of all images in one call: images [n, 784] -> logits [n, 10]."""
    return model(images)


@np.errstate(over="ignore", invalid="ignore")
def evaluate(
    model: Sequential,
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int = 1000,
) -> tuple[float, float]:
    """Mean loss and accuracy (a fraction) over images [n, 784], labels [n]."""
    loss, correct, order = 0.0, 0, np.arange(len(labels))
    batches = make_batches(images, labels, order, batch_size)
    for batch_images, batch_labels in batches:
        logits = model(batch_images)
        mean = float(compute_loss(logits, batch_labels))
        loss += mean * len(batch_labels)
        correct += int(count_correct(logits, batch_labels))
    return loss / len(labels), correct / len(labels)
