"""What is computed on the way, for comparing implementations."""

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
    look_at_epochs,
    make_learner,
    train_rows,
)
from .train import Tensors

# About a thousand times the rounding of float32.
NUDGE = 1e-4

# By how many roundings each weight is changed, half a unit in its last place
# each: about as many as a sum in another order makes.
ROUNDINGS = 8

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
    """The smallest absolute input of any ReLU in the last batch, but for zero.

    Leaky ones count. Where it is within rounding of zero, chance decides
    whether a gradient passes; a sum of nothing but zeros is zero to everybody.
    It is infinite where nothing has a kink.
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
        dataset: what is learned.
        emit: told of `start`, `step` and `epoch`, each with its named arrays.
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


def trace_control(
    config: TrainConfig, dataset: Dataset, emit: Emit, seed: int | None
) -> None:
    """Trace it with weights nudged and the rows of each batch permuted.

    How far two correct trainings part, such controls show: by rounding, which
    grows, and at once where it decides on which side of zero a ReLU's input
    lies.

    Args:
        config: of the training.
        dataset: what is learned.
        emit: as in `trace`.
        seed: draws for each weight whether it is rounded up or down; with None
            all are nudged up, by more than rounding does, so that this control
            parts early.
    """
    random = np.random.default_rng(seed)
    built = build(config, dataset)
    device, model, _, train_set, _ = built
    loss = choose_loss(config, dataset, device)
    unit = float(np.finfo(config.float_type).eps) / 2
    for weight in model.parameters():
        signs = random.choice((-1, 1), weight.shape)
        weight *= 1 + (NUDGE if seed is None else ROUNDINGS * unit * signs)
    sound_backward = model.backward

    # A probability near 1 is rounded before 1 is taken from it, by each
    # implementation in its own way, however little the weights differ.
    def backward(gradient: np.ndarray) -> list[np.ndarray]:
        signs = random.choice((-1, 1), gradient.shape)
        lost = unit / len(gradient) * signs * (gradient < 0)
        return sound_backward(gradient + lost.astype(gradient.dtype))

    model.backward = backward  # type: ignore[method-assign]
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    batches = make_batches(*train_set, order, config.batch_size)
    images, labels = next(iter(batches))
    emit("start", compute_gradients(model, images, labels, loss))
    clock = Clock()
    clock.after_step = lambda _: emit("step", get_weights(model))
    learn = make_learner(config, "reference", dataset, built, clock)

    def learn_permuted(train_set: Tensors, rows: np.ndarray) -> Tensors:
        return learn(
            train_set, permute_batches(rows, config.batch_size, random)
        )

    epochs = train_rows(config, dataset, built, learn_permuted, clock)
    for epoch in look_at_epochs(config, dataset, built, epochs, clock):
        emit("epoch", epoch_arrays(epoch))


def permute_batches(
    order: np.ndarray, batch_size: int, random: np.random.Generator
) -> np.ndarray:
    """The same rows [n] in the same batches, in another order within each."""
    starts = range(0, len(order), batch_size)
    return np.concatenate(
        [random.permutation(order[k : k + batch_size]) for k in starts]
    )
