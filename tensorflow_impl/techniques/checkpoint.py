"""Checkpoints: after an interruption the training goes on as if there had been none."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from shared.checkpoints import Arrays, Checkpoints
from shared.clock import Clock
from shared.results import EpochResult

from ..model import get_weights, set_weights

Tensors = tuple[tf.Tensor, tf.Tensor]


def get_state(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Arrays:
    """Copy out what a step changes beside the weights: what the optimizer and dropout remember."""
    dropouts = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
    variables = [*optimizer.variables, *(layer.seed_generator.state for layer in dropouts)]
    return {str(place): np.array(each.numpy()) for place, each in enumerate(variables)}  # DIFF-40


def set_state(model: keras.Model, optimizer: keras.optimizers.Optimizer, state: Arrays) -> None:
    """Copy in what `get_state` copied out; model and optimizer are new ones of the same kind."""
    dropouts = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
    variables = [*optimizer.variables, *(layer.seed_generator.state for layer in dropouts)]
    for place, variable in enumerate(variables):
        variable.assign(state[str(place)])


def learn_in_pieces(
    learn: Callable[..., Tensors], checkpoints: Checkpoints
) -> Callable[..., Tensors]:
    """A function like `train_epoch` that saves on the way, and goes on where a checkpoint is."""

    def learn_epoch(
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        train_set: Tensors,
        order: np.ndarray,
        batch_size: int,
        clock: Clock,
    ) -> Tensors:
        for number, piece in enumerate(checkpoints.pieces(order)):
            if number:
                checkpoints.save(get_weights(model), get_state(model, optimizer))
            losses, correct = learn(model, optimizer, train_set, piece, batch_size, clock)
            checkpoints.add_batches(losses.numpy(), correct.numpy())
        # With those from before the interruption.
        losses, correct = checkpoints.batches["losses"], checkpoints.batches["correct"]
        return tf.constant(losses), tf.constant(correct)

    return learn_epoch


def replay(
    epochs: Iterator[EpochResult],
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
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
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
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
