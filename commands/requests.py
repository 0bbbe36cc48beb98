"""What each command of an implementation can be asked for; entry.py knows the variants."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

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
from shared.flags import Examples, Flag, PictureFiles

if TYPE_CHECKING:
    ActivationOrAuto: TypeAlias = str
else:
    ActivationOrAuto = Literal["auto", ActivationName]

FormatName = Literal["native", "onnx", "program", "int8"]

PROFILED_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """Train and test the network; save its weights, loss curves and predictions."""

    config: TrainConfig
    variant: str
    """How to run the training loop."""
    output_dir: Path | None = None
    """New or empty folder for the results. Default: results/<UTC time>."""
    profile: Flag = False
    """After training, record a few more steps with the framework's profiler in trace.json."""

    examples: ClassVar[Examples] = (
        ("", "train with the default settings"),
        ("--epochs 3 --dataset digits", "on small digits, without a download"),
        ("--hidden 512 512 --dropout 0.2", "another network"),
        ("--optimizer sgd --learning-rate 0.1", "another optimizer"),
    )


@dataclass(frozen=True, kw_only=True)
class MeasureRequest:
    """What evaluate and export have in common: a trained network and a dataset."""

    weights: Path
    """Trained weights: a .safetensors file that any of the implementations wrote, or a
    .safetensors, .pt, .pth, .keras or .h5 file from elsewhere. No code in the file is run."""
    activation: ActivationOrAuto = "auto"
    """Activation function of the hidden layers; auto is the one named in the weights file, else
    relu."""
    pixels: Literal["auto", Pixels] = "auto"
    """How to scale pixels; auto is what the weights file names, else standardized."""
    dataset: DatasetName = "auto"
    """Images to measure on; auto is the dataset named in the weights file, else MNIST, or
    scikit-learn's small digits if MNIST cannot be found or downloaded."""
    data_dir: Path = field(default_factory=default_data_dir)
    """Folder of the datasets, filled on first use. Default: $DATA_DIR, else data."""
    offline: Flag = False
    """Never use the network."""


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(MeasureRequest):
    """Measure a trained network: loss, accuracy, and precision and recall of each class."""

    split: Literal["test", "train"] = "test"
    """Images to measure on."""
    device: DeviceName = "auto"
    """Where to compute; auto prefers CUDA, then Apple's GPU (PyTorch only), then the CPU."""
    output_dir: Path | None = None
    """New or empty folder for the figures, the confusion matrix and the logits. Default: write no
    files."""

    examples: ClassVar[Examples] = (("--weights m.safetensors", "measure on the test images"),)


@dataclass(frozen=True)
class PredictRequest:
    """Classify your own images with a trained network."""

    images: PictureFiles
    """PNG or JPEG files of any size, dark on light or light on dark."""
    weights: Path
    """Trained weights: a .safetensors file that any of the implementations wrote, or a
    .safetensors, .pt, .pth, .keras or .h5 file from elsewhere. No code in the file is run."""
    activation: ActivationOrAuto = "auto"
    """Activation function of the hidden layers; auto is the one named in the weights file, else
    relu."""
    pixels: Literal["auto", Pixels] = "auto"
    """How to scale pixels; auto is what the weights file names, else standardized."""
    dataset: DatasetName = "auto"
    """Dataset whose class names and image preparation to use; auto is the one named in the weights
    file, else MNIST."""
    top: int = 3
    """Show the N likeliest classes."""
    draw: Path | None = None
    """Draw each image, what the network sees of it and the likeliest classes into this PNG file.
    Default: no drawing."""
    device: DeviceName = "auto"
    """Where to compute; auto prefers CUDA, then Apple's GPU (PyTorch only), then the CPU."""

    examples: ClassVar[Examples] = (("photo.png --weights m.safetensors", "classify one image"),)

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if not self.images:
            raise UsageError("IMAGE is missing: expected one or more PNG or JPEG files.")
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
    """Export a trained network to formats that other programs read, and check each file."""

    output_dir: Path
    """New or empty folder for the files."""
    format: tuple[FormatName, ...] = get_args(FormatName)
    """Formats to write: the framework's own format (native), ONNX, a program that runs without this
    code, and such a program with its kernels in int8."""

    examples: ClassVar[Examples] = (("--weights m.safetensors --output-dir out", "all formats"),)

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
    """Show the network layer by layer, with output shapes and parameter counts."""

    hidden: tuple[int, ...] = TrainConfig.hidden
    """Units in each hidden layer."""
    activation: ActivationName = TrainConfig.activation
    """Activation function of the hidden layers."""
    dropout: float = TrainConfig.dropout
    """Fraction of hidden units to drop at random in each training step."""
    batch_norm: Flag = False
    """Add batch normalization to each hidden layer, before its activation."""
    output_dir: Path | None = None
    """New or empty folder for a TensorBoard log of the network's graph. Default: no log."""

    examples: ClassVar[Examples] = (("--hidden 512 512 --batch-norm", "show another network"),)

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
    """Record training steps with the framework's profiler, to see where the time goes.

    Two warm-up epochs of the same length come first; --epochs has no effect.
    """

    config: TrainConfig
    output_dir: Path
    """New or empty folder for trace.json."""
    variant: str
    """How to run the training loop."""
    steps: int = PROFILED_STEPS
    """Training steps to record."""

    examples: ClassVar[Examples] = (("--output-dir out", "record 20 steps"),)

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.steps < 1:
            raise UsageError(f"--steps {self.steps}: expected 1 or more.")
