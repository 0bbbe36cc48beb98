"""Step 5: learning."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import nn

from shared.clock import Clock
from shared.metrics import epoch_mean
from shared.results import EpochResult

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
        The batch's mean loss and its number of correct predictions, both from
        before the update.
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
    batches: Iterable[Tensors],
    clock: Clock,
    step: Callable[..., Tensors] = train_step,
) -> Tensors:
    """Take a step for each batch: images [batch, 784], labels [batch].

    Returns:
        The results of each step: losses [steps], correct predictions [steps].
    """
    model.train()  # DIFF-10
    losses, correct = [], []
    for images, labels in clock.steps(batches):
        batch_loss, batch_correct = step(model, optimizer, images, labels)
        losses.append(batch_loss)  # DIFF-7
        correct.append(batch_correct)
    return torch.stack(losses), torch.stack(correct)


def train(
    model: nn.Sequential,
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
            train_loss = epoch_mean(losses.cpu().numpy(), sizes)  # DIFF-16
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
