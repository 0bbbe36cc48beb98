"""PyTorch's runs, with a planted slow-down: `python -m benchmarks.slowed PERCENT [FLAGS]`.

Takes the flags of `python -m pytorch_impl` behind the per cent by which every step is longer.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator

from commands.entry import main
from shared.clock import Batch, Clock

Steps = Callable[[Clock, Iterable[Batch]], Iterator[Batch]]


def slow_down(steps: Steps, percent: float) -> Steps:
    """Like `steps`, which yields the batches, but each step takes `percent` longer.

    A step's time counts from the end of the one before it, and so with fetching its batch. It is
    spent waiting busily, because a sleep takes as long as the system likes.
    """

    def slowed(clock: Clock, batches: Iterable[Batch]) -> Iterator[Batch]:
        started = time.perf_counter()
        for batch in steps(clock, batches):
            yield batch
            now = time.perf_counter()
            end = now + (now - started) * percent / 100
            while (started := time.perf_counter()) < end:
                pass

    return slowed


if __name__ == "__main__":
    # The one place that every step passes; set before a framework is imported, which must wait
    # until `main` has pinned the threads.
    Clock.steps = slow_down(Clock.steps, float(sys.argv.pop(1)))
    sys.exit(main("pytorch_impl"))
