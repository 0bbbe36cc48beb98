"""Weight decay: every update also shrinks the weights a little."""

import keras


def decay_weights(optimizer: keras.optimizers.Optimizer, decay: float) -> None:
    """Shrink all weights and biases by `learning rate * decay` of themselves before each update.

    Decoupled from the gradients: Loshchilov and Hutter, "Decoupled Weight Decay Regularization"
    (2019), Algorithm 2.
    """
    optimizer.weight_decay = decay or None  # DIFF-31
