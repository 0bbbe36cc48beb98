"""Which runs and floors figures are about: what the tables, the sentences and the page share."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from shared.dataset_records import DATASETS
from shared.results import ComparisonResult, CompletedRun, Floor, RunResult, completed, group_by_run


def dataset_title(result: ComparisonResult) -> str:
    """The dataset's name as people write it."""
    return DATASETS[result.dataset.name].title


def completed_by_run(result: ComparisonResult) -> dict[str, list[CompletedRun]]:
    """The completed repeats of each run; runs without one are left out."""
    return group_by_run(completed(result.main_runs()))


def mean_epoch_seconds(repeats: Iterable[RunResult]) -> float | None:
    """Training time per epoch of equal runs, over those of which it is known."""
    known = [run.epoch_seconds for run in repeats if run.epoch_seconds is not None]
    return statistics.fmean(known) if known else None


def multiple_of_floor(result: ComparisonResult, run: RunResult) -> float | None:
    """A run's epoch time over that of the lowest floor of its machine, if both are known."""
    floor = lowest_floor(result, machine=run.run.rpartition(": ")[0])
    return run.epoch_seconds / floor.median_seconds if floor and run.epoch_seconds else None


def lowest_floor(result: ComparisonResult, machine: str = "") -> Floor | None:
    """The matrix products alone by the fastest library, if they were timed.

    Args:
        machine: the name of one, where results of several were merged: all names begin with theirs.
    """
    floors = [
        each for each in result.floor if each.setting == 0 and each.library.startswith(machine)
    ]
    return min(floors, key=lambda floor: floor.median_seconds, default=None)


@dataclass(frozen=True)
class Reached:
    """Seconds in which completed repeats reached the target accuracy; `repeats` are all of them."""

    times: list[float]
    repeats: int

    @property
    def median(self) -> float:
        """Over all repeats, an unreached target counting as infinite."""
        unreached = self.repeats - len(self.times)
        return statistics.median([*self.times, *[math.inf] * unreached])


def reached(repeats: Iterable[RunResult]) -> Reached:
    """How soon the completed repeats reached the target; without those that were resumed."""
    whole = [run for run in completed(repeats) if run.resumed_from_step is None]
    times = [run.time_to_target_seconds for run in whole]
    return Reached([seconds for seconds in times if seconds is not None], len(whole))
