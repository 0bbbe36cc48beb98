"""What the network computes on its way, for comparing one implementation with another."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from shared.batches import epoch_order
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.initial_weights import learned
from shared.metrics import epoch_arrays

from .data import make_batches
from .model import ReLU, Sequential, get_weights
from .optimizers import Optimizer
from .run import build, choose_loss, learn_in_epochs, make_loop
from .train import Tensors

# About a thousand times the rounding of float32.
NUDGE = 1e-4

Emit = Callable[[str, dict[str, np.ndarray]], None]


def compute_gradients(
    model: Sequential,
    images: np.ndarray,
    labels: np.ndarray,
    compute_loss: Callable[..., np.ndarray],
) -> dict[str, np.ndarray]:
    """One batch with its logits, loss and gradients: images [batch, 784], labels [batch].

    Returns:
        `images`, `labels`, `logits` [batch, 10], `loss` [], and a gradient for each weight, named
        and shaped as in `get_weights`.
    """
    logits = model(images, training=True)
    gradients = model.backward(compute_loss.gradient(logits, labels))
    figures = {
        "images": images,
        "labels": labels,
        "logits": logits,
        "loss": compute_loss(logits, labels),
    }
    for name, gradient in zip(learned(get_weights(model)), gradients, strict=True):
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
    built = build(config, dataset)
    device, model, _, train_set, _ = built
    loss, loop = choose_loss(config, dataset, device), make_loop(config, variant, dataset, device)
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    images, labels = next(iter(make_batches(*train_set, order, config.batch_size)))
    emit("start", compute_gradients(model, images, labels, loss) | nearest_kink(model))
    clock = Clock()
    clock.after_step = lambda steps: emit("step", get_weights(model) | nearest_kink(model))
    for epoch in learn_in_epochs(config, loop, dataset, clock, built):
        emit("epoch", epoch_arrays(epoch))


def trace_control(config: TrainConfig, dataset: Dataset, emit: Emit) -> None:
    """Trace the same training with every weight nudged and the rows of each batch permuted.

    Where rounding decides on which side of zero a ReLU's input lies, trajectories part by orders of
    magnitude. The nudge, larger than rounding, makes this control part from the oracle early.
    """
    built = build(config, dataset)
    device, model, _, train_set, _ = built
    loss, loop = (
        choose_loss(config, dataset, device),
        make_loop(config, "reference", dataset, device),
    )
    learn = loop.keywords["learn"]
    for weight in model.parameters():
        weight *= 1 + NUDGE

    def learn_permuted(
        model: Sequential, optimizer: Optimizer, train_set: Tensors, order: np.ndarray, *rest: Any
    ) -> Tensors:
        return learn(model, optimizer, train_set, permute_batches(order, config.batch_size), *rest)

    loop = partial(loop, learn=learn_permuted)
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    images, labels = next(iter(make_batches(*train_set, order, config.batch_size)))
    emit("start", compute_gradients(model, images, labels, loss))
    clock = Clock()
    clock.after_step = lambda steps: emit("step", get_weights(model))
    for epoch in learn_in_epochs(config, loop, dataset, clock, built):
        emit("epoch", epoch_arrays(epoch))


def permute_batches(order: np.ndarray, batch_size: int) -> np.ndarray:
    """The same rows [n] in the same batches, but in another order within each."""
    random = np.random.default_rng(len(order))
    starts = range(0, len(order), batch_size)
    return np.concatenate([random.permutation(order[k : k + batch_size]) for k in starts])
