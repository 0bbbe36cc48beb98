"""Every activation function, one record each: all that the frameworks share of it.

How it is computed stands in `techniques/activations.py` of each implementation. Nothing heavy is
imported here, because the names of the functions are the choices of a flag.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ActivationRecord:
    """One activation function, which each hidden layer ends with."""

    title: str
    """As people write it."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """PyTorch's defaults, which are the reference, by the names that both frameworks use."""


# The first is that of the plain network.
ACTIVATIONS = {
    # Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).
    "relu": ActivationRecord("ReLU"),
    # Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013), 2.
    "leaky-relu": ActivationRecord("leaky ReLU", {"negative_slope": 0.01}),
    # Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)" (2016), 2; the exact one.
    "gelu": ActivationRecord("GELU"),
    # LeCun et al., "Efficient BackProp" (1998), 4.4.
    "tanh": ActivationRecord("tanh"),
}


def describe_activation(name: str, parameters: Mapping[str, float]) -> str:
    """`leaky ReLU (negative slope 0.01)`.

    Args:
        name: a key of ACTIVATIONS.
        parameters: what it is computed with.
    """
    values = ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in parameters.items())
    return ACTIVATIONS[name].title + (f" ({values})" if values else "")
