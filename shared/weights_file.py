"""Trained weights from a safetensors file, checked before any network is built from them."""

from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

import numpy as np
from safetensors import SafetensorError, safe_open

from shared.config import CLASSES, IMAGE_SIZE, UsageError
from shared.initial_weights import Weights


def load_weights(path: Path) -> Weights:
    """Read the weights of a network with any number of hidden layers.

    Returns:
        `dense_1/kernel` [in, out], `dense_1/bias` [out], and so on, all of the same dtype, float32
        or float64.

    Raises:
        UsageError: there is no such file, or it does not hold exactly such weights.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            headers = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            shapes = {name: tuple(header.get_shape()) for name, header in headers.items()}
            names = _expected_names(shapes, path)
            _check_types({header.get_dtype() for header in headers.values()}, path)
            _check_shapes(shapes, path)
            weights = {name: file.get_tensor(name) for name in names}
    except OSError as error:
        _refuse(path, f"cannot be read ({error.strerror or error})")
    except SafetensorError as error:
        _refuse(path, f"is not a safetensors file ({error})")
    for name, array in weights.items():
        if not np.isfinite(array).all():
            _refuse(path, f"holds numbers in {name} that are not finite, as after a divergence")
    return weights


def require_two_hidden(weights: Weights, path: Path) -> None:
    """Raise UsageError unless `build_model` can build the network of these weights."""
    if len(hidden_units(weights)) != 2:
        raise UsageError(
            f"--weights {path} holds {len(hidden_units(weights))} hidden layers: "
            "expected two, which is what the implementations build."
        )


def hidden_units(weights: Weights) -> tuple[int, ...]:
    """The sizes of the hidden layers, from the first to the last."""
    return tuple(weights[f"dense_{number}/bias"].size for number in range(1, len(weights) // 2))


def float_type(weights: Weights) -> str:
    """The dtype that all the weights have: float32 or float64."""
    return str(weights["dense_1/kernel"].dtype)


def _expected_names(found: Collection[str], path: Path) -> list[str]:
    """Kernel and bias of each layer, in the network's order, if these are what was found."""
    layers = max(1, sum(name.endswith("/kernel") for name in found))
    names = [f"dense_{n}/{kind}" for n in range(1, layers + 1) for kind in ("kernel", "bias")]
    if set(names) != set(found):
        _refuse(path, f"holds {_list(found)} instead of {_list(names)}")
    return names


def _check_types(found: set[str], path: Path) -> None:
    if found not in ({"F32"}, {"F64"}):
        _refuse(path, f"holds numbers of type {_list(found)} instead of only F32 or only F64")


def _check_shapes(shapes: dict[str, tuple[int, ...]], path: Path) -> None:
    """Each layer must take as many numbers as the one before gives."""
    fan_in, layers = IMAGE_SIZE, len(shapes) // 2
    for number in range(1, layers + 1):
        kernel, bias = shapes[f"dense_{number}/kernel"], shapes[f"dense_{number}/bias"]
        fan_out = CLASSES if number == layers else max(1, *kernel[1:2], *bias[:1])
        if (kernel, bias) != ((fan_in, fan_out), (fan_out,)):
            _refuse(
                path,
                f"holds dense_{number} with a kernel of shape {list(kernel)} and a bias of shape "
                f"{list(bias)} instead of {[fan_in, fan_out]} and {[fan_out]}",
            )
        fan_in = fan_out


def _list(names: Collection[str]) -> str:
    """The names in one line, the first few of many."""
    names = sorted(names)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "nothing"


def _refuse(path: Path, what: str) -> NoReturn:
    raise UsageError(
        f"--weights {path} {what}: expected the weights that a training wrote, such as "
        "results/NAME/pytorch-eager.safetensors."
    )
