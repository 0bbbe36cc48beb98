"""Where the network runs, and in which arithmetic."""

import torch

from shared.config import DeviceName, FloatType
from shared.errors import UsageError


def choose_device(name: DeviceName, float_type: FloatType) -> torch.device:
    """The device of this name, or for `auto` the best here: a GPU or the CPU.

    Also makes `float_type` the type of every weight created from now on.

    Raises:
        UsageError: this machine or this build of the framework has no such
            device.
    """
    torch.set_default_dtype(getattr(torch, float_type))  # DIFF-20
    torch.backends.cuda.matmul.allow_tf32 = False  # DIFF-14
    available: dict[DeviceName, bool] = {
        "cuda": torch.cuda.is_available(),
        # Apple's GPUs have no float64.
        "mps": torch.backends.mps.is_available() and float_type == "float32",
        "cpu": True,
    }
    if name == "auto":
        name = next(candidate for candidate, here in available.items() if here)
    if not available[name]:
        here = ", ".join(
            candidate for candidate, here in available.items() if here
        )
        raise UsageError(
            f"--device {name}: PyTorch {torch.__version__} finds no such "
            f"device here for {float_type}; expected auto or one of: {here}."
        )
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """The device's kind and model: `cpu`, `cuda (NVIDIA H200)`, `mps`."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name()})"
    return device.type


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished; otherwise a clock reads early."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_device_memory(device: torch.device) -> int | None:
    """The most GPU memory that tensors held, in bytes; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    return None
