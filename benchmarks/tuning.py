"""What each setting of a training does, changed one at a time.

`python -m benchmarks.tuning` prints the tables of docs/SETTINGS.md. It trains in PyTorch; the twins
compute the same. `--only WORDS` prints only the tables whose titles contain them.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.command import run_benchmark
from shared import formats
from shared.clock import Clock
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.threads import prepare_environment

if TYPE_CHECKING:
    import numpy as np
    import torch

# Few images, which a network can learn by heart.
FEW = 1000
# Of the classes from 5 on, so many of 100 images are kept.
RARE_PER_CENT = 2


@dataclass(frozen=True)
class Trial:
    """One training: what is changed of the usual one."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    optimizer: Callable[..., "torch.optim.Optimizer"] | None = None
    """Of the weights, in place of Adam."""
    dropout: float = 0.0
    pixels: Callable[["np.ndarray"], "np.ndarray"] | None = None
    """Of pixels from 0 to 1, in place of standardizing."""
    rows: Callable[["np.ndarray", "np.random.Generator"], "np.ndarray"] | None = None
    """Which of the training images are used, by their labels."""
    weighted: bool = False
    """Whether the loss weighs each class by how rare it is."""


def few_rows(labels: "np.ndarray", random: "np.random.Generator") -> "np.ndarray":
    """FEW rows at random."""
    return random.permutation(len(labels))[:FEW]


def imbalanced_rows(labels: "np.ndarray", random: "np.random.Generator") -> "np.ndarray":
    """All rows of the classes below 5 and RARE_PER_CENT of the others."""
    return ((labels < 5) | (random.random(len(labels)) < RARE_PER_CENT / 100)).nonzero()[0]


def oversampled_rows(labels: "np.ndarray", random: "np.random.Generator") -> "np.ndarray":
    """The imbalanced rows, the rare ones again and again until they are half of all."""
    import numpy as np

    rows = imbalanced_rows(labels, random)
    rare = rows[labels[rows] >= 5]
    missing = int((labels[rows] < 5).sum()) - len(rare)
    return np.concatenate([rows, random.choice(rare, missing)])


def questions() -> dict[str, list[Trial]]:
    """The trials that answer each question."""
    from torch.optim import SGD, AdamW

    def config(name: str, *values: Any) -> list[Trial]:
        return [Trial(f"{name.replace('_', ' ')} {value}", {name: value}) for value in values]

    long = {"epochs": 40}
    few = partial(Trial, config=long, rows=few_rows)
    return {
        "batch size": config("batch_size", 16, 64, 256, 1024),
        "learning rate": config("learning_rate", 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
        "epochs": config("epochs", 1, 3, 10),
        "hidden units": config("hidden", (4, 4), (32, 32), (128, 64), (512, 512)),
        "optimizer": [
            Trial("SGD 0.01", optimizer=partial(SGD, lr=0.01)),
            Trial("SGD 0.1", optimizer=partial(SGD, lr=0.1)),
            Trial("SGD 0.01, momentum 0.9", optimizer=partial(SGD, lr=0.01, momentum=0.9)),
            Trial("Adam 0.001"),
            Trial("AdamW 0.001", optimizer=partial(AdamW, lr=0.001)),
        ],
        "overfitting (1,000 images, 40 epochs)": [
            few("nothing against it"),
            few("stopped after 5 epochs", config={"epochs": 5}),
            few("dropout 0.5", dropout=0.5),
            few("weight decay 0.1 (AdamW)", optimizer=partial(AdamW, lr=0.001, weight_decay=0.1)),
            Trial("60,000 images, 1 epoch", {"epochs": 1}),
        ],
        "pixels": [
            Trial("standardized"),
            Trial("from 0 to 1", pixels=lambda pixels: pixels),
            Trial("from 0 to 255", pixels=lambda pixels: 255 * pixels),
            Trial("from 0 to 255, SGD 0.01", {}, partial(SGD, lr=0.01), 0.0, lambda p: 255 * p),
        ],
        "imbalanced classes (5 to 9 rare)": [
            Trial("as they are", rows=imbalanced_rows),
            Trial("weighted loss", rows=imbalanced_rows, weighted=True),
            Trial("rare ones repeated", rows=oversampled_rows),
        ],
    }


@dataclass(frozen=True)
class Request:
    """Change one setting at a time, and measure what it does."""

    config: TrainConfig
    repeats: int = 3
    """Trainings per trial, with seed, seed + 1, ..."""
    only: str = ""
    """Ask only questions that contain TEXT. Default: all."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.repeats < 1:
            raise UsageError(f"--repeats {self.repeats}: expected 1 or more.")


def train(trial: Trial, config: TrainConfig, dataset) -> tuple[float, float, float]:
    """Train once; returns the training loss, training accuracy and test accuracy at the end."""
    import numpy as np
    import torch

    from pytorch_impl import run
    from pytorch_impl import train as twin
    from pytorch_impl.data import make_batches
    from pytorch_impl.evaluate import evaluate
    from shared.batches import epoch_order

    config = replace(config, **trial.config)
    _, model, optimizer, train_set, test_set = run.build(config, dataset)
    if trial.pixels:
        train_set, test_set = (
            (trial.pixels(images * dataset.deviation + dataset.mean), labels)
            for images, labels in (train_set, test_set)
        )
    if trial.dropout:
        first, relu, second, _, third = model
        dropout = torch.nn.Dropout(trial.dropout)
        model = torch.nn.Sequential(first, relu, dropout, second, relu, dropout, third)
    if trial.optimizer:
        optimizer = trial.optimizer(model.parameters())
    if trial.rows:
        random = np.random.default_rng(config.seed)
        rows = torch.from_numpy(trial.rows(train_set[1].numpy(), random))
        train_set = train_set[0][rows], train_set[1][rows]
    counts = train_set[1].bincount()
    weight = counts.sum() / (len(counts) * counts) if trial.weighted else None
    loss = partial(torch.nn.functional.cross_entropy, weight=weight)
    step = partial(twin.train_step, compute_loss=loss)
    for epoch in range(1, config.epochs + 1):
        order = epoch_order(len(train_set[0]), config.seed, epoch)
        batches = make_batches(*train_set, order, config.batch_size)
        twin.train_epoch(model, optimizer, batches, Clock(), step)
    loss, accuracy = evaluate(model, *train_set)
    return loss, accuracy, evaluate(model, *test_set)[1]


def measure(request: Request) -> int:
    """Print a table for each question; returns the exit status."""
    prepare_environment(request.config.threads)
    environment = describe_environment()
    from rich import box
    from rich.table import Table

    from report.sentences import describe_machine
    from report.terminal import make_console
    from shared.sampling import load, prepare

    config, _ = prepare(request.config)
    asked = {name: trials for name, trials in questions().items() if request.only in name}
    if not asked:
        expected = "; ".join(questions())
        raise UsageError(f"--only {request.only}: expected part of one of these names: {expected}.")
    dataset = load(config, Clock())
    console = make_console()
    for question, trials in asked.items():
        table = Table(question, "training loss", "training accuracy", "test accuracy", "lowest")
        table.box = box.SIMPLE_HEAD
        for trial in trials:
            seeds = range(config.seed, config.seed + request.repeats)
            done = [train(trial, replace(config, seed=seed), dataset) for seed in seeds]
            loss, accuracy, test_accuracy = map(statistics.fmean, zip(*done, strict=True))
            shares = (accuracy, test_accuracy, min(each[2] for each in done))
            table.add_row(trial.name, formats.number(loss), *map(formats.percent, shares))
        console.print(table)
    print(f"n = {request.repeats} seeds, {config.epochs} epochs of {config.dataset} unless stated.")
    print(describe_machine(environment))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("tuning", Request, measure))
