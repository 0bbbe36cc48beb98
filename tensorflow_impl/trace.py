"""Intermediate results, for comparing implementations."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from shared.batches import epoch_order
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.initial_weights import learned
from shared.metrics import epoch_arrays

from .data import make_batches
from .model import get_weights
from .run import build, choose_loss, learn_in_epochs

Emit = Callable[[str, dict[str, np.ndarray]], None]


def compute_gradients(
    model: keras.Sequential,
    images: tf.Tensor,
    labels: tf.Tensor,
    compute_loss: Callable[..., tf.Tensor],
) -> dict[str, np.ndarray]:
    """One batch, its logits, loss and gradients: images [batch, 784].

    Returns:
        `images`, `labels`, `logits` [batch, 10], `loss` [], and a gradient for
        each weight, named and shaped as in `get_weights`.
    """
    with tf.GradientTape() as tape:
        logits = model(images, training=True)  # DIFF-10
        loss = compute_loss(logits, labels)
    gradients = tape.gradient(loss, model.trainable_variables)
    figures = {
        "images": images.numpy(),
        "labels": labels.numpy(),
        "logits": logits.numpy(),
        "loss": loss.numpy(),
    }
    for name, gradient in zip(
        learned(get_weights(model)), gradients, strict=True
    ):
        figures[f"gradient of {name}"] = gradient.numpy()  # DIFF-1
    return figures


def trace(
    config: TrainConfig, variant: str, dataset: Dataset, emit: Emit
) -> None:
    """Train, and emit the first gradients, each step's weights, each epoch.

    Args:
        emit: called with `start`, `step` and `epoch`, each with its named
            arrays; those of a `step` include the number of `steps` it covers.
    """
    built = build(config, dataset)
    device, model, _, train_set, _ = built
    loss = choose_loss(config, dataset, device)
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    batches = make_batches(*train_set, order, config.batch_size)
    images, labels = next(iter(batches))
    emit("start", compute_gradients(model, images, labels, loss))
    clock = Clock()
    clock.after_step = lambda steps: emit(
        "step", {"steps": np.array(steps), **get_weights(model)}
    )
    for epoch in learn_in_epochs(config, variant, dataset, built, clock):
        emit("epoch", epoch_arrays(epoch))
