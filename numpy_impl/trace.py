"""Intermediate results, for comparing implementations."""

from collections.abc import Callable

import numpy as np

from shared.batches import epoch_order
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.initial_weights import learned
from shared.metrics import epoch_arrays

from .data import make_batches
from .loss import Loss
from .model import ReLU, Sequential, get_weights
from .run import (
    build,
    choose_loss,
    learn_in_epochs,
)

Emit = Callable[[str, dict[str, np.ndarray]], None]


def compute_gradients(
    model: Sequential,
    images: np.ndarray,
    labels: np.ndarray,
    compute_loss: Loss,
) -> dict[str, np.ndarray]:
    """One batch, its logits, loss and gradients: images [batch, 784].

    Returns:
        `images`, `labels`, `logits` [batch, 10], `loss` [], and a gradient for
        each weight, named and shaped as in `get_weights`.
    """
    logits = model(images, training=True)
    gradients = model.backward(compute_loss.gradient(logits, labels))
    figures = {
        "images": images,
        "labels": labels,
        "logits": logits,
        "loss": compute_loss(logits, labels),
    }
    for name, gradient in zip(
        learned(get_weights(model)), gradients, strict=True
    ):
        figures[f"gradient of {name}"] = gradient
    return figures


def nearest_kink(model: Sequential) -> dict[str, np.ndarray]:
    """The smallest absolute input of any ReLU in the last batch, except zero.

    Leaky ones count. Within rounding of zero, chance decides whether a
    gradient passes; a sum of zeros is exactly zero in every implementation. It
    is infinite if no activation has a kink.
    """
    inputs = [
        np.abs(layer.inputs)
        for layer in model.layers
        if isinstance(layer, ReLU)
    ]
    smallest = min(
        (each.min(where=each > 0, initial=np.inf) for each in inputs),
        default=np.inf,
    )
    return {"nearest kink": np.array(smallest)}


def trace(
    config: TrainConfig, variant: str, dataset: Dataset, emit: Emit
) -> None:
    """Train, and emit the first gradients, each step's weights, each epoch.

    Args:
        config: of the training.
        variant: how to train.
        dataset: what to learn.
        emit: called with `start`, `step` and `epoch`, each with its named
            arrays.
    """
    built = build(config, dataset)
    device, model, _, train_set, _ = built
    loss = choose_loss(config, dataset, device)
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    batches = make_batches(*train_set, order, config.batch_size)
    images, labels = next(iter(batches))
    emit(
        "start",
        compute_gradients(model, images, labels, loss) | nearest_kink(model),
    )
    clock = Clock()
    clock.after_step = lambda _: emit(
        "step", get_weights(model) | nearest_kink(model)
    )
    for epoch in learn_in_epochs(config, variant, dataset, built, clock):
        emit("epoch", epoch_arrays(epoch))
