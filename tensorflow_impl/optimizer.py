"""Step 4: how gradients become updates."""

import keras
from keras import optimizers

from shared.config import ADAM_EPSILON, Alignment

from .aligned import AlignedAdam


def make_optimizer(
    model: keras.Model, learning_rate: float, alignment: Alignment
) -> keras.optimizers.Optimizer:
    """Adam for all weights of the model.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015).

    Args:
        model: the network whose weights it updates.
        learning_rate: about how far each weight moves in a step.
        alignment: `defaults` for Keras's own epsilon and formula, `matched`
            for PyTorch's epsilon, `exact` for PyTorch's formula as well.
    """
    adam = AlignedAdam if alignment == "exact" else optimizers.Adam
    matched = {"epsilon": ADAM_EPSILON}  # DIFF-3  # DIFF-21
    given = {} if alignment == "defaults" else matched
    optimizer = adam(learning_rate, **given)
    # Now, because a traced step may create variables only in its first call.
    optimizer.build(model.trainable_variables)  # DIFF-25
    return optimizer
