"""Seeded starting weights, so that every framework starts from the same point."""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np

from shared.batches import WEIGHTS_STREAM
from shared.config import CLASSES, IMAGE_SIZE

Weights = dict[str, np.ndarray]


def learned(names: Iterable[str]) -> list[str]:
    """Those names of weights that are learned by gradients, in their order."""
    return [name for name in names if "/moving_" not in name]


# Bounds of the uniform distributions of kernel and bias, from a layer's fan-in and fan-out.
SCHEMES: dict[str, Callable[[int, int], tuple[float, float]]] = {
    # LeCun et al., "Efficient BackProp" (1998), section 4.6: a deviation of 1 / sqrt(fan_in).
    "shared": lambda fan_in, _: (math.sqrt(3 / fan_in), 0),
    # The default of torch.nn.Linear.
    "pytorch": lambda fan_in, _: (fan_in**-0.5, fan_in**-0.5),
    # The default of keras.layers.Dense: Glorot and Bengio (2010), equation 16.
    "keras": lambda fan_in, fan_out: (math.sqrt(6 / (fan_in + fan_out)), 0),
}

BATCH_NORM = {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0}


def weight_shapes(hidden: tuple[int, ...], batch_norm: bool = False) -> dict[str, tuple[int, ...]]:
    """The shapes of what `initial_weights` draws, in its order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise((IMAGE_SIZE, *hidden, CLASSES)), start=1):
        shapes[f"dense_{layer}/kernel"] = (fan_in, fan_out)
        normalized = batch_norm and layer <= len(hidden)
        names = [f"batch_norm_{layer}/{each}" for each in BATCH_NORM] if normalized else []
        shapes |= dict.fromkeys(names or [f"dense_{layer}/bias"], (fan_out,))
    return shapes


def initial_weights(
    hidden: tuple[int, ...],
    seed: int,
    float_type: str = "float32",
    scheme: str = "shared",
    batch_norm: bool = False,
) -> Weights:
    """Draw kernels and biases uniformly; the shared scheme is the default of neither framework.

    They are drawn in float64 and then rounded, so that both float types start from the same point;
    and the same seed draws the same numbers for every scheme, only scaled.

    Args:
        hidden: units of the hidden layers.
        seed: the run's seed.
        float_type: of the returned arrays.
        scheme: a key of SCHEMES.
        batch_norm: give those of batch normalization in place of the hidden layers' biases.

    Returns:
        `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on to the last layer; with
        `batch_norm` `batch_norm_1/gamma`, `beta`, `moving_mean`, `moving_variance`, [out] each.
    """
    random = np.random.default_rng([seed, WEIGHTS_STREAM])
    weights = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise((IMAGE_SIZE, *hidden, CLASSES)), start=1):
        kernel_bound, bias_bound = SCHEMES[scheme](fan_in, fan_out)
        kernel = kernel_bound * random.uniform(-1, 1, (fan_in, fan_out))
        bias = bias_bound * random.uniform(-1, 1, fan_out)
        weights[f"dense_{layer}/kernel"] = kernel.astype(float_type)
        if batch_norm and layer <= len(hidden):
            for name, value in BATCH_NORM.items():
                weights[f"batch_norm_{layer}/{name}"] = np.full(fan_out, value, float_type)
        else:
            weights[f"dense_{layer}/bias"] = bias.astype(float_type)
    return weights
