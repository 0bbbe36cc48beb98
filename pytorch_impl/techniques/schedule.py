"""Learning-rate schedules: large steps at first, small ones at the end."""

from collections.abc import Iterator

import torch
from torch.optim import lr_scheduler

from shared.config import TrainConfig
from shared.results import EpochResult

from .accumulation import Accumulating


def follow_schedule(
    optimizer: torch.optim.Optimizer, config: TrainConfig, steps: int
) -> None:
    """Let the learning rate follow the schedule; warm-up multiplies into it.

    Args:
        optimizer: whose learning rate it is.
        config: names the schedule. Step: the rate is multiplied by
            `schedule_factor` at the end of every `schedule_epochs` epochs,
            also amid the batches of one update. Cosine: (1 + cos(pi t / T)) /
            2 of the rate after t of all T updates; Loshchilov and Hutter,
            "SGDR" (2017), equation 5, without restarts.
        steps: batches in an epoch.
    """
    # Epochs end by batches, of which each update takes so many.
    drop_after = config.schedule_epochs * steps
    total = config.epochs * steps // config.accumulate
    updater = optimizer
    if isinstance(optimizer, Accumulating):
        updater = optimizer.optimizer
    schedulers: list[lr_scheduler.LRScheduler] = []
    if config.schedule == "step":
        schedulers.append(
            lr_scheduler.StepLR(optimizer, drop_after, config.schedule_factor)
        )
    if config.schedule == "cosine":
        schedulers.append(lr_scheduler.CosineAnnealingLR(updater, total))
    if warmup := config.warmup_steps:
        # From 1 / warmup on, a warmup-th more with each update.
        schedulers.append(
            lr_scheduler.LinearLR(updater, 1 / warmup, 1.0, warmup - 1)
        )
    for scheduler in schedulers:
        scheduler.optimizer.register_step_post_hook(
            lambda *_, scheduler=scheduler: scheduler.step()
        )  # DIFF-34
    # For checkpoints, which have to know how far they are.
    updater.schedulers = schedulers  # type: ignore[attr-defined]


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate at this moment."""
    return float(optimizer.param_groups[0]["lr"])


def reduce_on_plateau(
    epochs: Iterator[EpochResult],
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
) -> Iterator[EpochResult]:
    """Pass epochs on; drop the rate when the validation loss stalls."""
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=config.schedule_factor,
        # How many epochs may pass without a lower loss; the next one is too
        # many.
        patience=config.schedule_epochs - 1,  # DIFF-35
        threshold=config.min_delta,
        threshold_mode="abs",
        eps=0.0,
    )
    for epoch in epochs:
        # The configuration asks for validation with it.
        assert epoch.validation_loss is not None
        scheduler.step(epoch.validation_loss)
        yield epoch
