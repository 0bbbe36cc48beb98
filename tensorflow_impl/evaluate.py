"""Step 6: measuring."""

import keras
import numpy as np
import tensorflow as tf

from shared.config import DeviceName
from shared.initial_weights import Weights
from shared.trained import Evaluated
from shared.weights_file import float_type, has_batch_norm, hidden_units

from .data import make_batches, to_tensors
from .device import choose_device, describe_device
from .loss import compute_loss, count_correct
from .model import set_weights
from .techniques.layers import build_network


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


def restore(
    weights: Weights, device_name: DeviceName
) -> tuple[tf.config.PhysicalDevice, keras.Sequential]:
    """Device and model with weights that were trained before, computing in their dtype.

    Raises:
        UsageError: the device is not there.
    """
    device = choose_device(device_name, float_type(weights))
    # Dropout has no weights, and nothing to do outside of training.
    options = {"dropout": 0.0, "batch_norm": has_batch_norm(weights), "alignment": "matched"}
    model = build_network(hidden_units(weights), **options)
    set_weights(model, weights)
    return device, model


def evaluate_trained(
    weights: Weights, images: np.ndarray, labels: np.ndarray, device_name: DeviceName
) -> Evaluated:
    """Measure weights that were trained before on images [n, 784] and labels [n].

    Raises:
        UsageError: the device is not there.
    """
    device, model = restore(weights, device_name)
    loss, accuracy = evaluate(model, *to_tensors(images, labels, device))
    logits = predict(model, images)
    return Evaluated(tf.__version__, describe_device(device), loss, accuracy, logits)
