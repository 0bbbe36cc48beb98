"""Does the comparison claim a difference where there is none, and see one where there is?

`python -m benchmarks.null` sets pytorch/eager against itself, again and again: with 95 % intervals
about one in twenty may claim a difference in time. `python -m benchmarks.null --slowdown 5` makes
the second side 5 % slower, which has to be detected.
"""

import math
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from benchmarks.command import run_benchmark
from comparison import plan as plan_module
from comparison.jobs import Job, run_jobs
from report.intervals import compare_runs, detectable
from report.progress import RunProgress
from report.sentences import describe_end, describe_job, describe_machine
from shared import formats
from shared.clock import Clock
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.results import Pair
from shared.rules import SEEDS
from shared.sampling import load, prepare

SIDES = ("pytorch/eager", "pytorch/eager#2")


@dataclass(frozen=True)
class Request:
    """Compare pytorch/eager with itself, and count how often a difference is claimed."""

    config: TrainConfig
    repeats: int = 10
    """Paired repeats of each comparison."""
    nulls: int = 10
    """Comparisons, each with its own seeds."""
    slowdown: float = 0.0
    """Slow each step of the second side down by X per cent."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.repeats < 2:
            raise UsageError(f"--repeats {self.repeats}: expected 2 or more, for an interval.")
        if self.nulls < 1:
            raise UsageError(f"--nulls {self.nulls}: expected 1 or more.")
        if not 0 <= self.slowdown < math.inf:
            raise UsageError(f"--slowdown {self.slowdown}: expected a per cent of 0 or more.")
        if self.config.seed + self.nulls * self.repeats > SEEDS:
            raise UsageError(
                f"--seed {self.config.seed}: expected seeds that stay below {SEEDS} in "
                f"{self.nulls} comparisons of {self.repeats} repeats."
            )


@dataclass(frozen=True)
class SlowedJob(Job):
    """A run of PyTorch whose steps take `percent` longer."""

    percent: float = 0.0

    def command(self, folder: Path) -> list[str]:
        """What starts the child."""
        interpreter, module, _, *flags = super().command(folder)
        return [interpreter, module, "benchmarks.slowed", str(self.percent), *flags]


def plan(request: Request) -> list[list[Job]]:
    """The jobs of each comparison, the second side slowed down if that was asked for."""
    plans = []
    for number in range(request.nulls):
        config = replace(request.config, seed=request.config.seed + number * request.repeats)
        interpreters = {"pytorch": sys.executable}
        jobs = plan_module.plan_jobs(SIDES, interpreters, [config], request.repeats)
        if request.slowdown:
            jobs = [
                SlowedJob(**vars(job), percent=request.slowdown) if job.run == SIDES[1] else job
                for job in jobs
            ]
        plans.append(jobs)
    return plans


def describe_null(number: int, pair: Pair) -> str:
    """One comparison in one line."""
    ratio, accuracy = pair.train_time_ratio, pair.test_accuracy_difference
    if ratio is None:
        return f"{number}: the training times per epoch are not known"
    claim = "a difference is claimed" if detectable(ratio, 1) else "no detectable difference"
    return (
        f"{number}: ratio {formats.decimal(ratio.median, 4)} ({formats.decimal(ratio.low, 4)} to "
        f"{formats.decimal(ratio.high, 4)}), {claim}; "
        f"test accuracy {formats.points(accuracy.mean, 3)} percentage points"
    )


def summarize(pairs: list[Pair], slowdown: float) -> str:
    """How often a difference was claimed, and how far off the ratios were."""
    ratios = [pair.train_time_ratio for pair in pairs if pair.train_time_ratio]
    if not ratios:
        return "No training times per epoch are known; more --epochs would tell."
    if slowdown:
        seen = sum(ratio.low > 1 for ratio in ratios)
        median = statistics.median(ratio.median for ratio in ratios)
        return (
            f"A slow-down of {slowdown:g} % was detected in {seen} of {len(pairs)} comparisons of "
            f"{pairs[0].repeats} paired repeats; median ratio {formats.decimal(median, 4)}."
        )
    claimed = sum(map(bool, (detectable(ratio, 1) for ratio in ratios)))
    furthest = max((ratio.median for ratio in ratios), key=lambda ratio: abs(math.log(ratio)))
    return (
        f"A difference was claimed in {claimed} of {len(pairs)} null comparisons of "
        f"{pairs[0].repeats} paired repeats ({formats.percent(claimed / len(pairs), 0)}; expected: "
        f"about 5 %); the ratio furthest from 1: {formats.decimal(furthest, 4)}."
    )


def measure(request: Request) -> int:
    """Compare and print; returns 1 if a run did not complete."""
    environment = describe_environment()
    config, missing = prepare(request.config)
    dataset = load(config, Clock())
    plans = plan(replace(request, config=replace(config, offline=True)))
    print(describe_job(config, dataset, missing))
    pairs = []
    for number, jobs in enumerate(plans, start=1):
        with tempfile.TemporaryDirectory() as folder:
            silent = RunProgress(Console(quiet=True, force_terminal=False), config, dataset)
            results = run_jobs(jobs, Path(folder), silent).results
        for run in results:
            if run.status != "completed":
                print(
                    f"{run.run} (seed {run.seed}) {run.status}: {describe_end(run, config)}",
                    file=sys.stderr,
                )
                return 1
        (pair,) = compare_runs(results).pairs
        pairs.append(pair)
        print(describe_null(number, pair), flush=True)
    print(summarize(pairs, request.slowdown))
    print(describe_machine(environment))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("null", Request, measure))
