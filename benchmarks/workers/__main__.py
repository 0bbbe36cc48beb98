"""Do several workers learn what one learns, and does nothing remain of them when one is lost?

`python -m benchmarks.workers` trains with two and three workers in both frameworks and holds every
step of every worker against the reference in NumPy, with and without techniques; then it plants
faults, which have to be found. Then it kills workers at random moments, resumes the training, and
compares the trained weights with those of an undisturbed one.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.command import run_benchmark
from benchmarks.workers.kills import Ending, kill_again_and_again
from benchmarks.workers.proof import prove
from report.sentences import describe_machine
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.registry import TWINS

Implementation = Literal["pytorch", "tensorflow"]


@dataclass(frozen=True)
class Request:
    """Prove training with several workers, plant faults in it, and kill workers."""

    implementation: tuple[Implementation, ...] = TWINS  # type: ignore[assignment]
    """Implementations to try."""
    workers: tuple[int, ...] = (2, 3)
    """Numbers of workers to prove."""
    kills: int = 20
    """Workers to kill in each implementation."""
    seed: int = 0
    """Seed of the moments."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.kills < 0:
            raise UsageError(f"--kills {self.kills}: expected 0 or more.")
        if self.workers and min(self.workers) < 2:
            words = " ".join(map(str, self.workers))
            raise UsageError(f"--workers {words}: expected numbers of 2 or more.")


def measure(request: Request) -> int:
    """Try, print; returns 1 if anything was not as it has to be."""
    good = True
    for implementation in request.implementation:
        for workers in request.workers:
            for judged in prove(implementation, workers):
                print(f"{'' if judged.is_good else 'WRONG: '}{judged.describe()}", flush=True)
                good &= judged.is_good
    for implementation in request.implementation if request.kills else ():
        good &= kill(implementation, request.kills, request.seed)
    print(describe_machine(describe_environment()))
    return 0 if good else 1


def kill(implementation: str, kills: int, seed: int) -> bool:
    """Kill workers, print how each training ended; returns whether all was as promised."""
    endings: list[Ending] = []
    wholes: list[bool] = []
    with tempfile.TemporaryDirectory() as folder:
        for found in kill_again_and_again(implementation, kills, seed, Path(folder)):
            if isinstance(found, Ending):
                endings.append(found)
                wrong = "" if found.is_good else "WRONG: "
                print(f"{wrong}{implementation}, {found.describe()}", flush=True)
            else:
                wholes.append(found)
    good = sum(each.is_good for each in endings)
    print(
        f"{implementation}: {good} of {len(endings)} ended as promised, the others gone after at "
        f"most {max(each.seconds for each in endings):.1f} s; {sum(wholes)} of {len(wholes)} "
        "trainings that were resumed came to the identical weights.",
        flush=True,
    )
    return good == len(endings) and all(wholes)


if __name__ == "__main__":
    sys.exit(run_benchmark("workers", Request, measure))
