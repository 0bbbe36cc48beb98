"""Step 5: learning."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import nn

from shared.batches import as_they_are, epoch_order
from shared.clock import Clock
from shared.config import TrainConfig
from shared.metrics import epoch_mean
from shared.results import EpochResult

from .data import make_batches
from .evaluate import evaluate
from .loss import compute_loss, count_correct

Tensors = tuple[torch.Tensor, torch.Tensor]


def train_step(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    compute_loss: Callable[..., torch.Tensor] = compute_loss,
) -> Tensors:
    """Learn from one batch: images [batch, 784], labels [batch].

    Returns:
        The batch's mean loss and its number of correct predictions, both from before the update.
    """
    optimizer.zero_grad()  # 1. start  # DIFF-11
    logits = model(images)  # 2. forward  # DIFF-10
    loss = compute_loss(logits, labels)  # 3. loss
    loss.backward()  # 4. backward
    optimizer.step()  # 5. update
    return loss.detach(), count_correct(logits, labels)  # DIFF-23


def train_epoch(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    train_set: Tensors,
    order: np.ndarray,
    batch_size: int,
    clock: Clock,
    step: Callable[..., Tensors] = train_step,
    pipeline: Callable[..., Iterable[Tensors]] = make_batches,
) -> Tensors:
    """Learn from all images once, in the given order [n].

    Returns:
        What each step returned: losses [steps], numbers of correct predictions [steps].
    """
    model.train()  # DIFF-10
    losses, correct = [], []
    for images, labels in clock.steps(pipeline(*train_set, order, batch_size)):
        batch_loss, batch_correct = step(model, optimizer, images, labels)
        losses.append(batch_loss)  # DIFF-7
        correct.append(batch_correct)
    return torch.stack(losses), torch.stack(correct)


def train(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    train_set: Tensors,
    test_set: Tensors,
    config: TrainConfig,
    clock: Clock,
    learn: Callable[..., Tensors] = train_epoch,
    prepare: Callable[..., tuple[Tensors, np.ndarray]] = as_they_are,
    done: int = 0,
) -> Iterator[EpochResult]:
    """Train from epoch `done + 1` to `config.epochs`, testing after each; yield their figures."""
    size, batch_size = len(train_set[0]), config.batch_size
    for epoch in range(done + 1, config.epochs + 1):
        with clock.phase("train") as training:
            order = epoch_order(size, config.seed, epoch)
            lesson, order = prepare(train_set, order, epoch)
            losses, correct = learn(model, optimizer, lesson, order, batch_size, clock)
            # Only here do the figures leave the device, so that no step waits for Python.
            train_loss = epoch_mean(losses.cpu().numpy(), size, batch_size)  # DIFF-16
            train_accuracy = int(correct.sum()) / size
        with clock.phase("evaluate") as evaluating:
            test_loss, test_accuracy = evaluate(model, *test_set)
        seconds = training.seconds, evaluating.seconds
        yield EpochResult(epoch, train_loss, train_accuracy, test_loss, test_accuracy, *seconds)
