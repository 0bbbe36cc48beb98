"""How often does verification find a fault where there is none?

`python -m benchmarks.false_alarms [N]` verifies N times (default 50), each with another seed, batch
size and network, and prints the largest differences and the number of false alarms.
"""

import sys
from dataclasses import dataclass, replace
from itertools import cycle, islice, product

from tyro.conf import Positional

from benchmarks.command import run_benchmark
from comparison.verification import verify
from report.verification import describe_verified
from shared import formats
from shared.clock import Clock
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.sampling import load, prepare

RUNS = ("pytorch/eager", "tensorflow/graph", "tensorflow/fit")
BATCH_SIZES = (1, 7, 64, 1000)
HIDDEN = ((128, 64), (32, 16), (300, 100))


@dataclass(frozen=True)
class Request:
    """Verify again and again, each time with another seed, batch size and network."""

    count: Positional[int] = 50
    """Verifications."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the number.
        """
        if self.count < 1:
            raise UsageError(f"{self.count}: expected 1 or more verifications.")


def measure(request: Request) -> int:
    """Verify again and again; returns 1 if there was a false alarm."""
    count = request.count
    config, _ = prepare(TrainConfig())
    train_size = len(load(config, Clock()).train_labels)
    interpreters = {"pytorch": sys.executable, "tensorflow": sys.executable}
    alarms, largest = 0, 0.0
    for seed, (hidden, batch_size) in enumerate(islice(cycle(product(HIDDEN, BATCH_SIZES)), count)):
        changed = replace(config, seed=seed, batch_size=batch_size, hidden=hidden)
        verification = verify(RUNS, interpreters, changed, train_size)
        for run in verification.runs:
            alarms += not run.passed
            largest = max(largest, run.figures["float64"]["weights"])
            if not run.passed:
                print(f"{changed}: {run.run} {describe_verified(run, verification)}")
        print(f"{seed + 1} of {count} verifications, {alarms} false alarms", flush=True)
    print(
        f"{count} verifications of {len(RUNS)} runs on {config.dataset}: {alarms} false alarms; "
        f"float64 weights within {formats.error(largest)} of the oracle"
    )
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(run_benchmark("false_alarms", Request, measure))
