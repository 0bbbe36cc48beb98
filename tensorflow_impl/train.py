"""Step 5: learning."""

from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from shared.clock import Clock
from shared.metrics import epoch_mean
from shared.results import EpochResult

from .evaluate import evaluate
from .loss import compute_loss, count_correct

Tensors = tuple[tf.Tensor, tf.Tensor]


def train_step(
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    images: tf.Tensor,
    labels: tf.Tensor,
    compute_loss: Callable[..., tf.Tensor] = compute_loss,
) -> Tensors:
    """Learn from one batch: images [batch, 784], labels [batch].

    Returns:
        The batch's mean loss and its number of correct predictions, both from
        before the update.
    """
    with tf.GradientTape() as tape:  # 1. start  # DIFF-11
        logits = model(images, training=True)  # 2. forward  # DIFF-10
        loss = compute_loss(logits, labels)  # 3. loss
    gradients = tape.gradient(loss, model.trainable_variables)  # 4. backward
    optimizer.apply(gradients, model.trainable_variables)  # 5. update
    return loss, count_correct(logits, labels)


def train_epoch(
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    batches: Iterable[Tensors],
    clock: Clock,
    step: Callable[..., Tensors] = train_step,
) -> Tensors:
    """Take a step for each batch: images [batch, 784], labels [batch].

    Returns:
        The results of each step: losses [steps], correct predictions [steps].
    """
    losses, correct = [], []
    for images, labels in clock.steps(batches):
        batch_loss, batch_correct = step(model, optimizer, images, labels)
        losses.append(batch_loss)  # DIFF-7
        correct.append(batch_correct)
    return tf.stack(losses), tf.stack(correct)


def train(
    model: keras.Sequential,
    learn: Callable[[int], Tensors],
    sizes: np.ndarray,
    test_set: Tensors,
    epochs: Iterable[int],
    clock: Clock,
) -> Iterator[EpochResult]:
    """Learn and test, epoch by epoch; yield the figures of each.

    Args:
        model: the network, which `learn` changes.
        learn: trains the epoch of this number; returns what `train_epoch`
            does.
        sizes: [steps] int64, number of images of each batch.
        test_set: images [n, 784], labels [n].
        epochs: the epoch numbers, starting at 1.
        clock: records where the time goes.
    """
    for epoch in epochs:
        with clock.phase("train") as training:
            losses, correct = learn(epoch)
            # Figures leave the device only here, so no step waits for it.
            train_loss = epoch_mean(losses.numpy(), sizes)
            train_accuracy = int(tf.reduce_sum(correct)) / int(sizes.sum())
        with clock.phase("evaluate") as evaluating:
            test_loss, test_accuracy = evaluate(model, *test_set)
        yield EpochResult(
            epoch,
            train_loss,
            train_accuracy,
            test_loss,
            test_accuracy,
            training.seconds,
            evaluating.seconds,
        )
