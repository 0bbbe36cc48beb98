"""Step 4: how gradients become updates."""

from functools import partial

from shared.config import TrainConfig

from .model import Sequential
from .optimizers import SGD, Adagrad, Adam, Optimizer, RMSprop
from .techniques.accumulation import accumulate
from .techniques.clipping import clip_gradients
from .techniques.schedule import follow_schedule
from .techniques.weight_decay import decay_weights


def make_optimizer(model: Sequential, config: TrainConfig, steps: int) -> Optimizer:
    """The optimizer, aligned as asked, with what the techniques add to it.

    Args:
        model: whose weights it updates.
        config: names it, with its hyper-parameters.
        steps: batches in an epoch, for schedules.
    """
    make = {
        "adam": Adam,
        "adamw": Adam,
        "sgd": partial(SGD, momentum=config.momentum, nesterov=config.nesterov),
        "rmsprop": partial(RMSprop, momentum=config.momentum),
        "adagrad": Adagrad,
    }[config.optimizer]
    optimizer = make(model.parameters(), config.learning_rate)
    decay_weights(optimizer, config.decay)
    clip_gradients(optimizer, config.clip_norm)
    follow_schedule(optimizer, config, steps)
    return accumulate(optimizer, config.accumulate)
