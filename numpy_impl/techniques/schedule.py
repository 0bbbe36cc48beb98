"""Learning-rate schedules: large steps at first, small ones at the end."""

import math
from collections.abc import Iterator

from shared.config import TrainConfig
from shared.results import EpochResult

from ..optimizer import Optimizer
from .updates import Extended


def follow_schedule(
    optimizer: Extended, config: TrainConfig, steps: int
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
    warmup = config.warmup_steps

    def schedule(batches: int) -> float:
        t, part = batches // config.accumulate, 1.0
        if config.schedule == "step":
            part = config.schedule_factor ** (batches // drop_after)
        if config.schedule == "cosine":
            part = (1 + math.cos(math.pi * t / total)) / 2
        return part * (min(1, (t + 1) / warmup) if warmup else 1)

    optimizer.schedule = schedule


def learning_rate(optimizer: Optimizer) -> float:
    """The current learning rate."""
    if isinstance(optimizer, Extended):
        return optimizer.current_rate()
    return optimizer.learning_rate


def reduce_on_plateau(
    epochs: Iterator[EpochResult], optimizer: Optimizer, config: TrainConfig
) -> Iterator[EpochResult]:
    """Pass epochs on; lower the rate when the validation loss stalls."""
    lowest, waited = math.inf, 0
    for epoch in epochs:
        loss, waited = epoch.validation_loss, waited + 1
        if loss is not None and loss < lowest - config.min_delta:
            lowest, waited = loss, 0
        if waited >= config.schedule_epochs:
            optimizer.learning_rate *= config.schedule_factor
            waited = 0
        yield epoch
