"""Files of PyTorch's own, read with nothing in them run."""

import pickle
from typing import IO, Any

import numpy as np
import torch


def load(file: IO[bytes]) -> Any:
    """What `torch.save` wrote there: tensors in dictionaries, plain values.

    Raises:
        ValueError: something in it would have to be run, or it is damaged.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from None


def is_tensor(value: Any) -> bool:
    """Whether it is one."""
    return isinstance(value, torch.Tensor)


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """Its numbers, those of half precision as float32.

    Raises:
        ValueError: says why there are none that can be taken.
    """
    dense = tensor.layout == torch.strided and not tensor.is_quantized
    if not dense or tensor.device.type != "cpu":
        raise ValueError("which is sparse, quantized or without numbers")
    # A view may repeat a few numbers as often as it says.
    if tensor.nbytes > tensor.untyped_storage().nbytes():
        shape = list(tensor.shape)
        raise ValueError(f"whose shape {shape} needs more numbers than it has")
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    return np.ascontiguousarray(tensor.detach().numpy())
