"""Checkpoints: an interrupted training goes on as if it had not been."""

from collections.abc import Callable

import numpy as np

from shared.checkpoints import Arrays, Checkpoints

from ..model import Sequential, get_weights
from ..optimizer import Optimizer
from .layers import Dropout

Tensors = tuple[np.ndarray, np.ndarray]
Learner = Callable[[Tensors, np.ndarray], Tensors]

# What an optimizer has only one of, if at all.
COUNTS = ("learning_rate", "t", "batches")


def get_state(model: Sequential, optimizer: Optimizer) -> Arrays:
    """Copy out what optimizer and dropout remember from step to step."""
    arrays = {}
    for name, value in vars(optimizer).items():
        if name in COUNTS:
            arrays[name] = np.array(value)
        elif isinstance(value, list) and name != "parameters":
            arrays |= {
                f"{name}/{place}": array for place, array in enumerate(value)
            }
    for place, layer in enumerate(
        each for each in model.layers if isinstance(each, Dropout)
    ):
        position = layer.random.bit_generator.state["state"]["state"]
        # An integer of 128 bits.
        arrays[f"random/{place}"] = np.frombuffer(
            position.to_bytes(16, "little"), np.uint8
        )
    return {name: array.copy() for name, array in arrays.items()}


def set_state(model: Sequential, optimizer: Optimizer, state: Arrays) -> None:
    """Copy in what `get_state` copied out, from a model of the same kind."""
    # `set_weights` made new arrays.
    optimizer.parameters = model.parameters()
    for name, value in vars(optimizer).items():
        if name in COUNTS:
            setattr(optimizer, name, state[name].item())
        elif isinstance(value, list) and name != "parameters":
            value[:] = [
                state[f"{name}/{place}"].copy() for place in range(len(value))
            ]
    for place, layer in enumerate(
        each for each in model.layers if isinstance(each, Dropout)
    ):
        random = layer.random.bit_generator.state
        random["state"]["state"] = int.from_bytes(
            state[f"random/{place}"].tobytes(), "little"
        )
        layer.random.bit_generator.state = random


def learn_in_pieces(
    learn: Learner,
    model: Sequential,
    optimizer: Optimizer,
    checkpoints: Checkpoints,
) -> Learner:
    """A function like `learn` that saves on the way, and goes on from there.

    Args:
        learn: takes images, labels and the rows [k] to learn from, in order.
        model: what `learn` changes, and what is saved.
        optimizer: likewise.
        checkpoints: say where to cut the rows, and where to begin.
    """

    def learn_pieces(train_set: Tensors, order: np.ndarray) -> Tensors:
        for number, rows in enumerate(checkpoints.pieces(order)):
            if number:
                state = get_state(model, optimizer)
                checkpoints.save(get_weights(model), state)
            losses, correct = learn(train_set, rows)
            checkpoints.add_batches(losses, correct)
        # With those from before the interruption.
        done = checkpoints.batches
        return done["losses"], done["correct"]

    return learn_pieces
