"""Every number that all sides must share, validated once; each field is a command-line flag."""

import math
import os
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import psutil
import tyro

DatasetName = Literal["auto", "mnist", "fashion-mnist", "digits"]
FloatType = Literal["float32", "float64"]
Alignment = Literal["defaults", "matched", "exact"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]

IMAGE_SIZE = 28 * 28
CLASSES = 10
# NumPy, torch and Keras all take seeds below this.
SEEDS = 2**32
# PyTorch's default; Keras's is 1e-7.
ADAM_EPSILON = 1e-8

# Every library that may compute here reads its own variable, once, when it is imported.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# Says whether torch.compile does without what it compiled in earlier processes.
NO_CACHE_VARIABLE = "TORCHINDUCTOR_FORCE_DISABLE_CACHES"


@dataclass(frozen=True)
class Implementation:
    """One framework's side of the comparison."""

    package: str
    """The folder, run as `python -m PACKAGE`."""
    framework: str
    """What it imports, and what has to be installed."""
    variants: tuple[str, ...]
    """Ways to run it; the first is the default of `python -m PACKAGE`."""


IMPLEMENTATIONS = {
    "pytorch": Implementation("pytorch_impl", "torch", ("eager", "compiled")),
    "tensorflow": Implementation(
        "tensorflow_impl", "tensorflow", ("graph", "eager", "compiled", "fit")
    ),
    "numpy": Implementation("numpy_impl", "numpy", ("reference",)),
}

ALL_RUNS = tuple(
    f"{name}/{variant}"
    for name, implementation in IMPLEMENTATIONS.items()
    for variant in implementation.variants
)


class UsageError(Exception):
    """The request itself was wrong; the message is one sentence for the user (exit status 2)."""


def physical_cores() -> int:
    """Number of physical cores that this process may use (at least 1)."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return min(psutil.cpu_count(logical=False) or allowed, allowed)


@dataclass(frozen=True)
class TrainConfig:
    """What is trained, on what, and how. The same for every run of a comparison."""

    dataset: DatasetName = "auto"
    """Images to learn; auto is MNIST, or the embedded digits where MNIST can't be had."""
    data_dir: Path = field(default_factory=lambda: Path(os.environ.get("DATA_DIR") or "data"))
    """Folder of the datasets, filled on first use; also the environment variable DATA_DIR."""
    offline: tyro.conf.FlagCreatePairsOff[bool] = False
    """Never touch the network."""
    epochs: int = 5
    """Passes over the training images."""
    batch_size: int = 64
    """Images per training step."""
    learning_rate: float = 0.001
    """Adam's step size."""
    hidden: tuple[int, int] = (128, 64)
    """Units of the two hidden layers."""
    seed: int = 0
    """Draws the initial weights and the order of the images."""
    limit: int | None = None
    """Use only the first LIMIT training images."""
    alignment: Alignment = "matched"
    """Own defaults, or matched weights and hyper-parameters, or exact: Adam's epsilon as well."""
    float_type: FloatType = "float32"
    """Floating-point type of images, weights and arithmetic."""
    device: DeviceName = "auto"
    """Where to compute; auto is CUDA, else Apple's GPU for PyTorch, else the CPU."""
    threads: int = field(default_factory=physical_cores)
    """CPU threads of each run; by default as many as there are physical cores."""

    def __post_init__(self) -> None:
        """Check every value that a flag can set.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        for name in ("epochs", "batch_size", "threads"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _require(
            math.isfinite(self.learning_rate) and self.learning_rate > 0,
            "learning_rate",
            self.learning_rate,
            "a finite number above 0",
        )
        _require(min(self.hidden) >= 1, "hidden", self.hidden, "two sizes of 1 or more")
        _require(0 <= self.seed < SEEDS, "seed", self.seed, "a number from 0 to 4294967295")
        _require(self.limit is None or self.limit >= 1, "limit", self.limit, "1 or more")
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            _require(value in choices, name, value, "one of " + ", ".join(choices))

    def parameters(self) -> int:
        """Number of weights and biases of the network."""
        sizes = (IMAGE_SIZE, *self.hidden, CLASSES)
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))

    def as_json(self) -> dict[str, object]:
        """The fields as JSON can hold them."""
        return {**asdict(self), "data_dir": str(self.data_dir), "hidden": list(self.hidden)}

    def as_flags(self) -> list[str]:
        """The command-line flags that give this very configuration (paths made absolute)."""
        flags = []
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None or value is False:
                continue
            flags.append(flag(item.name))
            if isinstance(value, tuple):
                flags += map(str, value)
            elif isinstance(value, Path):
                flags.append(str(value.absolute()))
            elif value is not True:
                flags.append(str(value))
        return flags


CHOICES = {
    "dataset": get_args(DatasetName),
    "alignment": get_args(Alignment),
    "float_type": get_args(FloatType),
    "device": get_args(DeviceName),
}


def flag(name: str) -> str:
    """The command-line spelling of a field: `batch_size` -> `--batch-size`."""
    return "--" + name.replace("_", "-")


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
        raise UsageError(f"{flag(name)} {shown}: expected {expected}.")


def prepare_environment(threads: int) -> None:
    """Pin the threads and quieten the frameworks; to be called before either is imported."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    # Level 3: on a machine without a GPU TensorFlow reports even its absence as an error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # XLA keeps nothing on disk either: every run's time to first step holds all its compiling.
    os.environ.setdefault(NO_CACHE_VARIABLE, "1")
