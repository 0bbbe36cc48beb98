"""Weight decay: every update also shrinks the weights a little."""

import keras
import numpy as np


def decay_weights(optimizer: keras.optimizers.Optimizer, decay: float) -> None:
    """Before each update, shrink all weights by `rate * decay` of themselves.

    Decoupled from the gradients: Loshchilov and Hutter, "Decoupled Weight
    Decay Regularization" (2019), Algorithm 2.
    """
    # Keras would round a Python number to float32, for weights of any type.
    optimizer.weight_decay = np.float64(decay) if decay else None  # DIFF-31
