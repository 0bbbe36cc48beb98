"""Other optimizers, and additions to an update."""

from collections.abc import Callable
from functools import partial

from shared.config import TrainConfig

from ..model import Sequential
from ..optimizer import Optimizer
from .accumulation import accumulate
from .clipping import clip_gradients
from .schedule import follow_schedule
from .updates import SGD, Adagrad, Extended, ExtendedAdam, RMSprop
from .weight_decay import decay_weights


def choose_optimizer(
    model: Sequential, config: TrainConfig, steps: int
) -> Optimizer:
    """The requested optimizer, with the additions of the techniques.

    Args:
        model: the network whose weights it updates.
        config: names it and its hyper-parameters.
        steps: batches per epoch, for schedules.
    """
    momentum = config.momentum
    makers: dict[str, Callable[..., Extended]] = {
        "adam": ExtendedAdam,
        "adamw": ExtendedAdam,
        "sgd": partial(SGD, momentum=momentum, nesterov=config.nesterov),
        "rmsprop": partial(RMSprop, momentum=momentum),
        "adagrad": Adagrad,
    }
    make = makers[config.optimizer]
    optimizer = make(model.parameters(), config.learning_rate)
    decay_weights(optimizer, config.decay)
    clip_gradients(optimizer, config.clip_norm)
    optimizer = accumulate(optimizer, config.accumulate)
    follow_schedule(optimizer, config, steps)
    return optimizer
