"""Step 8: using what was trained."""

import numpy as np
import torch
from torch.nn import functional

from shared.config import DeviceName
from shared.initial_weights import Weights
from shared.trained import Predicted

from .device import describe_device
from .evaluate import predict, restore


def predict_trained(weights: Weights, images: np.ndarray, device_name: DeviceName) -> Predicted:
    """Probability of each class, by weights that were trained before, of images [n, 784].

    Raises:
        UsageError: the device is not there.
    """
    device, model = restore(weights, device_name)
    logits = torch.from_numpy(predict(model, images))
    probabilities = functional.softmax(logits, dim=1).numpy()
    return Predicted(str(torch.__version__), describe_device(device), probabilities)
