"""Other optimizers, and additions to an update."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from shared.config import TrainConfig

from .accumulation import accumulate
from .clipping import clip_gradients
from .schedule import follow_schedule
from .weight_decay import decay_weights


def choose_optimizer(
    model: nn.Module, config: TrainConfig, steps: int
) -> torch.optim.Optimizer:
    """The requested optimizer, with the additions of the techniques.

    Args:
        model: the network whose weights it updates.
        config: names it and its hyper-parameters.
        steps: batches per epoch, for schedules.
    """
    momentum = config.momentum
    on = next(model.parameters()).device.type
    # PyTorch's own values are the reference, under every alignment.
    makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "adam": partial(torch.optim.Adam, fused=True),
        "adamw": partial(
            torch.optim.AdamW, weight_decay=0.0, fused=True
        ),  # DIFF-31
        "sgd": partial(
            torch.optim.SGD,
            momentum=momentum,
            nesterov=config.nesterov,
            fused=True,
        ),
        "rmsprop": partial(torch.optim.RMSprop, momentum=momentum),  # DIFF-29
        "adagrad": partial(torch.optim.Adagrad, fused=on != "mps"),  # DIFF-30
    }
    make = makers[config.optimizer]
    optimizer = make(model.parameters(), lr=config.learning_rate)
    decay_weights(optimizer, config.decay)
    clip_gradients(optimizer, config.clip_norm)
    optimizer = accumulate(optimizer, config.accumulate)
    follow_schedule(optimizer, config, steps)
    return optimizer
