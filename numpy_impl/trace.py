"""What the network computes on its way, for comparing one implementation with another."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np

from shared.batches import epoch_order
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset

from .adam import Adam
from .data import make_batches
from .loss import compute_loss, loss_gradient
from .model import ReLU, Sequential, get_weights
from .run import LOOPS, build
from .train import Tensors, train, train_epoch, train_step

# About a thousand times the rounding of float32.
NUDGE = 1e-4

Emit = Callable[[str, dict[str, np.ndarray]], None]


def compute_gradients(
    model: Sequential, images: np.ndarray, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """One batch with its logits, loss and gradients: images [batch, 784], labels [batch].

    Returns:
        `images`, `labels`, `logits` [batch, 10], `loss` [], and a gradient for each weight, named
        and shaped as in `get_weights`.
    """
    logits = model(images)
    gradients = model.backward(loss_gradient(logits, labels))
    figures = {
        "images": images,
        "labels": labels,
        "logits": logits,
        "loss": compute_loss(logits, labels),
    }
    for name, gradient in zip(get_weights(model), gradients, strict=True):
        figures[f"gradient of {name}"] = gradient
    return figures


def nearest_kink(model: Sequential) -> dict[str, np.ndarray]:
    """The smallest absolute input of any ReLU in the last batch, as the array `nearest kink`.

    Where it is within rounding of zero, chance decides whether a gradient passes.
    """
    inputs = [layer.inputs for layer in model.layers if isinstance(layer, ReLU)]
    return {"nearest kink": np.array(min(np.abs(each).min() for each in inputs))}


def trace(config: TrainConfig, variant: str, dataset: Dataset, emit: Emit) -> None:
    """Train, and emit the first batch's gradients, the weights after each step, each epoch's end.

    Args:
        emit: told of `start`, `step` and `epoch`, each with its named arrays.
    """
    _, model, optimizer, train_set, test_set = build(config, dataset)
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    images, labels = next(iter(make_batches(*train_set, order, config.batch_size)))
    emit("start", compute_gradients(model, images, labels) | nearest_kink(model))
    clock = Clock()
    clock.after_step = lambda steps: emit("step", get_weights(model) | nearest_kink(model))
    for epoch in LOOPS[variant](model, optimizer, train_set, test_set, config, clock):
        emit("epoch", {name: np.array(value) for name, value in asdict(epoch).items()})


def trace_control(config: TrainConfig, dataset: Dataset, emit: Emit) -> None:
    """Trace the same training with every weight nudged and the rows of each batch permuted.

    Where rounding decides on which side of zero a ReLU's input lies, trajectories part by orders of
    magnitude. The nudge, larger than rounding, makes this control part from the oracle early.
    """
    _, model, optimizer, train_set, test_set = build(config, dataset)
    for weight in model.parameters():
        weight *= 1 + NUDGE

    def step(model: Sequential, optimizer: Adam, images: np.ndarray, labels: np.ndarray) -> Tensors:
        rows = np.random.default_rng(len(labels)).permutation(len(labels))
        return train_step(model, optimizer, images[rows], labels[rows])

    learn = partial(train_epoch, step=step)
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    images, labels = next(iter(make_batches(*train_set, order, config.batch_size)))
    emit("start", compute_gradients(model, images, labels))
    clock = Clock()
    clock.after_step = lambda steps: emit("step", get_weights(model))
    for epoch in train(model, optimizer, train_set, test_set, config, clock, learn):
        emit("epoch", {name: np.array(value) for name, value in asdict(epoch).items()})
