"""Where the network runs, and in which arithmetic."""

import numpy as np

from shared.config import DeviceName, FloatType
from shared.errors import UsageError


def choose_device(name: DeviceName, float_type: FloatType) -> str:
    """The device of this name, or for `auto` the best here: always the CPU.

    The arithmetic follows the type of the weights and images, so `float_type`
    needs no setting.

    Raises:
        UsageError: NumPy has no such device.
    """
    if name not in ("auto", "cpu"):
        raise UsageError(
            f"--device {name}: NumPy {np.__version__} finds no such "
            f"device here for {float_type}; expected auto or one of: cpu."
        )
    return "cpu"


def describe_device(device: str) -> str:
    """The device's kind and model: `cpu`, `cuda (NVIDIA H200)`, `mps`."""
    return device


def synchronize(device: str) -> None:
    """Wait until the device has finished; otherwise a clock reads early."""


def peak_device_memory(device: str) -> int | None:
    """The most GPU memory that tensors held, in bytes; None if unknown."""
    return None
