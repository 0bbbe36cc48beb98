"""PyTorch's own files, read without running anything in them."""

import pickle
from typing import IO, Any

import numpy as np
import torch


def load(file: IO[bytes]) -> Any:
    """Read a `torch.save` file: tensors in dictionaries, plain values.

    Raises:
        ValueError: it needs code to be run, or is damaged.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from None


def is_tensor(value: Any) -> bool:
    """Whether this is a tensor."""
    return isinstance(value, torch.Tensor)


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """The tensor's numbers; half precision becomes float32.

    Raises:
        ValueError: says why they can't be used.
    """
    dense = tensor.layout == torch.strided and not tensor.is_quantized
    if not dense or tensor.device.type != "cpu":
        raise ValueError("which is sparse, quantized or without numbers")
    # A view may repeat a few numbers any number of times.
    if tensor.nbytes > tensor.untyped_storage().nbytes():
        shape = list(tensor.shape)
        raise ValueError(f"whose shape {shape} needs more numbers than it has")
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    return np.ascontiguousarray(tensor.detach().numpy())
