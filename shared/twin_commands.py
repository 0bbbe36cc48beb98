"""The entries of `python -m pytorch_impl.export`, `.summary` and `.profile` and their twins.

What needs NumPy or a framework is imported only when the request has been understood.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import tyro

from shared.config import (
    IMPLEMENTATIONS,
    DatasetName,
    TrainConfig,
    UsageError,
    prepare_environment,
)
from shared.using import answer

FormatName = Literal["native", "onnx", "program", "int8"]


@dataclass(frozen=True)
class ExportRequest:
    """Write a trained network in formats that other programs read, and check each file."""

    weights: Path
    """Safetensors file that a training wrote, whichever framework trained."""
    output_dir: Path
    """Folder for the files, new or empty."""
    format: tuple[FormatName, ...] = get_args(FormatName)
    """What to write: the framework's own format; ONNX; a program that needs nothing of this code;
    the same with kernels in int8."""
    dataset: DatasetName = "auto"
    """Whose test images to check with; auto is MNIST, or digits where MNIST can't be had."""
    data_dir: Path = field(default_factory=lambda: Path(os.environ.get("DATA_DIR") or "data"))
    """Folder of the datasets, filled on first use; also the environment variable DATA_DIR."""
    offline: tyro.conf.FlagCreatePairsOff[bool] = False
    """Never touch the network."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: no format is named.
        """
        if not self.format:
            raise UsageError(
                f"--format: expected one or more of {', '.join(get_args(FormatName))}."
            )


@dataclass(frozen=True)
class SummaryRequest:
    """Show the network layer by layer: output shapes and numbers of parameters."""

    hidden: tuple[int, int] = TrainConfig.hidden
    """Units of the two hidden layers."""


@dataclass(frozen=True)
class ProfiledConfig(TrainConfig):
    """A configuration of a few steps, so that there are no epochs to be asked for."""

    epochs: tyro.conf.Suppress[int] = 3
    limit: tyro.conf.Suppress[int | None] = None
    target_accuracy: tyro.conf.Suppress[float] = 1.0


@dataclass(frozen=True)
class ProfileRequest:
    """Watch some training steps with the framework's own profiler: where does the time go?"""

    config: ProfiledConfig
    output_dir: Path
    """Folder for trace.json, new or empty."""
    variant: str | None = None
    """Way to run the training loop, as of the training command."""
    steps: int = 20
    """Training steps to watch; twice as many come before to warm up."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.steps < 1:
            raise UsageError(f"--steps {self.steps}: expected 1 or more.")


def export_weights(name: str) -> int:
    """`python -m PACKAGE.export`; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.
    """

    def job(request: ExportRequest) -> int:
        from shared.exporting import export

        return export(name, request)

    return answer(f"{IMPLEMENTATIONS[name].package}.export", ExportRequest, job)


def summarize_model(name: str) -> int:
    """`python -m PACKAGE.summary`; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.
    """

    def job(request: SummaryRequest) -> None:
        from shared.summarizing import print_summary

        print_summary(name, TrainConfig(hidden=request.hidden))

    return answer(f"{IMPLEMENTATIONS[name].package}.summary", SummaryRequest, job)


def profile_training(name: str) -> int:
    """`python -m PACKAGE.profile`; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.
    """

    def job(request: ProfileRequest) -> None:
        prepare_environment(request.config.threads)
        from shared.profiling import profile

        profile(name, request)

    return answer(f"{IMPLEMENTATIONS[name].package}.profile", ProfileRequest, job)
