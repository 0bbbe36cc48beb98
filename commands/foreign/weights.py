"""Any file of weights as a network: this project's, or another program's, read by a child."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, Protocol, get_args

import numpy as np
from safetensors import SafetensorError, deserialize, safe_open

from commands.foreign.child import METADATA, Described, Unreadable
from commands.foreign.mapping import in_natural_order, to_weights
from report.terminal import make_console, say
from shared.activations import ACTIVATIONS, describe_activation
from shared.config import Pixels, TrainConfig
from shared.errors import UsageError
from shared.inputs import LARGEST_WEIGHTS, check_header, decode_json, read_regular
from shared.weights_file import METADATA as OWN_METADATA
from shared.weights_file import (
    TrainedNetwork,
    Training,
    check_numbers,
    check_size,
    load_network,
)

ROOT = Path(__file__).parents[2]

# Seconds after which a child is taken to be lost.
PATIENCE = 300

# NumPy's types of numbers by safetensors' names. It has no bfloat16, the upper half of a float32.
NUMBERS = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "?"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
}

OWN_NAME = re.compile(r"(dense|batch_norm)_[1-9]\d*/\w+")


@dataclass(frozen=True)
class Format:
    """A kind of file that only a child opens."""

    program: str
    """The child's module."""
    requires: str
    """The module that must be installed for it."""
    label: str
    """The framework as people write it."""


TORCH = Format("commands.foreign.torch_file", "torch", "PyTorch")
KERAS = Format("commands.foreign.keras_file", "h5py", "Keras")

# By the ending of the name, as a look into the file would open it here.
FORMATS = {
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), TORCH),
    **dict.fromkeys((".keras", ".h5", ".hdf5"), KERAS),
}


class Request(Protocol):
    """What a command is asked for that reads weights."""

    @property
    def weights(self) -> Path:
        """The file."""

    @property
    def activation(self) -> str:
        """A key of ACTIVATIONS, or auto."""

    @property
    def pixels(self) -> str:
        """One of Pixels, or auto."""


def open_network(request: Request) -> TrainedNetwork:
    """Read the weights of a network, whoever wrote them, and say what is taken for granted.

    Raises:
        UsageError: the file can't be read, holds another kind of network, or says otherwise than
            the request.
    """
    path = request.weights
    kind = FORMATS.get(path.suffix.lower())
    if kind is None and (known := _known_to_own(path)) is not None:
        network = load_network(path)
        return replace(network, training=_settle(network.training, known, request))
    try:
        arrays, described = _read_foreign(path) if kind is None else _convert(path, kind)
        weights = to_weights(arrays, described.order)
    except Unreadable as error:
        refuse(path, str(error))
    known = frozenset(name for name in ("activation", "pixels") if getattr(described, name))
    training = _settle(_said(described), known, request)
    check_numbers(weights, path)
    _tell(request, training, known, kind.label if kind else "another program")
    return TrainedNetwork(weights, training)


def refuse(path: Path, what: str) -> NoReturn:
    """Say what is wrong with a foreign file.

    Raises:
        UsageError: always.
    """
    raise UsageError(
        f"--weights {path} {what}: expected dense layers as described in docs/FILES.md, or "
        "weights that this project wrote."
    )


def _known_to_own(path: Path) -> frozenset[str] | None:
    """What this project's file says beside numbers; None if another program named its arrays."""
    try:
        check_size(path)
        with safe_open(path, framework="numpy") as file:
            names, said = file.keys(), OWN_METADATA in (file.metadata() or {})
    # Why, whoever loads it says.
    except (OSError, SafetensorError):
        return frozenset()
    if said:
        return frozenset({"activation", "pixels"})
    return frozenset() if all(map(OWN_NAME.fullmatch, names)) else None


def _read_foreign(path: Path) -> tuple[Mapping[str, np.ndarray], Described]:
    """Another program's safetensors file; the format runs nothing, so no child is needed."""
    try:
        arrays = _read_arrays(path)
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise Unreadable(f"cannot be read ({error})") from None
    return arrays, Described(sorted(arrays, key=in_natural_order))


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a safetensors file, those of half precision as float32.

    Raises:
        OSError: it can't be read, UnfitFile among them.
        ValueError: it is no such file, or holds numbers that NumPy does not know.
    """
    content = read_regular(path, LARGEST_WEIGHTS)
    check_header(content)
    try:
        return {name: _decode(**each) for name, each in deserialize(content)}
    except KeyError as error:
        raise ValueError(f"it contains a tensor of the unsupported type {error}") from None
    except SafetensorError as error:
        raise ValueError(f"it is not a safetensors file ({error})") from None


def _decode(dtype: str, shape: Sequence[int], data: bytes) -> np.ndarray:
    array = np.frombuffer(data, NUMBERS[dtype]).reshape(shape)
    if dtype == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if dtype == "F16" else array


def _convert(path: Path, kind: Format) -> tuple[Mapping[str, np.ndarray], Described]:
    """Have a child write what a file holds as safetensors, and read that.

    Raises:
        UsageError: the child's framework is not installed.
        Unreadable: the child can't read the file.
    """
    if importlib.util.find_spec(kind.requires) is None:
        raise UsageError(
            f"--weights {path} is a {kind.label} file and needs {kind.requires}, which is not "
            f"installed for {sys.executable}; install it there."
        )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "converted.safetensors")
        try:
            child = run_child("-m", kind.program, str(path.absolute()), str(target))
        except subprocess.TimeoutExpired:
            raise Unreadable(f"cannot be read (it took more than {PATIENCE} seconds)") from None
        if child.returncode:
            reason = child.stdout.strip() if child.returncode == 2 else ""
            ended = f"cannot be read (the process that opened it ended with {child.returncode})"
            raise Unreadable(reason or ended)
        arrays = _read_arrays(target)
        with safe_open(target, framework="numpy") as file:
            described = decode_json(file.metadata()[METADATA], Described)
    return arrays, described


def run_child(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` to its end, from this project's folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )


def _said(described: Described) -> Training:
    """What a foreign file says of its training."""
    function = described.activation or TrainConfig.activation
    parameters = {**ACTIVATIONS[function].parameters, **described.activation_parameters}
    pixels = described.pixels or TrainConfig.pixels
    return Training(pixels=pixels, activation=function, activation_parameters=parameters)


def _settle(training: Training, known: frozenset[str], request: Request) -> Training:
    """What the request adds to what a file says.

    Raises:
        UsageError: the file says otherwise.
    """
    asked = {
        name: value
        for name in ("activation", "pixels")
        if (value := getattr(request, name)) not in ("auto", getattr(training, name))
    }
    for name, value in asked.items():
        if name in known:
            raise UsageError(
                f"--{name} {value}: {request.weights} says {getattr(training, name)}; leave the "
                "flag out."
            )
    if "activation" in asked:
        parameters = dict(ACTIVATIONS[asked["activation"]].parameters)
        return replace(training, **asked, activation_parameters=parameters)
    return replace(training, **asked)


def _tell(request: Request, training: Training, known: frozenset[str], label: str) -> None:
    """Say what neither a foreign file nor the request does, and what is assumed."""
    function = describe_activation(training.activation, training.activation_parameters)
    others = ", ".join(each for each in ACTIVATIONS if each != training.activation)
    prepared = {
        "standardized": "the mean and standard deviation of the dataset",
        "unit": "the range 0 to 1",
    }[training.pixels]
    (other,) = (each for each in get_args(Pixels) if each != training.pixels)
    sentences = [f"This file was written by {label}."]
    if "activation" not in known and request.activation == "auto":
        sentences.append(
            f"It does not name the activation function of the hidden layers: assuming {function} "
            f"(--activation chooses another: {others})."
        )
    if "pixels" not in known and request.pixels == "auto":
        sentences.append(
            f"It does not say how to scale pixels: assuming {prepared} (--pixels {other} chooses "
            "the other way)."
        )
    if len(sentences) > 1:
        say(make_console(), f"NOTICE: {request.weights}: {' '.join(sentences)}")
