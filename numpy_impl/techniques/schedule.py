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
    """Let the learning rate follow the schedule; warm-up multiplies into it.

    Args:
        optimizer: whose learning rate it is.
        config: names the schedule. Step: the rate is multiplied by
            `schedule_factor` every `schedule_epochs`. Cosine: (1 + cos(pi t /
            T)) / 2 of the rate after t of all T updates; Loshchilov and
            Hutter, "SGDR" (2017), equation 5, without restarts.
        steps: batches in an epoch.
    """
    # Both in updates, of which each takes so many batches.
    drop_after = config.schedule_epochs * steps // config.accumulate
    total = config.epochs * steps // config.accumulate
    warmup = config.warmup_steps
    follow = {
        "step": lambda t: config.schedule_factor ** (t // drop_after),
        "cosine": lambda t: (1 + math.cos(math.pi * t / total)) / 2,
    }.get(config.schedule, lambda _: 1.0)
    optimizer.schedule = lambda t: (
        follow(t) * (min(1, (t + 1) / warmup) if warmup else 1)
    )


def learning_rate(optimizer: Optimizer) -> float:
    """The learning rate of the next update."""
    if isinstance(optimizer, Extended):
        return optimizer.current_rate()
    return optimizer.learning_rate


def reduce_on_plateau(
    epochs: Iterator[EpochResult], optimizer: Optimizer, config: TrainConfig
) -> Iterator[EpochResult]:
    """Pass epochs on; drop the rate when the validation loss stalls."""
    lowest, waited = math.inf, 0
    for epoch in epochs:
        loss, waited = epoch.validation_loss, waited + 1
        if loss is not None and loss < lowest - config.min_delta:
            lowest, waited = loss, 0
        if waited >= config.schedule_epochs:
            optimizer.learning_rate *= config.schedule_factor
            waited = 0
        yield epoch
