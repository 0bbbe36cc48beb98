"""Networks of any depth, with dropout and batch normalization."""

from itertools import pairwise

from shared.config import CLASSES, IMAGE_SIZE, Alignment

from ..layers import BatchNorm, Dropout
from ..model import Dense, ReLU, Sequential


def build_network(
    hidden: tuple[int, ...], dropout: float, batch_norm: bool, alignment: Alignment
) -> Sequential:
    """Stack the layers as `build_model` does: images [batch, 784] -> logits [batch, 10].

    Args:
        hidden: units of each hidden layer.
        dropout: fraction of each hidden layer's units switched off in a training step, while the
            others are scaled up; Srivastava et al., "Dropout" (2014), section 10.
        batch_norm: normalize each hidden layer over the batch before its activation; Ioffe and
            Szegedy, "Batch Normalization" (2015), Algorithm 1.
        alignment: whose momentum and epsilon batch normalization has, and which variance it keeps.
    """
    stack = []
    for fan_in, fan_out in pairwise((IMAGE_SIZE, *hidden)):
        # Normalizing would take a bias away again.
        stack.append(Dense(fan_in, fan_out, bias=not batch_norm))
        if batch_norm:
            stack.append(BatchNorm(fan_out))
        stack.append(ReLU())
        if dropout:
            stack.append(Dropout(dropout))
    return Sequential(*stack, Dense(hidden[-1], CLASSES))
