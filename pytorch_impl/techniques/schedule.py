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
    """Let the learning rate follow the schedule, multiplied by a warm-up.

    Args:
        optimizer: its learning rate follows the schedule.
        config: names the schedule. Step: the rate is multiplied by
            `schedule_factor` at the end of every `schedule_epochs` epochs,
            even between the batches of one update. Cosine: (1 + cos(pi t / T))
            / 2 of the rate after t of all T updates; Loshchilov and Hutter,
            "SGDR" (2017), equation 5, without restarts.
        steps: batches per epoch.
    """
    # Epochs are counted in batches, several of which make one update.
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
        # Starts at 1 / warmup and grows by as much with each update.
        schedulers.append(
            lr_scheduler.LinearLR(updater, 1 / warmup, 1.0, warmup - 1)
        )
    for scheduler in schedulers:
        scheduler.optimizer.register_step_post_hook(
            lambda *_, scheduler=scheduler: scheduler.step()
        )  # DIFF-34
    # For checkpoints, which save the positions of the schedulers.
    updater.schedulers = schedulers  # type: ignore[attr-defined]


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """The current learning rate."""
    return float(optimizer.param_groups[0]["lr"])


def reduce_on_plateau(
    epochs: Iterator[EpochResult],
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
) -> Iterator[EpochResult]:
    """Pass epochs on; lower the rate when the validation loss stalls."""
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=config.schedule_factor,
        # The number of epochs that may pass without a lower loss; the next one
        # triggers.
        patience=config.schedule_epochs - 1,  # DIFF-35
        threshold=config.min_delta,
        threshold_mode="abs",
        eps=0.0,
    )
    for epoch in epochs:
        # The configuration requires validation with it.
        assert epoch.validation_loss is not None
        scheduler.step(epoch.validation_loss)
        yield epoch
