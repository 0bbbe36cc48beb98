"""Networks of any depth, with dropout and batch normalization."""

from collections.abc import Callable
from functools import partial

import keras
from keras import layers

from shared.config import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    CLASSES,
    IMAGE_SIZE,
    Alignment,
)

from ..aligned import AlignedBatchNormalization
from ..model import LEARNED

for kind in (layers.BatchNormalization, AlignedBatchNormalization):
    LEARNED[kind] = (
        "batch_norm",
        lambda layer: {
            "gamma": layer.gamma,
            "beta": layer.beta,
            "moving_mean": layer.moving_mean,
            "moving_variance": layer.moving_variance,
        },
    )


def build_network(
    hidden: tuple[int, ...],
    activation: Callable[[], keras.Layer],
    dropout: float,
    batch_norm: bool,
    alignment: Alignment,
) -> keras.Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    Args:
        hidden: units of each hidden layer.
        activation: makes a layer of the activation function.
        dropout: fraction of each hidden layer's units switched off in a
            training step, while the others are scaled up; Srivastava et al.,
            "Dropout" (2014), section 10.
        batch_norm: normalize each hidden layer over the batch before its
            activation; Ioffe and Szegedy, "Batch Normalization" (2015),
            Algorithm 1.
        alignment: sets momentum, epsilon and the kept variance of batch
            normalization.
    """
    # The share of the running statistics that is kept; PyTorch gives the share
    # that is replaced.
    matched = {
        "momentum": BATCH_NORM_MOMENTUM,
        "epsilon": BATCH_NORM_EPSILON,
    }  # DIFF-28
    normalization = {
        "defaults": layers.BatchNormalization,
        "matched": partial(layers.BatchNormalization, **matched),
        "exact": partial(AlignedBatchNormalization, **matched),
    }[alignment]
    stack = [keras.Input((IMAGE_SIZE,))]
    for units in hidden:
        # Normalizing would remove a bias again.
        stack.append(layers.Dense(units, use_bias=not batch_norm))
        if batch_norm:
            stack.append(normalization())  # DIFF-54
        stack.append(activation())
        if dropout:
            stack.append(layers.Dropout(dropout))  # DIFF-17  # DIFF-45
    return keras.Sequential([*stack, layers.Dense(CLASSES)])
