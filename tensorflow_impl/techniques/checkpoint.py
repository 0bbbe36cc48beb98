"""Checkpoints: an interrupted training continues as if it had not been."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from shared.checkpoints import Arrays, Checkpoints

from ..model import get_weights

Tensors = tuple[tf.Tensor, tf.Tensor]
Learner = Callable[[Tensors, np.ndarray], Tensors]


def get_state(
    model: keras.Model, optimizer: keras.optimizers.Optimizer
) -> Arrays:
    """Copy out the state that optimizer and dropout keep from step to step."""
    dropouts = [
        layer for layer in model.layers if isinstance(layer, layers.Dropout)
    ]
    variables = [
        *optimizer.variables,
        *(layer.seed_generator.state for layer in dropouts),
    ]
    return {
        str(place): np.array(each.numpy())
        for place, each in enumerate(variables)
    }  # DIFF-40


def set_state(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, state: Arrays
) -> None:
    """Copy in the state from `get_state` of a model of the same kind."""
    dropouts = [
        layer for layer in model.layers if isinstance(layer, layers.Dropout)
    ]
    variables = [
        *optimizer.variables,
        *(layer.seed_generator.state for layer in dropouts),
    ]
    for place, variable in enumerate(variables):
        variable.assign(state[str(place)])


def learn_in_pieces(
    learn: Learner,
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
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
            checkpoints.add_batches(losses.numpy(), correct.numpy())
        # With those from before the interruption.
        done = checkpoints.batches
        return tf.constant(done["losses"]), tf.constant(done["correct"])

    return learn_pieces
