"""Networks of any depth, with dropout and batch normalization."""

from collections.abc import Callable
from itertools import pairwise

from torch import nn

from shared.config import CLASSES, IMAGE_SIZE, Alignment

from ..model import LEARNED

LEARNED[nn.BatchNorm1d] = (
    "batch_norm",
    lambda layer: {
        "gamma": layer.weight,
        "beta": layer.bias,
        "moving_mean": layer.running_mean,
        "moving_variance": layer.running_var,
    },
)


def build_network(
    hidden: tuple[int, ...],
    activation: Callable[[], nn.Module],
    dropout: float,
    batch_norm: bool,
    alignment: Alignment,
) -> nn.Sequential:
    """Stack the layers: images [batch, 784] -> logits [batch, 10].

    Args:
        hidden: units of each hidden layer.
        activation: makes a layer of the activation function.
        dropout: fraction of each hidden layer's units switched off in a
            training step, while the others are scaled up; Srivastava et al.,
            "Dropout" (2014), section 10.
        batch_norm: normalize each hidden layer over the batch before its
            activation; Ioffe and Szegedy, "Batch Normalization" (2015),
            Algorithm 1.
        alignment: sets momentum, epsilon and the kept variance of batch
            normalization.
    """
    stack: list[nn.Module] = []
    # PyTorch's own values are the reference: the alignment changes only
    # Keras's.
    for fan_in, fan_out in pairwise((IMAGE_SIZE, *hidden)):
        # Normalizing would remove a bias again.
        stack.append(nn.Linear(fan_in, fan_out, bias=not batch_norm))
        if batch_norm:
            stack.append(nn.BatchNorm1d(fan_out))  # DIFF-28  # DIFF-54
        stack.append(activation())
        if dropout:
            stack.append(nn.Dropout(dropout))  # DIFF-17  # DIFF-45
    return nn.Sequential(*stack, nn.Linear(hidden[-1], CLASSES))
