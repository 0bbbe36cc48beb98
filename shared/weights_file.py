"""Trained weights as a safetensors file, with what a reader must know; checked when read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from shared.activations import ACTIVATIONS
from shared.config import (
    BATCH_NORM_EPSILON,
    ActivationName,
    DatasetName,
    FloatType,
    Pixels,
    TrainConfig,
)
from shared.errors import UsageError
from shared.initial_weights import Weights, weight_shapes
from shared.inputs import LARGEST_WEIGHTS, check_header, decode_json, open_regular
from shared.registry import IMPLEMENTATIONS
from shared.rules import choices_of

# The metadata's only key: with several, the library would write them in random order.
METADATA = "training"

# Far more than anybody normalizes with.
LARGEST_EPSILON = 1.0


@dataclass(frozen=True)
class Training:
    """What a file's metadata say: what its network was trained on, and what is no weight of it."""

    dataset: DatasetName = "auto"
    pixels: Pixels = "standardized"
    batch_norm_epsilon: float = BATCH_NORM_EPSILON
    # ReLU in files from before there was a choice.
    activation: ActivationName = "relu"
    activation_parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedNetwork:
    """Weights as `initial_weights` names them, and how they came about.

    Batch normalization computes with BATCH_NORM_EPSILON, whatever it was trained with.
    """

    weights: Weights
    training: Training


def dump_weights(weights: Weights, name: str, config: TrainConfig) -> bytes:
    """The content of the file.

    Args:
        weights: as `initial_weights` names them.
        name: the implementation that trained, a key of IMPLEMENTATIONS.
        config: of the training.
    """
    own = IMPLEMENTATIONS[name][0].batch_norm_epsilon if config.alignment == "defaults" else None
    epsilon = BATCH_NORM_EPSILON if own is None else own
    parameters = activation_parameters(name, config)
    training = Training(config.dataset, config.pixels, epsilon, config.activation, parameters)
    return save(weights, {METADATA: msgspec.json.encode(training).decode()})


def activation_parameters(name: str, config: TrainConfig) -> dict[str, float]:
    """What the activation function was computed with, the framework's own defaults included."""
    defaults = IMPLEMENTATIONS[name][0].activation_defaults.get(config.activation, {})
    own = defaults if config.alignment == "defaults" else {}
    return {**ACTIVATIONS[config.activation].parameters, **own}


def load_network(path: Path) -> TrainedNetwork:
    """Read the weights of a network with one or more hidden layers.

    Returns:
        The weights, all of the same dtype, float32 or float64, in the network's order.

    Raises:
        UsageError: there is no such file, or it does not hold exactly such weights.
    """
    try:
        check_size(path)
        with safe_open(path, framework="numpy") as file:
            headers = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            _check_types({header.get_dtype() for header in headers.values()}, path)
            shapes = {name: tuple(header.get_shape()) for name, header in headers.items()}
            names = _check_shapes(shapes, path)
            weights = {name: file.get_tensor(name) for name in names}
            metadata = (file.metadata() or {}).get(METADATA, "{}")
            training = _read_training(metadata, path)
    except OSError as error:
        _refuse(path, f"cannot be read ({error.strerror or error})")
    except SafetensorError as error:
        _refuse(path, f"is not a safetensors file ({error})")
    check_numbers(weights, path)
    for name, array in weights.items():
        if name.endswith("/moving_variance"):
            if array.min() < 0:
                _refuse(path, f"holds numbers in {name} that are negative")
            # Only the sum of both counts.
            array += training.batch_norm_epsilon - BATCH_NORM_EPSILON
            if not np.isfinite(array).all():
                _refuse(path, f"holds numbers in {name} that are too large")
    return TrainedNetwork(weights, training)


def check_numbers(weights: Weights, path: Path) -> None:
    """Refuse weights of which some are no numbers.

    Raises:
        UsageError: names them and the file.
    """
    for name, array in weights.items():
        if not np.isfinite(array).all():
            _refuse(path, f"holds numbers in {name} that are not finite, as after a divergence")


def hidden_units(weights: Weights) -> tuple[int, ...]:
    """The sizes of the hidden layers, from the first to the last."""
    layers = sum(name.endswith("/kernel") for name in weights)
    return tuple(weights[f"dense_{number}/kernel"].shape[1] for number in range(1, layers))


def has_batch_norm(weights: Weights) -> bool:
    """Whether the hidden layers are normalized."""
    return "batch_norm_1/gamma" in weights


def float_type(weights: Weights) -> FloatType:
    """The dtype that all the weights have."""
    return "float64" if weights["dense_1/kernel"].dtype == np.float64 else "float32"


def _read_training(metadata: str, path: Path) -> Training:
    """What the metadata say, with all parameters of the activation function."""
    try:
        said = decode_json(metadata, dict[str, Any])
        for name, choices in choices_of(Training).items():
            if said.get(name, choices[0]) not in choices:
                expected = ", ".join(choices)
                raise msgspec.ValidationError(f"{name} {said[name]} instead of one of {expected}")
        training = msgspec.convert(said, Training)
        epsilon = training.batch_norm_epsilon
        if not 0 < epsilon <= LARGEST_EPSILON:
            expected = f"{epsilon:g} instead of a number above 0, at most {LARGEST_EPSILON:g}"
            raise msgspec.ValidationError(f"batch_norm_epsilon {expected}")
        known = ACTIVATIONS[training.activation].parameters
        parameters = {**known, **training.activation_parameters}
        if parameters.keys() != known.keys():
            names = f"{_list(parameters)} of {training.activation} instead of {_list(known)}"
            raise msgspec.ValidationError(names)
    # Bytes that are no UTF-8 raise another ValueError than msgspec's own.
    except ValueError as error:
        _refuse(path, f"says of its training what can't be ({error})")
    return replace(training, activation_parameters=parameters)


def check_size(path: Path) -> None:
    """Refuse a header that the library would take much memory to read.

    Raises:
        OSError: it is no regular file, or larger than any weights.
    """
    with open_regular(path, LARGEST_WEIGHTS) as file:
        try:
            check_header(file.read(8))
        except ValueError as error:
            _refuse(path, f"is not a safetensors file ({error})")


def _check_types(found: set[str], path: Path) -> None:
    if found and found not in ({"F32"}, {"F64"}):
        _refuse(path, f"holds numbers of type {_list(found)} instead of only F32 or only F64")


def _check_shapes(found: dict[str, tuple[int, ...]], path: Path) -> list[str]:
    """The names in the network's order, if they and their shapes are those of a network."""
    kernels = max(2, sum(name.endswith("/kernel") for name in found))
    shapes = [found.get(f"dense_{number}/kernel", ()) for number in range(1, kernels)]
    hidden = tuple(max(1, *shape[1:2], 1) for shape in shapes)
    norm = any(name.startswith("batch_norm_") for name in found)
    expected = weight_shapes(hidden, batch_norm=norm)
    unknown, missing = found.keys() - expected.keys(), expected.keys() - found.keys()
    if unknown or missing:
        _refuse(path, f"holds {_list(unknown)} instead of {_list(missing)}")
    for name, shape in expected.items():
        if found[name] != shape:
            _refuse(path, f"holds {name} of shape {list(found[name])} instead of {list(shape)}")
    return list(expected)


def check_outputs(path: Path, *outputs: np.ndarray | float) -> None:
    """Refuse weights that a network computes no numbers with.

    Args:
        path: of the weights.
        outputs: logits, probabilities or a loss that were computed with them.

    Raises:
        UsageError: some of them are not finite.
    """
    if not all(np.isfinite(each).all() for each in outputs):
        _refuse(path, "give logits or a loss that are not finite, as numbers that are too large do")


def _list(names: Collection[str]) -> str:
    """The names in one line, the first few of many."""
    names = sorted(names)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "nothing"


def _refuse(path: Path, what: str) -> NoReturn:
    raise UsageError(
        f"--weights {path} {what}: expected weights that this project wrote, such as "
        "results/NAME/pytorch-eager.safetensors."
    )
