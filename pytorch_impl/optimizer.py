"""Step 4: how gradients become updates."""

from functools import partial

import torch
from torch import nn

from shared.config import TrainConfig

from .techniques.accumulation import accumulate
from .techniques.clipping import clip_gradients
from .techniques.schedule import follow_schedule
from .techniques.weight_decay import decay_weights


def make_optimizer(model: nn.Module, config: TrainConfig, steps: int) -> torch.optim.Optimizer:
    """The optimizer, aligned as asked, with what the techniques add to it.

    Args:
        model: whose weights it updates.
        config: names it, with its hyper-parameters.
        steps: batches in an epoch, for schedules.
    """
    # PyTorch's own values are the reference: under every alignment it is Keras's that change.
    momentum, on = config.momentum, next(model.parameters()).device.type
    # Fused: one pass over each weight and its moments instead of a dozen.
    make = {
        "adam": partial(torch.optim.Adam, fused=True),  # DIFF-3
        "adamw": partial(torch.optim.AdamW, weight_decay=0.0, fused=True),  # DIFF-31
        "sgd": partial(torch.optim.SGD, momentum=momentum, nesterov=config.nesterov, fused=True),
        "rmsprop": partial(torch.optim.RMSprop, momentum=momentum),  # DIFF-29
        "adagrad": partial(torch.optim.Adagrad, fused=on != "mps"),  # DIFF-30
    }[config.optimizer]
    optimizer = make(model.parameters(), lr=config.learning_rate)
    decay_weights(optimizer, config.decay)
    clip_gradients(optimizer, config.clip_norm)
    follow_schedule(optimizer, config, steps)
    return accumulate(optimizer, config.accumulate)
