"""Every number that all sides must share, validated once; each field is a command-line flag."""

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import tyro

from shared.activations import ACTIVATIONS
from shared.dataset_records import DATASETS, default_data_dir
from shared.kinds import Setting
from shared.rules import check, flag
from shared.threads import physical_cores

if TYPE_CHECKING:
    # Type checkers need a list that is written out; at run time it is made from the records.
    DatasetName: TypeAlias = str
    ActivationName: TypeAlias = str
else:
    DatasetName = Literal["auto", *DATASETS]
    ActivationName = Literal[*ACTIVATIONS]

FloatType = Literal["float32", "float64"]
Alignment = Literal["defaults", "matched", "exact"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Preset = Literal["digit-classifier", "torch-quickstart", "keras-quickstart", "two-layer"]
Pixels = Literal["standardized", "unit"]
OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"]
Schedule = Literal["constant", "step", "cosine", "plateau"]
Labels = Literal["integer", "one-hot"]
ClassWeights = Literal["none", "balanced"]
Sampling = Literal["all", "balanced"]
Precision = Literal["full", "bfloat16", "float16"]
Pipeline = Literal["arrays", "per-sample"]

IMAGE_SIZE = 28 * 28
CLASSES = 10

# PyTorch's defaults, which are the reference for both.
ADAM_EPSILON = 1e-8
RMSPROP_RHO, RMSPROP_EPSILON = 0.99, 1e-8
ADAGRAD_EPSILON = 1e-10

# How much of batch normalization's running statistics is kept; PyTorch says 0.1, what is replaced.
BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON = 0.9, 1e-5

# What float16's gradients are scaled by at first.
INITIAL_SCALE = 2.0**16

# AdamW's, in PyTorch.
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class TrainConfig:
    """What is trained, on what, and how. The same for every run of a comparison."""

    preset: Preset = "digit-classifier"
    """Sets the defaults of the other flags: a network from a tutorial, with its usual settings."""
    dataset: DatasetName = "auto"
    """Images to learn; auto is MNIST, or the embedded digits where MNIST can't be had."""
    data_dir: Path = field(default_factory=default_data_dir)
    """Folder of the datasets, filled on first use; also the environment variable DATA_DIR."""
    offline: tyro.conf.FlagCreatePairsOff[bool] = False
    """Never touch the network."""
    epochs: int = 5
    """Passes over the training images."""
    batch_size: int = 64
    """Images per training step."""
    learning_rate: float = 0.001
    """The optimizer's step size."""
    hidden: tuple[int, ...] = (128, 64)
    """Units of each hidden layer."""
    seed: int = 0
    """Draws the initial weights and the order of the images."""
    limit: int | None = None
    """Use only the first LIMIT training images."""
    target_accuracy: float = 0.97
    """Test accuracy, a fraction, until which the time is reported."""
    alignment: Alignment = "matched"
    """Own defaults, or matched weights and hyper-parameters, or exact: Adam's epsilon as well."""
    float_type: FloatType = "float32"
    """Floating-point type of images, weights and arithmetic."""
    device: DeviceName = "auto"
    """Where to compute; auto is CUDA, else Apple's GPU for PyTorch, else the CPU."""
    threads: int = field(default_factory=physical_cores)
    """CPU threads of each run; by default as many as there are physical cores."""
    pixels: Pixels = "standardized"
    """Pixels with mean 0 and deviation 1 over the training images, or simply from 0 to 1."""
    activation: ActivationName = "relu"
    """The function that each hidden layer ends with; gelu is the exact one, without tanh."""
    dropout: float = 0.0
    """Fraction of a hidden layer's units that each training step switches off at random."""
    batch_norm: tyro.conf.FlagCreatePairsOff[bool] = False
    """Normalize each hidden layer over the batch, before its activation."""
    optimizer: OptimizerName = "adam"
    """How gradients become updates."""
    momentum: float = 0.0
    """Of SGD and RMSprop: how much of the last update the next one keeps."""
    nesterov: tyro.conf.FlagCreatePairsOff[bool] = False
    """SGD with Nesterov's momentum, which looks ahead."""
    weight_decay: float | None = None
    """Each update shrinks all weights by this fraction of the learning rate (decoupled); by default
    0.01 with adamw, else 0."""
    schedule: Schedule = "constant"
    """Learning rate over time: constant, dropping every SCHEDULE_EPOCHS epochs (step), falling
    along a cosine to 0, or dropping when the validation loss no longer falls (plateau)."""
    schedule_epochs: int = 2
    """Epochs between the drops of step; with plateau, those to wait for a lower loss."""
    schedule_factor: float = 0.1
    """What each drop multiplies the learning rate by."""
    warmup_steps: int = 0
    """Updates over which the learning rate first rises linearly."""
    clip_norm: float | None = None
    """Scale the gradients down to this global norm where it is larger."""
    accumulate: int = 1
    """Batches whose gradients are averaged for each update; those left over at the end of an epoch
    count towards the next epoch's first update, those at the end of the training not at all."""
    label_smoothing: float = 0.0
    """Probability that is taken from the label and spread evenly over all classes."""
    labels: Labels = "integer"
    """Class numbers, or vectors with a one at the class."""
    class_weights: ClassWeights = "none"
    """Balanced: the loss of an image counts the more, the rarer its class."""
    sampling: Sampling = "all"
    """Each image once an epoch, or drawn with replacement, so that all classes are as frequent."""
    imbalance: float | None = None
    """Keep only this fraction of the training images of the classes from 5 on."""
    validation: float = 0.0
    """Fraction of the training images of each class to hold out and measure after each epoch."""
    patience: int | None = None
    """Stop after so many epochs without a lower validation loss; go back to the best weights."""
    min_delta: float = 0.0
    """By how much the validation loss has to fall to count as lower."""
    augment: tyro.conf.FlagCreatePairsOff[bool] = False
    """Shift and rotate every training image a little, anew in every epoch."""
    precision: Precision = "full"
    """Mixed precision: weights in float32, products in bfloat16, or in float16 with gradients that
    are scaled up so that it can hold them."""
    pipeline: Pipeline = "arrays"
    """Whole batches picked from arrays, or the tutorials' pipeline that handles single images."""
    checkpoint_dir: Path | None = None
    """Where each run saves, after every epoch, all that it takes to go on."""
    checkpoint_steps: int | None = None
    """Save also after every so many steps within an epoch, as a part of its training time."""
    resume: tyro.conf.FlagCreatePairsOff[bool] = False
    """Go on from the newest checkpoint in CHECKPOINT_DIR, to the very result of an uninterrupted
    training (same machine and threads); what was trained before is not timed."""

    def __post_init__(self) -> None:
        """Check every value that a flag can set.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        check(self)

    def parameters(self) -> int:
        """Number of weights and biases of the network that are learned."""
        sizes = (IMAGE_SIZE, *self.hidden, CLASSES)
        dense = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
        # Batch normalization has two a unit, and takes the place of the bias.
        return dense + sum(self.hidden) * self.batch_norm

    @property
    def decay(self) -> float:
        """The weight decay in effect."""
        by_default = WEIGHT_DECAY if self.optimizer == "adamw" else 0.0
        return by_default if self.weight_decay is None else self.weight_decay

    @property
    def plain_loss(self) -> bool:
        """Whether the loss is `compute_loss`."""
        asked = self.label_smoothing, self.labels, self.class_weights
        return asked == (0.0, "integer", "none")

    @property
    def plain_updates(self) -> bool:
        """Whether each step is an update by Adam, and nothing else."""
        asked = self.optimizer, self.decay, self.clip_norm, self.accumulate, self.warmup_steps
        plain = asked == ("adam", 0.0, None, 1, 0) and self.schedule == "constant"
        # In float16 there is scaling as well.
        return plain and self.precision != "float16"

    @property
    def is_plain(self) -> bool:
        """Whether the network is the flat list of layers in `build_model`."""
        plain = len(self.hidden) == 2 and self.activation == "relu"
        return plain and not (self.dropout or self.batch_norm)

    @property
    def activation_parameters(self) -> Mapping[str, float]:
        """What its layers are told; nothing where each framework keeps its own defaults."""
        known = ACTIVATIONS[self.activation].parameters
        return {} if self.alignment == "defaults" else known

    def techniques(self) -> str:
        """The flags that ask for more than the plain network, loss and loop; often none."""
        plain = {item.name: item.default for item in fields(self)}
        changed = {name for name in TECHNIQUES if getattr(self, name) != plain[name]}
        return " ".join(self.as_flags(changed))

    def as_json(self) -> dict[str, Setting]:
        """The fields as JSON can hold them."""
        folder = self.checkpoint_dir and str(self.checkpoint_dir)
        paths = {"data_dir": str(self.data_dir), "checkpoint_dir": folder}
        return {**asdict(self), **paths, "hidden": list(self.hidden)}

    def as_flags(self, names: Container[str] | None = None) -> list[str]:
        """The command-line flags that give this very configuration (paths made absolute).

        Args:
            names: of the fields to give; by default all.
        """
        flags = []
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None or value is False or (names is not None and item.name not in names):
                continue
            flags.append(flag(item.name))
            if isinstance(value, tuple):
                flags += map(str, value)
            elif isinstance(value, Path):
                flags.append(str(value.absolute()))
            elif value is not True:
                flags.append(str(value))
        return flags


# The fields that ask for more than the plain network, loss and loop.
TECHNIQUES = (
    *("pixels", "activation", "dropout", "batch_norm", "optimizer", "momentum", "nesterov"),
    *("weight_decay", "schedule", "schedule_epochs", "schedule_factor", "warmup_steps"),
    *("clip_norm", "accumulate", "label_smoothing", "labels", "class_weights", "sampling"),
    *("imbalance", "validation", "patience", "min_delta", "augment", "precision", "pipeline"),
)

# What verification leaves out: masks that each framework draws itself, products that are rounded
# early, and images that are prepared in float32.
WITHOUT_EQUAL: dict[str, Any] = {"dropout": 0.0, "precision": "full", "pipeline": "arrays"}
