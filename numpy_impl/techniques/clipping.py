"""Gradient clipping: limits the norm of the gradients of an update."""

from .updates import Extended


def clip_gradients(optimizer: Extended, norm: float | None) -> None:
    """Before each update, scale all gradients down to this global norm.

    Pascanu et al., "On the difficulty of training recurrent neural networks"
    (2013), Algorithm 1.
    """
    optimizer.clip_norm = norm
