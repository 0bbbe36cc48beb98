"""What a run and a comparison leave behind, and its form as JSON (`results.json`)."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

SCHEMA = "framework-comparison/1"

Status = Literal["completed", "failed", "diverged", "interrupted", "unavailable"]


@dataclass(frozen=True)
class EpochResult:
    """One epoch of training, then one pass over the test set.

    `train_loss` and `train_accuracy` are means over the epoch's images, each measured just before
    the step that used it: the weights move meanwhile. Accuracies are fractions. The validation
    figures and the learning rate are those at the epoch's end, where there is something to tell.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    train_seconds: float
    evaluate_seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True)
class InferenceResult:
    """Latency of one prediction call, from NumPy images to NumPy logits."""

    batch_size: int
    median_seconds: float
    p99_seconds: float


@dataclass
class RunResult:
    """One run: what it was, how it ended, what it reached and where its time went.

    `energy_joules` is of the whole processor while the run lasted, where the platform tells;
    `foreign_cpus` how many cores, on average, all other processes kept busy meanwhile. A run that
    went on from a checkpoint has `resumed_from_step`, counted from its beginning; all its epochs
    are there, but all other times count from where it went on. `notices` are for the reader.
    """

    run: str
    framework: str
    variant: str
    seed: int
    threads: int
    batch_size: int
    status: Status = "failed"
    error: str | None = None
    error_output: list[str] = field(default_factory=list)
    framework_version: str | None = None
    device: str | None = None
    parameters: int | None = None
    epochs: list[EpochResult] = field(default_factory=list)
    test_loss: float | None = None
    test_accuracy: float | None = None
    phases: dict[str, float] = field(default_factory=dict)
    wall_seconds: float | None = None
    time_to_first_step_seconds: float | None = None
    time_to_target_seconds: float | None = None
    epoch_seconds: float | None = None
    samples_per_second: float | None = None
    peak_memory_bytes: int | None = None
    peak_device_memory_bytes: int | None = None
    energy_joules: float | None = None
    foreign_cpus: float | None = None
    inference: list[InferenceResult] = field(default_factory=list)
    weights: str | None = None
    predictions: str | None = None
    resumed_from_step: int | None = None
    notices: list[str] = field(default_factory=list)

    def set_speed(
        self, train_size: int, first_step_seconds: float, begun: int | None = None
    ) -> None:
        """Set the epoch time: the median without the first epoch, which also traces and warms up.

        Args:
            train_size: training images per epoch.
            first_step_seconds: taken off where the first epoch is the only one.
            begun: the epoch of which another process trained a part, and whose time is therefore
                left out, unless it is the only one.
        """
        whole = [epoch for epoch in self.epochs if epoch.epoch != begun] or self.epochs
        first, *others = [epoch.train_seconds for epoch in whole] or [None]
        if first is not None:
            self.epoch_seconds = statistics.median(others or [first - first_step_seconds])
            self.samples_per_second = train_size / self.epoch_seconds


@dataclass(frozen=True)
class DatasetFacts:
    """Which data the figures are about."""

    name: str
    train_size: int
    test_size: int
    classes: list[str]
    sha256: dict[str, str]
    notice: str | None = None


@dataclass(frozen=True)
class MeanInterval:
    """A mean with its 95 % confidence limits; they are None where nothing supports them."""

    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class RatioInterval:
    """The median of a ratio with its 95 % confidence limits, None where nothing supports them."""

    median: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Floor:
    """The matrix products of one epoch alone, as fast as one library does them.

    `epoch_seconds` holds one measurement a repeat.
    """

    library: str
    batch_size: int
    epoch_seconds: list[float]

    @property
    def median_seconds(self) -> float:
        """The epoch's usual time."""
        return statistics.median(self.epoch_seconds)


@dataclass(frozen=True)
class Pair:
    """One run set against the baseline over the seeds that both completed."""

    run: str
    batch_size: int
    repeats: int
    train_time_ratio: RatioInterval
    test_accuracy_difference: MeanInterval
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Every run set against the first."""

    baseline: str
    pairs: list[Pair]


@dataclass
class RunVerification:
    """Whether one run computes the same as the oracle.

    A run that can't be had here has not passed, and is not `available`. `figures` holds, per float
    type, the largest difference in each of: first batch, logits, loss,
    gradients (relative), weights (absolute; in float32 the root mean square), epochs (relative).
    What is not finite, as where shapes differ, becomes null in JSON.
    """

    run: str
    passed: bool = True
    message: str = ""
    available: bool = True
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def fail(self, message: str) -> None:
        """Note a failure; the first one stands."""
        if self.passed:
            self.passed, self.message = False, message


@dataclass(frozen=True)
class Verification:
    """What was verified before the timing, how, and with what outcome."""

    oracle: str
    alignment: str
    steps: int
    control_factor: float
    seconds: float
    runs: list[RunVerification]

    @property
    def passed(self) -> bool:
        """Whether every run that can be had here computes the same as the oracle."""
        return all(run.passed or not run.available for run in self.runs)


@dataclass
class ComparisonResult:
    """The content of one `results.json`.

    `probes` are the seconds that the same small piece of work took before each run.
    """

    created: str
    command: str
    config: dict[str, object]
    dataset: DatasetFacts
    environment: dict[str, object]
    runs: list[RunResult]
    comparison: Comparison
    verification: Verification | None = None
    floor: list[Floor] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    schema: Literal["framework-comparison/1"] = SCHEMA

    def main_runs(self) -> list[RunResult]:
        """The runs with the first batch size, which all but a sweep's own figures are about."""
        return [run for run in self.runs if run.batch_size == self.config["batch_size"]]

    def batch_sizes(self) -> list[int]:
        """The batch sizes of a sweep, in ascending order."""
        return sorted({run.batch_size for run in self.runs})


@dataclass(frozen=True)
class Event:
    """What a child process tells its parent, one JSON object a line: an epoch, or the end."""

    epoch: EpochResult | None = None
    run: RunResult | None = None


def save_results(result: ComparisonResult, path: Path) -> None:
    """Write `result` as JSON, completely or not at all."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(result), indent=2))


def load_results(path: Path) -> ComparisonResult:
    """Read a `results.json`.

    Raises:
        ValueError: the file is not one; the message names the file and the first field that is off.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ComparisonResult)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a comparison's results.json: {error}") from error


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write next to `path`, then rename: a reader sees the old file or the new one."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    partial.replace(path)


def group_by_run(runs: Sequence[RunResult]) -> dict[str, list[RunResult]]:
    """The repeats of each run, in the order in which the runs were first named."""
    groups: dict[str, list[RunResult]] = {}
    for run in runs:
        groups.setdefault(run.run, []).append(run)
    return groups
