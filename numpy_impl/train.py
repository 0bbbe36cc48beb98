"""Step 5: learning."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from shared.clock import Clock
from shared.metrics import epoch_mean
from shared.results import EpochResult

from .evaluate import evaluate
from .loss import Loss, compute_loss, count_correct
from .model import Sequential
from .optimizer import Optimizer

Tensors = tuple[np.ndarray, np.ndarray]


# An overflow shows in the loss, where it is expected.
@np.errstate(over="ignore", invalid="ignore")
def train_step(
    model: Sequential,
    optimizer: Optimizer,
    images: np.ndarray,
    labels: np.ndarray,
    compute_loss: Loss = compute_loss,
) -> Tensors:
    """Learn from one batch: images [batch, 784], labels [batch].

    Returns:
        The batch's mean loss and its number of correct predictions, both from
        before the update.
    """
    # 1. start: each layer keeps what its backward pass needs
    logits = model(images, training=True)  # 2. forward
    loss = compute_loss(logits, labels)  # 3. loss
    gradient = compute_loss.gradient(logits, labels)
    gradients = model.backward(gradient)  # 4. backward
    optimizer.step(gradients)  # 5. update
    return loss, count_correct(logits, labels)


def train_epoch(
    model: Sequential,
    optimizer: Optimizer,
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
        losses.append(batch_loss)
        correct.append(batch_correct)
    return np.stack(losses), np.stack(correct)


def train(
    model: Sequential,
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
            train_loss = epoch_mean(losses, sizes)
            train_accuracy = int(correct.sum()) / int(sizes.sum())
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
