"""What each command of an implementation can be asked for; entry.py knows the variants."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from shared.config import (
    CLASSES,
    ActivationName,
    DatasetName,
    DeviceName,
    Pixels,
    TrainConfig,
)
from shared.dataset_records import default_data_dir
from shared.errors import UsageError
from shared.flags import Flag, PictureFiles

if TYPE_CHECKING:
    ActivationOrAuto: TypeAlias = str
else:
    ActivationOrAuto = Literal["auto", ActivationName]

FormatName = Literal["native", "onnx", "program", "int8"]

PROFILED_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """Train the network, test it, save its weights, its curves and its predictions."""

    config: TrainConfig
    variant: str
    """Way to run the training loop."""
    output_dir: Path | None = None
    """Folder for the results, new or empty; by default results/<UTC time>."""
    profile: Flag = False
    """Then watch a few more steps with the framework's profiler; write trace.json."""


@dataclass(frozen=True, kw_only=True)
class MeasureRequest:
    """What every command needs that tries a trained network on a dataset."""

    weights: Path
    """Safetensors file that a training wrote, whichever framework trained; or another program's
    .safetensors, .pt, .pth, .keras or .h5 of such a network, in which nothing is run."""
    activation: ActivationOrAuto = "auto"
    """What the hidden layers end with; auto is what the weights say, and ReLU if they say
    nothing."""
    pixels: Literal["auto", Pixels] = "auto"
    """How pixels are prepared; auto is what the weights say, and standardized if they say
    nothing."""
    dataset: DatasetName = "auto"
    """Images to measure on; auto is what the network was trained on if the file says so, else
    MNIST, or the embedded digits where MNIST can't be had."""
    data_dir: Path = field(default_factory=default_data_dir)
    """Folder of the datasets, filled on first use; also the environment variable DATA_DIR."""
    offline: Flag = False
    """Never touch the network."""


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(MeasureRequest):
    """Measure a trained network, whichever framework trained it: loss, accuracy, each class."""

    split: Literal["test", "train"] = "test"
    """Measure on the test images or on the training images."""
    device: DeviceName = "auto"
    """Where to compute; auto is CUDA, else Apple's GPU for PyTorch, else the CPU."""
    output_dir: Path | None = None
    """New or empty folder for figures, confusion matrix and logits; by default none is written."""


@dataclass(frozen=True)
class PredictRequest:
    """Say what is on pictures of your own, with a trained network."""

    images: PictureFiles
    """PNG or JPEG files of any size, dark on light or light on dark."""
    weights: Path
    """Safetensors file that a training wrote, whichever framework trained; or another program's
    .safetensors, .pt, .pth, .keras or .h5 of such a network, in which nothing is run."""
    activation: ActivationOrAuto = "auto"
    """What the hidden layers end with; auto is what the weights say, and ReLU if they say
    nothing."""
    pixels: Literal["auto", Pixels] = "auto"
    """How pixels are prepared; auto is what the weights say, and standardized if they say
    nothing."""
    dataset: DatasetName = "auto"
    """Gives the classes' names and how pictures are prepared; auto is what the network was trained
    on if the file says so, else MNIST."""
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


@dataclass(frozen=True, kw_only=True)
class ExportRequest(MeasureRequest):
    """Write a trained network in formats that other programs read, and check each file."""

    output_dir: Path
    """Folder for the files, new or empty."""
    format: tuple[FormatName, ...] = get_args(FormatName)
    """What to write: the framework's own format; ONNX; a program that needs nothing of this code;
    the same with kernels in int8."""

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

    hidden: tuple[int, ...] = TrainConfig.hidden
    """Units of each hidden layer."""
    activation: ActivationName = TrainConfig.activation
    """The function that each hidden layer ends with."""
    dropout: float = TrainConfig.dropout
    """Fraction of a hidden layer's units that each training step switches off at random."""
    batch_norm: Flag = False
    """Normalize each hidden layer over the batch, before its activation."""
    output_dir: Path | None = None
    """New or empty folder for a log of the network's operations, for TensorBoard; by default none
    is written."""

    def __post_init__(self) -> None:
        """Check the flags as a training does.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        self.config()

    def config(self) -> TrainConfig:
        """The configuration of a training of such a network."""
        return TrainConfig(
            hidden=self.hidden,
            activation=self.activation,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
        )


@dataclass(frozen=True, kw_only=True)
class ProfileRequest:
    """Watch some training steps with the framework's own profiler: where does the time go?

    They are an epoch after two that warm up, whatever --epochs says.
    """

    config: TrainConfig
    output_dir: Path
    """Folder for trace.json, new or empty."""
    variant: str
    """Way to run the training loop."""
    steps: int = PROFILED_STEPS
    """Training steps to watch."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.steps < 1:
            raise UsageError(f"--steps {self.steps}: expected 1 or more.")
