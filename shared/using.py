"""The entries of `python -m pytorch_impl.evaluate` and `.predict` and their twins: flags, errors.

What needs NumPy or a framework is imported only when the request has been understood.
"""

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal, TypeVar

import tyro

from shared.command_line import interrupt_on_terminate, parse_flags
from shared.config import (
    CLASSES,
    IMPLEMENTATIONS,
    DatasetName,
    DeviceName,
    UsageError,
    physical_cores,
    prepare_environment,
)

Request = TypeVar("Request")


@dataclass(frozen=True)
class EvaluateRequest:
    """Measure trained weights, whichever framework trained them: loss, accuracy, each class."""

    weights: Path
    """Safetensors file that a training wrote."""
    dataset: DatasetName = "auto"
    """Images to measure on; auto is MNIST, or the embedded digits where MNIST can't be had."""
    data_dir: Path = field(default_factory=lambda: Path(os.environ.get("DATA_DIR") or "data"))
    """Folder of the datasets, filled on first use; also the environment variable DATA_DIR."""
    offline: tyro.conf.FlagCreatePairsOff[bool] = False
    """Never touch the network."""
    split: Literal["test", "train"] = "test"
    """Measure on the test images or on the training images."""
    device: DeviceName = "auto"
    """Where to compute; auto is CUDA, else Apple's GPU for PyTorch, else the CPU."""
    output_dir: Path | None = None
    """New or empty folder for figures, confusion matrix and logits; by default none is written."""


@dataclass(frozen=True)
class PredictRequest:
    """Say what is on pictures of your own, with trained weights."""

    images: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="IMAGE ...", help_behavior_hint="(one or more)"),
    ]
    """PNG or JPEG files of any size, dark on light or light on dark."""
    weights: Path
    """Safetensors file that a training wrote."""
    dataset: Literal["mnist", "fashion-mnist", "digits"] = "mnist"
    """What the weights were trained on: gives the classes' names and how images are prepared."""
    top: int = 3
    """How many of the likeliest classes to show."""
    draw: Path | None = None
    """PNG file to draw the images in, each as it is, as the network sees it, and its classes."""
    device: DeviceName = "auto"
    """Where to compute; auto is CUDA, else Apple's GPU for PyTorch, else the CPU."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if not self.images:
            raise UsageError("no IMAGE was named: expected one or more PNG or JPEG files.")
        if not 1 <= self.top <= CLASSES:
            raise UsageError(f"--top {self.top}: expected a number from 1 to {CLASSES}.")
        if self.draw and (self.draw.suffix.lower() != ".png" or not self.draw.parent.is_dir()):
            raise UsageError(
                f"--draw {self.draw}: expected the name of a .png file in a folder that exists."
            )
        if self.draw and any(self.draw.resolve() == image.resolve() for image in self.images):
            raise UsageError(f"--draw {self.draw} would overwrite an IMAGE; choose another name.")


def evaluate_weights(name: str) -> int:
    """`python -m PACKAGE.evaluate`; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.
    """

    def job(request: EvaluateRequest) -> None:
        from shared.evaluating import evaluate

        evaluate(name, request)

    return answer(f"{IMPLEMENTATIONS[name].package}.evaluate", EvaluateRequest, job)


def predict_images(name: str) -> int:
    """`python -m PACKAGE.predict`; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.
    """

    def job(request: PredictRequest) -> None:
        from shared.predicting import predict

        predict(name, request)

    return answer(f"{IMPLEMENTATIONS[name].package}.predict", PredictRequest, job)


def answer(
    module: str, request: Callable[..., Request], job: Callable[[Request], int | None]
) -> int:
    """Do the job that the command line asks for; returns the exit status, the job's own if any."""
    program = f"python -m {module}"
    try:
        asked = parse_flags(request, program)
        prepare_environment(physical_cores())
        interrupt_on_terminate()
        return job(asked) or 0
    except UsageError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted.", file=sys.stderr)
        return 1


def import_twin(name: str, module: str) -> ModuleType:
    """Import a file of an implementation, and with it the framework.

    Raises:
        UsageError: the framework is not installed.
    """
    from shared.single_run import native_chatter_held_back

    implementation = IMPLEMENTATIONS[name]
    try:
        with native_chatter_held_back():
            return importlib.import_module(f"{implementation.package}.{module}")
    except ModuleNotFoundError as error:
        if error.name not in (implementation.framework, "keras"):
            raise
        raise UsageError(
            f"{error.name} is not installed for {sys.executable}; install it there."
        ) from None
