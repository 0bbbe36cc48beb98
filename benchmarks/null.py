"""Does the comparison claim a difference where there is none, and see one where there is?

`python -m benchmarks.null` trains pytorch/eager against itself in one long series of interleaved
pairs. What it claims is then counted over comparisons drawn from that pool, each of a few pairs
with random signs; with a difference added to the drawn pairs, how often that is found. The series
is tested as a whole as well, for a label, an order or a memory of the machine that biases it.
`--slowdown 5` makes the second side 5 % slower, which the first of these tests has to see.
"""

import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.command import run_benchmark
from comparison import plan as plan_module
from comparison.jobs import Job, run_jobs
from report.intervals import SAME_TIME, claims, estimate
from report.progress import RunProgress
from report.sentences import describe_end, describe_job, describe_machine
from shared import formats
from shared.clock import Clock
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.results import RunResult
from shared.rules import SEEDS
from shared.sampling import load, prepare

SIDES = ("pytorch/eager", "pytorch/eager#2")

# Pairs of a comparison, and what is added to the second side.
SIZES, ADDED = (5, 8, 10), (0.0, 0.01, 0.02, 0.03, 0.05, 0.1)
DRAWS = 20_000

# Below it a test of the whole series fails.
LEAST_P = 0.01


@dataclass(frozen=True)
class Request:
    """Train pytorch/eager against itself, and count how often a difference is claimed."""

    config: TrainConfig
    pairs: int = 60
    """Pairs of runs in the series."""
    slowdown: float = 0.0
    """Slow each step of the second side down by X per cent."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.pairs < max(SIZES):
            raise UsageError(f"--pairs {self.pairs}: expected {max(SIZES)} or more.")
        if not 0 <= self.slowdown < math.inf:
            raise UsageError(f"--slowdown {self.slowdown}: expected a percentage, 0 or more.")
        if self.config.seed + self.pairs > SEEDS:
            raise UsageError(
                f"--seed {self.config.seed}: expected every seed of {self.pairs} pairs to be below "
                f"{SEEDS}."
            )


@dataclass(frozen=True)
class SlowedJob(Job):
    """A run of PyTorch whose steps take `percent` longer."""

    percent: float = 0.0

    def command(self, folder: Path) -> list[str]:
        """What starts the child."""
        interpreter, module, _, *flags = super().command(folder)
        return [interpreter, module, "benchmarks.slowed", str(self.percent), *flags]


def plan(request: Request) -> list[Job]:
    """The jobs of the series, the second side slowed down if that was asked for."""
    jobs = plan_module.plan_jobs(
        SIDES, {"pytorch": sys.executable}, [request.config], request.pairs
    )
    if not request.slowdown:
        return jobs
    return [
        SlowedJob(**vars(job), percent=request.slowdown) if job.run == SIDES[1] else job
        for job in jobs
    ]


def differences(results: Sequence[RunResult]) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the ratios of epoch times, one a pair, of consecutive runs.

    Returns:
        The second side over the first, and the later run over the earlier one, each [pairs].
    """
    by_label, by_order = [], []
    for earlier, later in zip(results[::2], results[1::2], strict=True):
        order = math.log((later.epoch_seconds or math.nan) / (earlier.epoch_seconds or math.nan))
        by_order.append(order)
        by_label.append(order if later.run == SIDES[1] else -order)
    return np.array(by_label), np.array(by_order)


def claimed(pool: np.ndarray, pairs: int, added: float) -> tuple[float, float]:
    """Shares of comparisons drawn from the pool that claim a difference, and that claim none.

    Args:
        pool: logarithms of ratios, [n].
        pairs: of each comparison, drawn without replacement, each with a random sign.
        added: what the second side takes longer: a share.
    """
    random = np.random.default_rng(0)
    drawn = random.permuted(np.tile(pool, (DRAWS, 1)), axis=1)[:, :pairs]
    found = estimate(drawn * random.choice((-1, 1), drawn.shape) + math.log1p(added), trim=True)
    different, same = claims(found.p[:, None], found.bound[:, None], math.log1p(SAME_TIME))
    return float(different.mean()), float(same.mean())


def tests_of_the_series(by_label: np.ndarray, by_order: np.ndarray) -> dict[str, float]:
    """What must not be there, and the probability of so much of it by chance."""
    from scipy.stats import pearsonr, ttest_1samp

    return {
        "one label is slower than the other": float(ttest_1samp(by_label, 0).pvalue),
        "the later run of a pair is slower or faster": float(ttest_1samp(by_order, 0).pvalue),
        "a pair is like the one before": float(pearsonr(by_label[:-1], by_label[1:]).pvalue),
    }


def describe_pool(pool: np.ndarray) -> str:
    """How often a difference, and how often none, is claimed: a table in Markdown."""
    columns = [f"different, n = {n}" for n in SIZES] + [f"the same, n = {n}" for n in SIZES]
    lines = [f"| added | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for added in ADDED:
        shares = np.array([claimed(pool, n, added) for n in SIZES]).T.ravel()
        cells = " | ".join(formats.percent(share, 1) for share in shares)
        lines.append(f"| {formats.percent(added, 0)} | {cells} |")
    return "\n".join(lines)


def measure(request: Request) -> int:
    """Train and print; returns 1 if a run did not complete or a test of the series failed."""
    environment = describe_environment()
    config, missing = prepare(request.config)
    dataset = load(config, Clock())
    jobs = plan(replace(request, config=replace(config, offline=True)))
    print(describe_job(config, dataset, missing), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        silent = RunProgress(Console(quiet=True, force_terminal=False), config, dataset)
        results = run_jobs(jobs, Path(folder), silent).results
    for run in results:
        if run.status != "completed":
            end = describe_end(run, config)
            print(f"{run.run} (seed {run.seed}) {run.status}: {end}", file=sys.stderr)
            return 1
        if run.epoch_seconds is None:
            print("No training time per epoch is known; train for more --epochs.", file=sys.stderr)
            return 1
    by_label, by_order = differences(results)
    spread = formats.percent(float(by_label.std(ddof=1)), 1)
    print(f"{len(by_label)} pairs; the logarithms of their ratios spread by {spread}.")
    print(f"Shares of {formats.count(DRAWS)} comparisons drawn from them:\n")
    print(describe_pool(by_label))
    tests = tests_of_the_series(by_label, by_order)
    failed = [name for name, p in tests.items() if p < LEAST_P]
    print()
    for name, p in tests.items():
        print(f"{name}: {'found' if name in failed else 'not found'} (p = {formats.decimal(p, 3)})")
    print(describe_machine(environment))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_benchmark("null", Request, measure))
