"""Step 4: learning."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from shared.batches import epoch_order
from shared.clock import Clock
from shared.config import ADAM_EPSILON, Alignment, TrainConfig
from shared.metrics import epoch_mean
from shared.results import EpochResult

from .data import make_batches
from .evaluate import evaluate
from .loss import compute_loss, count_correct

Tensors = tuple[torch.Tensor, torch.Tensor]


def make_optimizer(
    model: nn.Sequential, learning_rate: float, alignment: Alignment
) -> torch.optim.Optimizer:
    """Adam, with its epsilon as the alignment says."""
    # PyTorch's epsilon is the reference: under every alignment it is Keras's that is adjusted.
    return torch.optim.Adam(  # DIFF-3
        model.parameters(),
        lr=learning_rate,
        eps=ADAM_EPSILON,
        # One pass over each weight and its moments instead of a dozen.
        fused=True,
    )


def train_step(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
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
    return loss.detach(), count_correct(logits, labels)


def train_epoch(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    train_set: Tensors,
    order: np.ndarray,
    batch_size: int,
    clock: Clock,
    step: Callable[..., Tensors] = train_step,
) -> Tensors:
    """Learn from all images once, in the given order [n].

    Returns:
        What each step returned: losses [steps], numbers of correct predictions [steps].
    """
    model.train()  # DIFF-10
    losses, correct = [], []
    for images, labels in clock.steps(make_batches(*train_set, order, batch_size)):
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
) -> Iterator[EpochResult]:
    """Train for `config.epochs` epochs, testing after each; yield each epoch's figures."""
    size, batch_size = len(train_set[0]), config.batch_size
    for epoch in range(1, config.epochs + 1):
        with clock.phase("train") as training:
            order = epoch_order(size, config.seed, epoch)
            losses, correct = learn(model, optimizer, train_set, order, batch_size, clock)
            # Only here do the figures leave the device, so that no step waits for Python.
            train_loss = epoch_mean(losses.cpu().numpy(), size, batch_size)
            train_accuracy = int(correct.sum()) / size
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
