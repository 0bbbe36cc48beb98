"""Checkpoints: an interrupted training continues as if it had not been."""

from collections.abc import Callable

import numpy as np

from shared.checkpoints import Arrays, Checkpoints

from ..model import Sequential, get_weights
from ..optimizer import Optimizer
from .layers import Dropout

Tensors = tuple[np.ndarray, np.ndarray]
Learner = Callable[[Tensors, np.ndarray], Tensors]

# State that an optimizer has at most once.
COUNTS = ("learning_rate", "t", "batches")


def get_state(model: Sequential, optimizer: Optimizer) -> Arrays:
    """Copy out the state that optimizer and dropout keep from step to step."""
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
        # A 128-bit integer.
        arrays[f"random/{place}"] = np.frombuffer(
            position.to_bytes(16, "little"), np.uint8
        )
    return {name: array.copy() for name, array in arrays.items()}


def set_state(model: Sequential, optimizer: Optimizer, state: Arrays) -> None:
    """Copy in the state from `get_state` of a model of the same kind."""
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
    """A function like `learn` that saves on the way and continues from there.

    Args:
        learn: takes images, labels and the rows [k] to learn from, in order.
        model: the network that `learn` changes; it is saved.
        optimizer: likewise.
        checkpoints: say where to cut the rows and where to begin.
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
