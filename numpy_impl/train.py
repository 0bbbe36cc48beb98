"""Step 4: learning."""

from collections.abc import Callable, Iterator

import numpy as np

from shared.batches import epoch_order
from shared.clock import Clock
from shared.config import ADAM_EPSILON, Alignment, TrainConfig
from shared.metrics import epoch_mean
from shared.results import EpochResult

from .adam import Adam
from .data import make_batches
from .evaluate import evaluate
from .loss import compute_loss, count_correct, loss_gradient
from .model import Sequential

Tensors = tuple[np.ndarray, np.ndarray]


def make_optimizer(model: Sequential, learning_rate: float, alignment: Alignment) -> Adam:
    """Adam, with its epsilon as the alignment says."""
    return Adam(model.parameters(), learning_rate, epsilon=ADAM_EPSILON)


# An overflow shows in the loss, which is what those who look at it expect.
@np.errstate(over="ignore", invalid="ignore")
def train_step(
    model: Sequential,
    optimizer: Adam,
    images: np.ndarray,
    labels: np.ndarray,
) -> Tensors:
    """Learn from one batch: images [batch, 784], labels [batch].

    Returns:
        The batch's mean loss and its number of correct predictions, both from before the update.
    """
    # 1. start: nothing to clear or to record, each layer keeps what its way back needs
    logits = model(images)  # 2. forward
    loss = compute_loss(logits, labels)  # 3. loss
    gradients = model.backward(loss_gradient(logits, labels))  # 4. backward
    optimizer.step(gradients)  # 5. update
    return loss, count_correct(logits, labels)


def train(
    model: Sequential,
    optimizer: Adam,
    train_set: Tensors,
    test_set: Tensors,
    config: TrainConfig,
    clock: Clock,
    step: Callable[..., Tensors] = train_step,
) -> Iterator[EpochResult]:
    """Train for `config.epochs` epochs, testing after each; yield each epoch's figures."""
    size = len(train_set[0])
    for epoch in range(1, config.epochs + 1):
        losses, correct = [], []
        with clock.phase("train") as training:
            order = epoch_order(size, config.seed, epoch)
            batches = make_batches(*train_set, order, config.batch_size)
            for images, labels in clock.steps(batches):
                batch_loss, batch_correct = step(model, optimizer, images, labels)
                losses.append(batch_loss)
                correct.append(batch_correct)
            train_loss = epoch_mean(np.stack(losses), size, config.batch_size)
            train_accuracy = int(np.stack(correct).sum()) / size
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
