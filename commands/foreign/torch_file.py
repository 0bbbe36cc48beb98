"""A child that opens PyTorch's files: `python -m commands.foreign.torch_file SOURCE TARGET`."""

import pickle
import sys
import zipfile
from collections.abc import Mapping
from io import BufferedReader
from typing import Any

import numpy as np
import torch

from commands.foreign.child import Described, Unreadable, check_archive, convert

# Under which keys trainings keep the network, where a checkpoint holds several dictionaries.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")


def read(file: BufferedReader) -> tuple[Mapping[str, np.ndarray], Described]:
    """The tensors of a state dict.

    Raises:
        Unreadable: it is something else.
    """
    if zipfile.is_zipfile(file):
        check_archive(file)
    file.seek(0)
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Unreadable(
            "holds more than tensors, or is damaged, and nothing in it is run: save "
            "model.state_dict() instead of the model"
        ) from None
    state = find_state(loaded)
    arrays = {str(name): to_array(str(name), tensor) for name, tensor in state.items()}
    return arrays, Described(list(arrays))


def find_state(loaded: Any) -> Mapping[Any, Any]:
    """The dictionary that holds tensors only, whatever it lies in."""
    if is_state(loaded):
        return loaded
    if not isinstance(loaded, Mapping):
        raise Unreadable(f"holds a {type(loaded).__name__} instead of a state dict")
    inner = {str(name): value for name, value in loaded.items() if is_state(value)}
    names = [*(name for name in WRAPPERS if name in inner), *inner]
    if not names or (len(inner) > 1 and names[0] not in WRAPPERS):
        found = ", ".join(map(str, list(loaded)[:8])) or "nothing"
        raise Unreadable(f"holds {found} instead of one state dict")
    return inner[names[0]]


def is_state(value: Any) -> bool:
    """Whether it is a dictionary of tensors."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(each, torch.Tensor) for each in value.values())
    )


def to_array(name: str, tensor: torch.Tensor) -> np.ndarray:
    """The tensor's numbers, those of half precision as float32."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        raise Unreadable(f"holds {name[:80]}, which is sparse, quantized or without numbers")
    # A view may repeat a few numbers as often as it says.
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise Unreadable(f"holds {name[:80]} of shape {list(tensor.shape)}, but fewer numbers")
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return np.ascontiguousarray((tensor.float() if half else tensor).detach().numpy())


if __name__ == "__main__":
    sys.exit(convert("PyTorch", read))
