"""Seeded starting weights, so that every framework starts from the same point."""

import math
from itertools import pairwise

import numpy as np

from shared.batches import WEIGHTS_STREAM
from shared.config import CLASSES, IMAGE_SIZE

Weights = dict[str, np.ndarray]


def initial_weights(hidden: tuple[int, int], seed: int, float_type: str = "float32") -> Weights:
    """Draw LeCun-uniform kernels and zero biases: the default of neither framework.

    Kernels come from U(-b, b) with b = sqrt(3 / fan_in), so that their standard deviation is
    1 / sqrt(fan_in): LeCun et al., "Efficient BackProp" (1998), section 4.6. They are drawn in
    float64 and then rounded, so that both float types start from the same point.

    Returns:
        `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on to `dense_3`.
    """
    random = np.random.default_rng([seed, WEIGHTS_STREAM])
    weights = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise((IMAGE_SIZE, *hidden, CLASSES)), start=1):
        bound = math.sqrt(3 / fan_in)
        kernel = random.uniform(-bound, bound, (fan_in, fan_out))
        weights[f"dense_{layer}/kernel"] = kernel.astype(float_type)
        weights[f"dense_{layer}/bias"] = np.zeros(fan_out, float_type)
    return weights
