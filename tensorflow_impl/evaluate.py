"""Step 6: measuring."""

import keras
import numpy as np
import tensorflow as tf

from .data import make_batches
from .loss import compute_loss, count_correct


def predict(model: keras.Sequential, images: np.ndarray) -> np.ndarray:
    """Logits of all images in one call: images [n, 784] -> logits [n, 10]."""
    return model(images, training=False).numpy()  # DIFF-10


def evaluate(
    model: keras.Sequential, images: tf.Tensor, labels: tf.Tensor, batch_size: int = 1000
) -> tuple[float, float]:
    """Mean loss and accuracy (a fraction) over all images [n, 784] and labels [n]."""
    loss, correct = 0.0, 0
    for batch_images, batch_labels in make_batches(
        images, labels, np.arange(len(labels)), batch_size
    ):
        logits = model(batch_images, training=False)  # DIFF-10
        loss += float(compute_loss(logits, batch_labels)) * len(batch_labels)
        correct += int(count_correct(logits, batch_labels))
    return loss / len(labels), correct / len(labels)
