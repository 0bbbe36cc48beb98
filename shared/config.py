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
    """Start from the network and settings of a tutorial; other flags override them."""
    dataset: DatasetName = "auto"
    """Images to train on; auto is MNIST, or scikit-learn's small digits if MNIST cannot be
    found or downloaded."""
    data_dir: Path = field(default_factory=default_data_dir)
    """Folder of the datasets, filled on first use. Default: $DATA_DIR, else data."""
    offline: tyro.conf.FlagCreatePairsOff[bool] = False
    """Never use the network."""
    epochs: int = 5
    """Passes over the training images."""
    batch_size: int = 64
    """Images per training step."""
    learning_rate: float = 0.001
    """Learning rate of the optimizer."""
    hidden: tuple[int, ...] = (128, 64)
    """Units in each hidden layer."""
    seed: int = 0
    """Seed for the initial weights and the order of the images."""
    limit: int | None = None
    """Train on the first N images only. Default: all."""
    target_accuracy: float = 0.97
    """Report the time to reach this test accuracy (0 to 1)."""
    alignment: Alignment = "matched"
    """What the runs share: only the flags, with each framework's own defaults (defaults); also the
    initial weights and hyperparameters (matched); also the place of Adam's epsilon (exact)."""
    float_type: FloatType = "float32"
    """Floating-point type of images, weights and arithmetic."""
    device: DeviceName = "auto"
    """Where to compute; auto prefers CUDA, then Apple's GPU (PyTorch only), then the CPU."""
    threads: int = field(default_factory=physical_cores)
    """CPU threads per run. Default: one per physical core."""
    workers: int = 1
    """Processes that train together, each on its share of every batch and of the threads."""
    worker_timeout: float = 60.0
    """Fail if a worker does not answer for this many seconds."""
    pixels: Pixels = "standardized"
    """Scale pixels to mean 0 and standard deviation 1 over the training images (standardized), or
    to the range 0 to 1 (unit)."""
    activation: ActivationName = "relu"
    """Activation function of the hidden layers; gelu is the exact form, not the tanh
    approximation."""
    dropout: float = 0.0
    """Fraction of hidden units to drop at random in each training step."""
    batch_norm: tyro.conf.FlagCreatePairsOff[bool] = False
    """Add batch normalization to each hidden layer, before its activation."""
    optimizer: OptimizerName = "adam"
    """Optimizer that updates the weights."""
    momentum: float = 0.0
    """Momentum of sgd and rmsprop."""
    nesterov: tyro.conf.FlagCreatePairsOff[bool] = False
    """Use Nesterov momentum with sgd."""
    weight_decay: float | None = None
    """Decoupled weight decay: each update also shrinks the weights by the learning rate times X.
    Default: 0.01 with adamw, else 0."""
    schedule: Schedule = "constant"
    """Learning-rate schedule: constant; step, a drop every few epochs; cosine, a smooth fall to 0;
    or plateau, a drop when the validation loss stops falling."""
    schedule_epochs: int = 2
    """Epochs between drops (step), or epochs to wait for a lower loss (plateau)."""
    schedule_factor: float = 0.1
    """Multiply the learning rate by X at each drop."""
    warmup_steps: int = 0
    """Raise the learning rate linearly over the first N updates."""
    clip_norm: float | None = None
    """Clip the gradients to this global norm. Default: no clipping."""
    accumulate: int = 1
    """Average the gradients of N batches for each update. Batches left over after an epoch count
    towards the next update; those left over after the last epoch are dropped."""
    label_smoothing: float = 0.0
    """Spread this share of the label's probability evenly over all classes."""
    labels: Labels = "integer"
    """Give the loss class numbers (integer) or one-hot vectors."""
    class_weights: ClassWeights = "none"
    """Weight the loss of each image by how rare its class is (balanced)."""
    sampling: Sampling = "all"
    """Use each image once per epoch (all), or draw with replacement so that all classes are
    equally frequent (balanced)."""
    imbalance: float | None = None
    """Keep only this fraction of the training images of classes 5 to 9. Default: keep all."""
    validation: float = 0.0
    """Hold out this fraction of the training images of each class to validate on after each
    epoch."""
    patience: int | None = None
    """Stop after N epochs without a lower validation loss, and restore the best weights. Default:
    no early stopping."""
    min_delta: float = 0.0
    """Count the validation loss as lower only if it falls by more than X."""
    augment: tyro.conf.FlagCreatePairsOff[bool] = False
    """Shift and rotate every training image slightly, differently in each epoch."""
    precision: Precision = "full"
    """Mixed precision: weights in float32, matrix products in bfloat16, or in float16 with loss
    scaling."""
    pipeline: Pipeline = "arrays"
    """Pick whole batches from arrays, or load single images, as the tutorials' input pipelines do
    (per-sample)."""
    checkpoint_dir: Path | None = None
    """Save the complete state of each training in this folder after every epoch. Default: no
    checkpoints."""
    checkpoint_steps: int | None = None
    """Also save every N steps; this counts as training time. Default: only after each epoch."""
    resume: tyro.conf.FlagCreatePairsOff[bool] = False
    """Continue from the newest checkpoint in --checkpoint-dir. With the same machine and threads,
    the result equals that of an uninterrupted training; the earlier epochs are not timed."""

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

    @property
    def threads_of_worker(self) -> int:
        """The CPU threads of each worker."""
        return max(1, self.threads // self.workers)

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
