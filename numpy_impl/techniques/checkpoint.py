"""Checkpoints: after an interruption the training goes on as if there had been none."""

from collections.abc import Callable, Iterator

import numpy as np

from shared.checkpoints import Arrays, Checkpoints
from shared.clock import Clock
from shared.results import EpochResult

from ..layers import Dropout
from ..model import Sequential, get_weights, set_weights
from ..optimizers import Optimizer

Tensors = tuple[np.ndarray, np.ndarray]

# What an optimizer has only one of.
COUNTS = ("learning_rate", "t", "batches")


def get_state(model: Sequential, optimizer: Optimizer) -> Arrays:
    """Copy out what a step changes beside the weights: what the optimizer and dropout remember."""
    arrays = {name: np.array(getattr(optimizer, name)) for name in COUNTS}
    for name, value in vars(optimizer).items():
        if isinstance(value, list) and name != "parameters":
            arrays |= {f"{name}/{place}": array for place, array in enumerate(value)}
    for place, layer in enumerate(each for each in model.layers if isinstance(each, Dropout)):
        position = layer.random.bit_generator.state["state"]["state"]
        # An integer of 128 bits.
        arrays[f"random/{place}"] = np.frombuffer(position.to_bytes(16, "little"), np.uint8)
    return {name: array.copy() for name, array in arrays.items()}


def set_state(model: Sequential, optimizer: Optimizer, state: Arrays) -> None:
    """Copy in what `get_state` copied out; model and optimizer are new ones of the same kind."""
    # `set_weights` made new arrays.
    optimizer.parameters = model.parameters()
    for name in COUNTS:
        setattr(optimizer, name, state[name].item())
    for name, value in vars(optimizer).items():
        if isinstance(value, list) and name != "parameters":
            value[:] = [state[f"{name}/{place}"].copy() for place in range(len(value))]
    for place, layer in enumerate(each for each in model.layers if isinstance(each, Dropout)):
        random = layer.random.bit_generator.state
        random["state"]["state"] = int.from_bytes(state[f"random/{place}"].tobytes(), "little")
        layer.random.bit_generator.state = random


def learn_in_pieces(
    learn: Callable[..., Tensors], checkpoints: Checkpoints
) -> Callable[..., Tensors]:
    """A function like `train_epoch` that saves on the way, and goes on where a checkpoint is."""

    def learn_epoch(
        model: Sequential,
        optimizer: Optimizer,
        train_set: Tensors,
        order: np.ndarray,
        batch_size: int,
        clock: Clock,
    ) -> Tensors:
        for number, piece in enumerate(checkpoints.pieces(order)):
            if number:
                checkpoints.save(get_weights(model), get_state(model, optimizer))
            losses, correct = learn(model, optimizer, train_set, piece, batch_size, clock)
            checkpoints.add_batches(losses, correct)
        # With those from before the interruption.
        losses, correct = checkpoints.batches["losses"], checkpoints.batches["correct"]
        return losses, correct

    return learn_epoch


def replay(
    epochs: Iterator[EpochResult],
    model: Sequential,
    optimizer: Optimizer,
    checkpoints: Checkpoints,
) -> Iterator[EpochResult]:
    """Pass on the checkpoint's epochs to those who decide by them, then go on from it."""
    if checkpoints.weights is not None:
        # Early stopping keeps the weights that it finds at the best epoch.
        set_weights(model, checkpoints.best)
        yield from list(checkpoints.epochs)
        set_weights(model, checkpoints.weights)
        set_state(model, optimizer, checkpoints.state)
    yield from epochs


def save_epochs(
    epochs: Iterator[EpochResult],
    model: Sequential,
    optimizer: Optimizer,
    checkpoints: Checkpoints,
) -> Iterator[EpochResult]:
    """Pass on the epochs that are not in the checkpoint yet, and save after each."""
    known = len(checkpoints.epochs)
    for epoch in epochs:
        if epoch.epoch > known:
            # First, because who looks at it may find that the training failed.
            yield epoch
            checkpoints.add_epoch(epoch)
            checkpoints.save(get_weights(model), get_state(model, optimizer))
