"""What a run and a comparison leave behind: facts, of which report/ makes the sentences.

Their form in `results.json` is told in docs/RESULTS.md.
"""

import contextlib
import errno
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard, TypeVar

from msgspec import Meta

from shared.checkpoint_events import CheckpointEvent
from shared.config import CLASSES, TrainConfig
from shared.disk import insist
from shared.download import MissingFiles
from shared.environment import Environment
from shared.kinds import (
    Count,
    Finite,
    Name,
    NotNegative,
    Positive,
    Seconds,
    Seed,
    Setting,
    Share,
    Size,
)
from shared.pairs import Comparison
from shared.run_ends import RunEnd, Unwritten
from shared.verified import Verification

SCHEMA: Literal["framework-comparison/2"] = "framework-comparison/2"

Status = Literal["completed", "failed", "diverged", "interrupted", "unavailable"]


EndKind = Literal[
    "not_started", "interrupted", "not_finite", "missing_module", "memory", "exit_status", "signal"
]


@dataclass(frozen=True)
class EpochResult:
    """One epoch of training, then one pass over the test set.

    `train_loss` and `train_accuracy` are means over the epoch's images, each measured just before
    the step that used it: the weights move meanwhile. Accuracies are fractions. The validation
    figures and the learning rate are those at the epoch's end, where there is something to tell.
    `probe_seconds` is what a small piece of work, always the same, took right after the epoch, in
    a comparison.
    """

    epoch: Size
    train_loss: Finite
    train_accuracy: Share
    test_loss: Finite
    test_accuracy: Share
    train_seconds: Positive
    evaluate_seconds: Seconds
    validation_loss: Finite | None = None
    validation_accuracy: Share | None = None
    learning_rate: NotNegative | None = None
    probe_seconds: Positive | None = None


@dataclass(frozen=True)
class InferenceResult:
    """Latency of one prediction call, from NumPy images to NumPy logits."""

    batch_size: Size
    median_seconds: Seconds
    p99_seconds: Seconds


@dataclass
class RunResult:
    """One run: what it was, how it ended, what it reached and where its time went.

    `setting` and `repeat` count from 0 in the comparison's plan; `workers` are the processes that
    trained together, each on its share of every batch. `error` is what the framework or the
    command said of a failure, `end` what is known otherwise, `inference_error` why no latencies
    were measured. `energy_joules` is of the whole processor while the run lasted, where the
    platform tells; `foreign_cpus` how many cores, on average, all other processes kept busy
    meanwhile. A run that went on from a checkpoint has `resumed_from_step`, counted from its
    beginning; all its epochs are there, but all other times count from where it went on.
    """

    run: Name
    framework: Name
    variant: Name
    seed: Seed
    threads: Size
    batch_size: Size
    setting: Count = 0
    repeat: Count = 0
    workers: Size = 1
    status: Status = "failed"
    end: RunEnd | None = None
    error: str | None = None
    error_output: list[str] = field(default_factory=list)
    framework_version: str | None = None
    device: str | None = None
    parameters: Count | None = None
    epochs: list[EpochResult] = field(default_factory=list)
    test_loss: Finite | None = None
    test_accuracy: Share | None = None
    phases: dict[str, Seconds] = field(default_factory=dict)
    wall_seconds: Seconds | None = None
    time_to_first_step_seconds: Seconds | None = None
    time_to_target_seconds: Seconds | None = None
    epoch_seconds: Positive | None = None
    samples_per_second: Positive | None = None
    peak_memory_bytes: Count | None = None
    peak_device_memory_bytes: Count | None = None
    energy_joules: NotNegative | None = None
    foreign_cpus: NotNegative | None = None
    inference: list[InferenceResult] = field(default_factory=list)
    inference_error: str | None = None
    weights: str | None = None
    predictions: str | None = None
    unwritten: list[Unwritten] = field(default_factory=list)
    resumed_from_step: Count | None = None
    checkpoints: list[CheckpointEvent] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether it completed, and nothing of it is missing."""
        return self.status == "completed" and not (self.unwritten or self.inference_error)

    def set_speed(
        self, train_size: int, first: tuple[float, int], resumed: int | None = None
    ) -> None:
        """Set the epoch time: the median without the first epoch, which also traces and warms up.

        Where the first epoch is the only one, its first step is left out, and the time of the
        others scaled up to all images; if there are no others, the speed is not known.

        Args:
            train_size: training images per epoch.
            first: seconds and steps that the run's first call of the training took.
            resumed: the epoch in which this process took over from another; it traced and warmed up
                again, and may have trained a part only.
        """
        times = [epoch.train_seconds for epoch in self.epochs if epoch.epoch != resumed]
        seconds, steps = first
        timed = train_size - min(train_size, steps * self.batch_size)
        if times[1:]:
            self.epoch_seconds = statistics.median(times[1:])
        elif times and timed and times[0] > seconds and resumed is None:
            self.epoch_seconds = (times[0] - seconds) * train_size / timed
        if self.epoch_seconds is not None:
            self.samples_per_second = train_size / self.epoch_seconds


FIGURES = ("test_loss", "test_accuracy", "wall_seconds")


class CompletedRun(RunResult):
    """A run that completed, so that FIGURES are known; what `is_completed` tells type checkers."""

    if TYPE_CHECKING:
        test_loss: float
        test_accuracy: float
        wall_seconds: float


@dataclass(frozen=True)
class DatasetFacts:
    """Which data the figures are about; `missing` says why they are not those that were meant."""

    name: Name
    train_size: Size
    test_size: Size
    classes: Annotated[list[Name], Meta(min_length=CLASSES, max_length=CLASSES)]
    sha256: dict[str, str]
    missing: MissingFiles | None = None


@dataclass(frozen=True)
class Floor:
    """The matrix products of one epoch alone, as fast as one library does them, again and again."""

    library: Name
    batch_size: Size
    epoch_seconds: Annotated[list[Positive], Meta(min_length=1)]
    setting: Count = 0
    repeat: Count = 0

    @property
    def median_seconds(self) -> float:
        """The epoch's usual time."""
        return statistics.median(self.epoch_seconds)


@dataclass(frozen=True)
class Probe:
    """The seconds that the same small piece of work took before a run."""

    run: Name
    setting: Count
    repeat: Count
    seconds: Seconds


@dataclass(frozen=True)
class Plan:
    """Each of `runs` was to be made in each of `settings`, `repeats` times.

    A setting holds the fields of the configuration that it changes: `{"batch_size": 256}`.
    """

    settings: Annotated[list[dict[str, Setting]], Meta(min_length=1)]
    runs: list[Name]
    repeats: Size


# What the runs of a sweep may differ in, and what it is called.
SWEPT = {"batch_size": "batch size", "workers": "workers"}


@dataclass
class ComparisonResult:
    """The content of one `results.json`; `config` is that of the first setting and seed."""

    command: str
    config: TrainConfig
    plan: Plan
    dataset: DatasetFacts
    environment: Environment
    runs: Annotated[list[RunResult], Meta(min_length=1)]
    comparison: Comparison
    verification: Verification | None = None
    floors: list[Floor] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    schema: Literal["framework-comparison/2"] = SCHEMA

    def main_runs(self) -> list[RunResult]:
        """The runs in the first setting, which all but a sweep's own figures are about."""
        return [run for run in self.runs if run.setting == 0]

    def config_of(self, run: RunResult) -> TrainConfig:
        """The configuration that a run had."""
        setting = self.plan.settings[run.setting].items()
        # JSON knows no tuples.
        changed: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in setting
        }
        return replace(self.config, **changed, seed=run.seed)

    @property
    def swept(self) -> str | None:
        """The one of SWEPT that the runs of a sweep differ in; None if this is no sweep."""
        values = {name: {getattr(run, name) for run in self.runs} for name in SWEPT}
        return next((name for name, found in values.items() if len(found) > 1), None)

    @property
    def floor(self) -> list[Floor]:
        """The floors with the epochs of all repeats in one."""
        return pool(self.floors)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write next to `path`, then rename: a reader sees the old file or the new one.

    Raises:
        OSError: it can't be written, or there is something that is no file, as a device.
    """
    # To rename would be to remove it: `--output /dev/null` must not cost the system its device.
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    # A link stays one: what it leads to is replaced.
    target = path.resolve()
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        insist(lambda: partial.replace(target))
    except BaseException as error:
        if isinstance(error, OSError):
            # What is written to tells no name when there is no space.
            error.filename = str(path)
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


AnyRun = TypeVar("AnyRun", bound=RunResult)


def group_by_run(runs: Sequence[AnyRun]) -> dict[str, list[AnyRun]]:
    """The repeats of each run, in the order in which the runs were first named."""
    groups: dict[str, list[AnyRun]] = {}
    for run in runs:
        groups.setdefault(run.run, []).append(run)
    return groups


def is_completed(run: RunResult) -> TypeGuard[CompletedRun]:
    """Whether a run completed, and its figures are known."""
    return run.status == "completed"


def completed(runs: Iterable[RunResult]) -> list[CompletedRun]:
    """Those of the runs that completed."""
    return [run for run in runs if is_completed(run)]


def pool(floors: Iterable[Floor]) -> list[Floor]:
    """All epochs of each library and setting as one Floor, in the order of measurement."""
    pooled: dict[tuple[str, int, int], Floor] = {}
    for floor in floors:
        key = floor.library, floor.batch_size, floor.setting
        before = pooled[key].epoch_seconds if key in pooled else []
        pooled[key] = replace(floor, repeat=0, epoch_seconds=before + floor.epoch_seconds)
    return list(pooled.values())
