"""A child that opens PyTorch's files: `python -m commands.foreign.torch_file SOURCE TARGET`."""

import sys
import zipfile
from collections.abc import Mapping
from functools import partial
from io import BufferedReader
from types import ModuleType
from typing import TYPE_CHECKING, Any

from commands.foreign.child import Described, Unreadable, check_archive, convert
from commands.twin import import_twin
from shared.threads import prepare_environment

if TYPE_CHECKING:
    import numpy as np

# Under which keys trainings keep the network, where a checkpoint holds several dictionaries.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")


def read(
    file: BufferedReader, state_dict: ModuleType
) -> tuple[Mapping[str, "np.ndarray"], Described]:
    """The tensors of a state dict.

    Args:
        state_dict: the module that knows PyTorch.

    Raises:
        Unreadable: it is something else.
    """
    if zipfile.is_zipfile(file):
        check_archive(file)
    file.seek(0)
    try:
        loaded = state_dict.load(file)
    except ValueError:
        raise Unreadable(
            "holds more than tensors, or is damaged, and nothing in it is run: save "
            "model.state_dict() instead of the model"
        ) from None
    arrays = {}
    for name, tensor in find_state(loaded, state_dict).items():
        try:
            arrays[str(name)] = state_dict.to_array(tensor)
        except ValueError as error:
            raise Unreadable(f"holds {str(name)[:80]}, {error}") from None
    return arrays, Described(list(arrays))


def find_state(loaded: Any, state_dict: ModuleType) -> Mapping[Any, Any]:
    """The dictionary that holds tensors only, whatever it lies in."""

    def is_state(value: Any) -> bool:
        if not isinstance(value, Mapping) or not value:
            return False
        return all(map(state_dict.is_tensor, value.values()))

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


if __name__ == "__main__":
    prepare_environment(1)
    # Before the memory is limited, which the framework needs to be imported.
    known = import_twin("pytorch", "state_dict")
    sys.exit(convert("PyTorch", partial(read, state_dict=known)))
