"""When a compiled run has made up for its slower start."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from report import intervals
from report.figures import completed_by_run
from shared import formats
from shared.results import ComparisonResult, CompletedRun


@dataclass(frozen=True)
class BreakEven:
    """A compiled run and its plain sibling: of each seed, what the start costs and an epoch saves.

    Both in seconds; negative where the compiled run is the other way about.
    """

    run: str
    plain: str
    costs: list[float]
    savings: list[float]

    @property
    def cost(self) -> float:
        """What the start costs: the mean over the repeats."""
        return statistics.fmean(self.costs)

    @property
    def saving(self) -> float:
        """What an epoch saves: the mean over the repeats."""
        return statistics.fmean(self.savings)

    @cached_property
    def limits(self) -> tuple[float, float] | None:
        """95 % limits of the epochs by Fieller, infinite if unbounded; None below three repeats."""
        if len(self.costs) < intervals.LEAST_FOR_INTERVAL:
            return None
        return intervals.fieller(self.costs, self.savings)

    @property
    def epoch(self) -> str:
        """After which epoch it is ahead: a number, `at once`, `at first` or `never`."""
        if self.saving <= 0:
            return "at first" if self.cost < 0 else "never"
        return whole(self.cost / self.saving)

    @property
    def epochs(self) -> str:
        """The interval of that epoch: `40 to 51`, or `may never`; nothing where there is none."""
        if self.limits is None:
            return ""
        low, high = self.limits
        if math.isinf(high):
            return "may never"
        return f"{whole(low)} to {whole(high)}" if self.saving > 0 else ""


def whole(epochs: float) -> str:
    """The first epoch at whose end so many are over."""
    return formats.count(math.ceil(epochs)) if epochs > 0 else "at once"


def break_evens(result: ComparisonResult) -> list[BreakEven]:
    """One for each compiled run that stands beside another run of its framework."""
    groups = {
        name: {run.seed: run for run in repeats}
        for name, repeats in completed_by_run(result).items()
        # What went on from a checkpoint tells nothing about its start.
        if all(run.resumed_from_step is None and run.epoch_seconds is not None for run in repeats)
    }
    found = []
    for name, repeats in groups.items():
        plain = plain_sibling(name, groups)
        seeds = [seed for seed in repeats if plain and seed in groups[plain]]
        if plain and seeds:
            pairs = [(repeats[seed], groups[plain][seed]) for seed in seeds]
            costs = [start_up_seconds(ours) - start_up_seconds(base) for ours, base in pairs]
            savings = [
                (base.epoch_seconds or 0) - (ours.epoch_seconds or 0) for ours, base in pairs
            ]
            found.append(BreakEven(name, plain, costs, savings))
    return found


def plain_sibling(name: str, groups: Mapping[str, object]) -> str | None:
    """The first run of the same framework that is not compiled as a whole; None for others."""
    framework, _, variant = name.partition("/")
    others = [
        other
        for other in groups
        if other.startswith(f"{framework}/") and not other.startswith(f"{framework}/compiled")
    ]
    return others[0] if variant == "compiled" and others else None


def start_up_seconds(run: CompletedRun) -> float:
    """What a run's training took beyond its epochs at their usual speed: tracing, compiling."""
    spent = run.phases["build"] + run.phases["first_step"] + run.phases["train"]
    return spent - len(run.epochs) * (run.epoch_seconds or 0)


def describe_break_even(each: BreakEven) -> str:
    """When the compiled run is ahead, in words, and as sure as the repeats make it."""
    n = len(each.costs)
    repeats = "one repeat" if n == 1 else f"{n} paired repeats"
    is_, about = ("is", "") if n >= intervals.LEAST_FOR_CLAIM else ("was", "about ")
    more, saves = ("more" if each.cost > 0 else "less"), ("saves" if each.saving > 0 else "loses")
    words = (
        f"{each.run} needs {formats.seconds(abs(each.cost), 1)} {more} than {each.plain} to start "
        f"and {saves} {formats.seconds(abs(each.saving), 3)} per epoch"
    )
    if each.epochs == "may never":
        return f"{words}: it may never catch up ({repeats})."
    if not each.epoch[0].isdigit():
        # Few repeats may miss a saving that is there.
        never = "never catches up" if not about else "did not catch up"
        ahead = never if each.epoch == "never" else f"{is_} ahead {each.epoch}"
        return f"{words}: it {ahead} ({repeats})."
    limits = f"95 % interval {each.epochs}; " if each.epochs else ""
    return f"{words}: it {is_} ahead after {about}epoch {each.epoch} ({limits}{repeats})."
