"""Intermediate results, for comparing implementations."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

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
    model: nn.Sequential,
    images: torch.Tensor,
    labels: torch.Tensor,
    compute_loss: Callable[..., torch.Tensor],
) -> dict[str, np.ndarray]:
    """One batch, its logits, loss and gradients: images [batch, 784].

    Returns:
        `images`, `labels`, `logits` [batch, 10], `loss` [], and a gradient for
        each weight, named and shaped as in `get_weights`.
    """
    logits = model(images)
    loss = compute_loss(logits, labels)
    gradients = torch.autograd.grad(loss, tuple(model.parameters()))
    figures = {
        "images": images.cpu().numpy(),
        "labels": labels.cpu().numpy(),
        "logits": logits.detach().cpu().numpy(),
        "loss": loss.detach().cpu().numpy(),
    }
    for name, gradient in zip(
        learned(get_weights(model)), gradients, strict=True
    ):
        figures[f"gradient of {name}"] = (
            gradient.cpu().numpy().T.copy()
        )  # DIFF-1
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
