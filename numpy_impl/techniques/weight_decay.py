"""Weight decay: every update also shrinks the weights a little."""

from .updates import Extended


def decay_weights(optimizer: Extended, decay: float) -> None:
    """Before each update, shrink all weights by `rate * decay` of themselves.

    Decoupled from the gradients: Loshchilov and Hutter, "Decoupled Weight
    Decay Regularization" (2019), Algorithm 2.
    """
    optimizer.weight_decay = decay
