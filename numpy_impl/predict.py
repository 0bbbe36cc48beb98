"""Step 8: using the trained network."""

import numpy as np

from shared.config import DeviceName
from shared.trained import Evaluated, Predicted
from shared.weights_file import (
    TrainedNetwork,
    float_type,
    has_batch_norm,
    hidden_units,
)

from .data import to_tensors
from .device import choose_device, describe_device
from .evaluate import evaluate, predict
from .model import Sequential, set_weights
from .techniques.activations import choose_activation
from .techniques.layers import build_network


def restore(
    network: TrainedNetwork, device_name: DeviceName
) -> tuple[str, Sequential]:
    """Device and model with trained weights, computing in their dtype.

    Raises:
        UsageError: the device is not there.
    """
    weights, training = network.weights, network.training
    device = choose_device(device_name, float_type(weights))
    function = training.activation, training.activation_parameters
    model = build_network(
        hidden_units(weights),
        choose_activation(*function, alignment="matched"),
        # Dropout has no weights, and does nothing outside training.
        dropout=0.0,
        batch_norm=has_batch_norm(weights),
        alignment="matched",
    )
    set_weights(model, weights)
    return device, model


def evaluate_trained(
    network: TrainedNetwork,
    images: np.ndarray,
    labels: np.ndarray,
    device_name: DeviceName,
) -> Evaluated:
    """Measure a trained network on images [n, 784] and labels [n].

    Raises:
        UsageError: the device is not there.
    """
    device, model = restore(network, device_name)
    loss, accuracy = evaluate(model, *to_tensors(images, labels, device))
    logits = predict(model, images)
    described = np.__version__, describe_device(device)
    return Evaluated(*described, loss, accuracy, logits)


def predict_trained(
    network: TrainedNetwork, images: np.ndarray, device_name: DeviceName
) -> Predicted:
    """Probability of each class of images [n, 784] by a trained network.

    Raises:
        UsageError: the device is not there.
    """
    device, model = restore(network, device_name)
    logits = predict(model, images)
    # Subtracting the largest logit prevents overflow and changes nothing else.
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    described = np.__version__, describe_device(device)
    return Predicted(*described, probabilities)
