"""Gradient clipping: no update may be driven by gradients larger than some norm."""

import keras


def clip_gradients(optimizer: keras.optimizers.Optimizer, norm: float | None) -> None:
    """Scale all gradients down together, before each update, where their global norm is larger.

    Pascanu et al., "On the difficulty of training recurrent neural networks" (2013), Algorithm 1.
    """
    optimizer.global_clipnorm = norm  # DIFF-32
