"""Step 6: measuring."""

import keras
import numpy as np
import tensorflow as tf

from .data import make_batches
from .loss import compute_loss, count_correct


def predict(model: keras.Sequential, images: np.ndarray) -> np.ndarray:
    """Logits of all images in one call: images [n, 784] -> logits [n, 10]."""
    logits = model(images, training=False)  # DIFF-10
    return logits.numpy()


def evaluate(
    model: keras.Sequential,
    images: tf.Tensor,
    labels: tf.Tensor,
    batch_size: int = 1000,
) -> tuple[float, float]:
    """Mean loss and accuracy (a fraction) over images [n, 784], labels [n]."""
    loss, correct, order = 0.0, 0, np.arange(len(labels))
    batches = make_batches(images, labels, order, batch_size)
    for batch_images, batch_labels in batches:
        logits = model(batch_images, training=False)  # DIFF-10
        mean = float(compute_loss(logits, batch_labels))
        loss += mean * len(batch_labels)
        correct += int(count_correct(logits, batch_labels))
    return loss / len(labels), correct / len(labels)
