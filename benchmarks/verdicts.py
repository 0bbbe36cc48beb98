"""How often is the report wrong? Its whole chain of rules, simulated under six kinds of noise.

`python -m benchmarks.verdicts` draws the times of runs in the order in which a comparison makes
them, and lets the very functions of the report judge them: interval, Holm, words. It counts false
claims of a difference, false claims of "the same", intervals that hold the truth, and differences
of 5 % that are found, for comparisons of two and of seven runs.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.command import run_benchmark
from comparison.plan import run_order
from report.intervals import LEAST_FOR_CLAIM, LEAST_FOR_TRIMMING, SAME_TIME, claims, estimate
from shared import formats
from shared.errors import UsageError

RUNS, REPEATS = (2, 7), (3, 5, 8, 10)

# What the other runs take longer than the first where there is a difference.
SLOWER = 0.05

# Orders of the runs that are drawn; the replicates share them.
ORDERS = 50

# Of each kind of noise and number of runs, a share for each number of repeats.
Shares = Mapping[tuple[str, int], Sequence[float]]

# Logarithms of the times of runs, [replicates, moments], one after the other.
Noise = Callable[[np.random.Generator, int, int], np.ndarray]


@dataclass(frozen=True)
class Request:
    """Simulate the report's verdicts under six kinds of noise."""

    replicates: int = 20_000
    """Comparisons of each kind."""
    seed: int = 0
    """Seed of the simulation."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.replicates < ORDERS:
            raise UsageError(f"--replicates {self.replicates}: expected {ORDERS} or more.")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: expected 0 or more.")


def quiet(random: np.random.Generator, replicates: int, moments: int) -> np.ndarray:
    """Each run by itself, with a standard deviation of 2 %."""
    return random.normal(0, 0.02, (replicates, moments))


def drift(random: np.random.Generator, replicates: int, moments: int) -> np.ndarray:
    """Quiet, and by the end 30 % slower than at the start."""
    return quiet(random, replicates, moments) + np.linspace(0, math.log(1.3), moments)


def outliers(random: np.random.Generator, replicates: int, moments: int) -> np.ndarray:
    """Quiet, but one run in ten takes longer, by 30 % in the mean."""
    late = random.random((replicates, moments)) < 0.1
    return quiet(random, replicates, moments) + late * random.exponential(0.3, late.shape)


def two_speeds(random: np.random.Generator, replicates: int, moments: int) -> np.ndarray:
    """Quiet, on a machine that is at times 1.39 times slower, and changes before 30 % of runs."""
    changes = random.random((replicates, moments)) < 0.3
    changes[:, 0] = random.random(replicates) < 0.5
    slow = changes.cumsum(axis=1) % 2
    return quiet(random, replicates, moments) + slow * math.log(1.39)


def autocorrelated(random: np.random.Generator, replicates: int, moments: int) -> np.ndarray:
    """Each run like the one before: a correlation of 0.7, a standard deviation of 5 %."""
    noise = random.normal(0, 0.05, (replicates, moments))
    for moment in range(1, moments):
        noise[:, moment] = 0.7 * noise[:, moment - 1] + math.sqrt(1 - 0.7**2) * noise[:, moment]
    return noise


NOISE: dict[str, Noise] = {
    "quiet": quiet,
    "drift": drift,
    "outliers": outliers,
    "two speeds": two_speeds,
    "autocorrelated": autocorrelated,
    # The first run has two speeds of its own; its mean logarithm stays what the others' is.
    "two speeds of one run": quiet,
}
ONE_SIDED = "two speeds of one run"

# Most false claims of a difference and of the same, in a hundred comparisons.
MOST_DIFFERENT = dict.fromkeys(NOISE, 0.065) | {"autocorrelated": 0.08}
MOST_SAME = 0.055


@dataclass(frozen=True)
class Rates:
    """Of one kind of noise, number of runs and number of repeats: shares of all comparisons.

    `different` and `same` are false claims, the first of any pair of the comparison, the second of
    one pair that differs by 5 %; `found` are such pairs that are called different, `covered`
    intervals that hold the truth.
    """

    different: float
    same: float
    covered: float
    found: float


def pairs_of(name: str, runs: int, repeats: int, request: Request) -> np.ndarray:
    """Logarithms of the ratios to the first run where nothing differs.

    Returns:
        [replicates, runs - 1, repeats].
    """
    random = np.random.default_rng([request.seed, *name.encode(), runs, repeats])
    per_order = -(-request.replicates // ORDERS)
    drawn = []
    for order in range(ORDERS):
        times = np.empty((per_order, repeats, runs))
        noise = NOISE[name](random, per_order, runs * repeats)
        for moment, (repeat, place) in enumerate(run_order(runs, repeats, seed=order)):
            times[:, repeat, place] = noise[:, moment]
        if name == ONE_SIDED:
            slow = (random.random((per_order, repeats)) < 0.3) - 0.3
            times[:, :, 0] += slow * math.log(1.3 / 0.7)
        drawn.append(times[:, :, 1:] - times[:, :, :1])
    return np.concatenate(drawn)[: request.replicates].transpose(0, 2, 1)


def rates_of(name: str, runs: int, repeats: int, request: Request) -> Rates:
    """Judge simulated comparisons as the report does, with no difference and with one of 5 %."""
    pairs = pairs_of(name, runs, repeats, request)
    equal, slower = (estimate(pairs + math.log1p(added), trim=True) for added in (0, SLOWER))
    margin = math.log1p(SAME_TIME)
    trimmed = repeats >= LEAST_FOR_TRIMMING
    different, _ = claims(equal.p, equal.bound, margin, trimmed)
    found, same = claims(slower.p, slower.bound, margin, trimmed)
    claimed = repeats >= LEAST_FOR_CLAIM
    return Rates(
        float(different.any(axis=1).mean()) * claimed,
        float(same.mean()) * claimed,
        float((np.abs(equal.centre) <= equal.half_width).mean()),
        float(found.mean()) * claimed,
    )


def describe(
    title: str, shares: Mapping[tuple[str, int], Sequence[float]], request: Request
) -> str:
    """One measure as a table in Markdown: a row for each kind of noise and number of runs."""
    heads = " | ".join(f"n = {n}" for n in REPEATS)
    lines = [f"| {title} | runs | {heads} |", f"|---|---:|{'---:|' * len(REPEATS)}"]
    for (name, runs), row in shares.items():
        cells = [f"{formats.percent(share, 1)} ± {_error(share, request)}" for share in row]
        lines.append(f"| {name} | {runs} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _error(share: float, request: Request) -> str:
    """The standard error of a share, in points."""
    return formats.decimal(100 * math.sqrt(share * (1 - share) / request.replicates), 1)


TITLES = {
    "different": "claims a difference where there is none",
    "same": "calls a difference of 5 % “the same”",
    "covered": "intervals that hold the truth",
    "found": "finds a difference of 5 %",
}


def exceptions(rates: dict[tuple[str, int], list[Rates]]) -> list[str]:
    """Where there are more false claims than there should be."""
    found = []
    for (name, runs), row in rates.items():
        for n, each in zip(REPEATS, row, strict=True):
            limits = {"different": MOST_DIFFERENT[name], "same": MOST_SAME}
            for measure, most in limits.items():
                if (share := getattr(each, measure)) > most:
                    found.append(
                        f"{name}, {runs} runs, n = {n}: {TITLES[measure]} in "
                        f"{formats.percent(share, 1)}, more than {formats.percent(most, 1)}."
                    )
    return found


def measure(request: Request) -> int:
    """Simulate and print; returns 0, because an exception is a finding."""
    print(f"{formats.count(request.replicates)} comparisons a cell, seed {request.seed}.\n")
    rates = {
        (name, runs): [rates_of(name, runs, n, request) for n in REPEATS]
        for runs in RUNS
        for name in NOISE
    }
    for measure_name, title in TITLES.items():
        shares = {key: [getattr(e, measure_name) for e in row] for key, row in rates.items()}
        print(describe(title, shares, request) + "\n")
    print("\n".join(exceptions(rates) or ["No share is above its limit."]))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("verdicts", Request, measure))
