"""Learning-rate schedules: large steps at first, small ones at the end."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers import schedules

from shared.config import TrainConfig
from shared.results import EpochResult


class Counted(schedules.LearningRateSchedule):
    """A schedule by batches or by updates, times a linear warm-up."""

    def __init__(
        self,
        schedule: schedules.LearningRateSchedule | None,
        config: TrainConfig,
    ) -> None:
        self.schedule, self.config = schedule, config

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate after `step` batches."""
        update = step // self.config.accumulate  # DIFF-33
        count = step if self.config.schedule == "step" else update
        rate = tf.constant(self.config.learning_rate, keras.config.floatx())
        rate = self.schedule(count) if self.schedule else rate
        if warmup := self.config.warmup_steps:
            rate *= tf.minimum(tf.cast(update + 1, rate.dtype) / warmup, 1)
        return rate


def follow_schedule(
    optimizer: keras.optimizers.Optimizer, config: TrainConfig, steps: int
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
    # Keras would round a Python number to float32, for weights of any type.
    exact = np.dtype(config.float_type).type
    rate, factor = exact(config.learning_rate), exact(config.schedule_factor)
    schedule = None
    if config.schedule == "step":
        schedule = schedules.ExponentialDecay(
            rate, drop_after, factor, staircase=True
        )
    if config.schedule == "cosine":
        schedule = schedules.CosineDecay(rate, total)
    if schedule or config.warmup_steps:
        optimizer.learning_rate = Counted(schedule, config)  # DIFF-34


def learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The current learning rate."""
    return float(optimizer.learning_rate)


def reduce_on_plateau(
    epochs: Iterator[EpochResult],
    optimizer: keras.optimizers.Optimizer,
    config: TrainConfig,
) -> Iterator[EpochResult]:
    """Pass epochs on; lower the rate when the validation loss stalls."""
    scheduler = keras.callbacks.ReduceLROnPlateau(
        "validation_loss",
        factor=config.schedule_factor,
        # The number of epochs without a lower loss that triggers.
        patience=config.schedule_epochs,  # DIFF-35
        min_delta=config.min_delta,
        mode="min",
    )
    # The callback reaches the optimizer through a model, as in `fit`, and uses
    # nothing else of it.
    holder = keras.Model()
    holder.optimizer = optimizer
    scheduler.set_model(holder)
    scheduler.on_train_begin()
    for epoch in epochs:
        scheduler.on_epoch_end(
            epoch.epoch - 1, {"validation_loss": epoch.validation_loss}
        )
        yield epoch
