"""Step 7: the same learning, fast: compiled as a whole."""

from collections.abc import Callable
from functools import cache, partial

import keras
import numpy as np
import tensorflow as tf

from shared.batches import split_rows
from shared.clock import Clock
from shared.config import TrainConfig
from shared.errors import UsageError

from .loss import compute_loss
from .train import Tensors, train_step


def train_steps(
    step: Callable[..., Tensors],
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    images: tf.Tensor,
    labels: tf.Tensor,
    batches: tf.Tensor,
    first: tf.Tensor,
    last: tf.Tensor,
) -> Tensors:
    """Take `step` with each of `batches[first:last]`, rows [steps, batch].

    Returns:
        The results of each step, at its place: losses [steps], numbers of
        correct predictions.
    """
    losses = tf.zeros(len(batches), images.dtype)
    correct = tf.zeros(len(batches), tf.int64)
    place = first
    # The program contains the loop, so one call makes many steps.
    while place < last:  # DIFF-26
        rows = batches[place]
        chosen = tf.gather(images, rows), tf.gather(labels, rows)
        batch_loss, batch_correct = step(model, optimizer, *chosen)
        losses = tf.tensor_scatter_nd_update(losses, [[place]], [batch_loss])
        correct = tf.tensor_scatter_nd_update(
            correct, [[place]], [batch_correct]
        )
        place += 1
    return losses, correct


@cache
def compile_steps(
    compute_loss: Callable[..., tf.Tensor],
) -> tuple[Callable[..., Tensors], Callable[..., Tensors]]:
    """`train_steps`, compiled for full batches, not for a smaller last one.

    Raises:
        UsageError: nothing can be compiled here.
    """
    try:
        tf.function(tf.identity, jit_compile=True)(0)
    except tf.errors.OpError as error:
        reason = error.message.partition("\n")[0]
        raise UsageError(f"XLA cannot be used here: {reason}") from error
    steps = partial(
        train_steps, partial(train_step, compute_loss=compute_loss)
    )
    return tf.function(steps, jit_compile=True), tf.function(steps)  # DIFF-12


def train_epoch(
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    train_set: Tensors,
    order: np.ndarray,
    batch_size: int,
    clock: Clock,
    compute_loss: Callable[..., tf.Tensor] = compute_loss,
) -> Tensors:
    """Learn from all images once, in the given order [n].

    Returns:
        The results of each step: losses [steps], numbers of correct
        predictions [steps].

    Raises:
        UsageError: nothing can be compiled here.
    """
    done = []
    for steps, rows in zip(
        compile_steps(compute_loss), split_rows(order, batch_size), strict=True
    ):
        batches = tf.constant(rows)
        for first, last in clock.spans(len(batches)):
            # As tensors, because a Python number would be part of the program.
            span = tf.constant(first), tf.constant(last)  # DIFF-12
            losses, correct = steps(
                model, optimizer, *train_set, batches, *span
            )
            done.append((losses[first:last], correct[first:last]))
    all_losses, all_correct = zip(*done, strict=True)
    return tf.concat(all_losses, 0), tf.concat(all_correct, 0)


def refuse_uncompiled(config: TrainConfig) -> None:
    """Raise UsageError if the request includes something not compiled."""
    if config.pipeline != "arrays":
        raise UsageError(
            f"--pipeline {config.pipeline}: expected arrays with the variant "
            "compiled, whose program picks the rows of a batch itself."
        )
