"""Other optimizers, and additions to an update."""

import keras
from keras import optimizers

from shared.config import (
    ADAGRAD_EPSILON,
    ADAM_EPSILON,
    RMSPROP_EPSILON,
    RMSPROP_RHO,
    TrainConfig,
)

from ..aligned import AlignedAdagrad, AlignedAdam, AlignedRMSprop, AlignedSGD
from .accumulation import accumulate
from .clipping import clip_gradients
from .schedule import follow_schedule
from .weight_decay import decay_weights


def choose_optimizer(
    model: keras.Model, config: TrainConfig, steps: int
) -> keras.optimizers.Optimizer:
    """The requested optimizer, with the additions of the techniques.

    Args:
        model: the network whose weights it updates.
        config: names it and its hyper-parameters.
        steps: batches per epoch, for schedules.
    """
    adam = {"epsilon": ADAM_EPSILON}
    rmsprop = {"rho": RMSPROP_RHO, "epsilon": RMSPROP_EPSILON}  # DIFF-29
    adagrad = {
        "initial_accumulator_value": 0.0,
        "epsilon": ADAGRAD_EPSILON,
    }  # DIFF-30
    # Keras's own, one with PyTorch's formula, and PyTorch's hyper-parameters.
    own, aligned, matched = {
        "adam": (optimizers.Adam, AlignedAdam, adam),
        "adamw": (optimizers.AdamW, AlignedAdam, adam),
        "sgd": (optimizers.SGD, AlignedSGD, {}),  # DIFF-34
        "rmsprop": (optimizers.RMSprop, AlignedRMSprop, rmsprop),
        "adagrad": (optimizers.Adagrad, AlignedAdagrad, adagrad),
    }[config.optimizer]
    make: type = aligned if config.alignment == "exact" else own
    given = {} if config.alignment == "defaults" else matched
    asked = {
        "sgd": {"momentum": config.momentum, "nesterov": config.nesterov},
        "rmsprop": {"momentum": config.momentum},
    }.get(config.optimizer, {})
    optimizer = make(config.learning_rate, **given, **asked)
    decay_weights(optimizer, config.decay)
    clip_gradients(optimizer, config.clip_norm)
    optimizer = accumulate(optimizer, config.accumulate)
    follow_schedule(optimizer, config, steps)
    optimizer.build(model.trainable_variables)  # DIFF-25
    return optimizer
