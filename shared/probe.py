"""A small piece of work whose time shows how fast the machine is at the moment."""

import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def probe_after_epoch() -> float:
    """A quarter of the work of `probe_seconds`, on one thread, for a few milliseconds.

    BLAS's other threads would go on looking for work, into the epoch that follows: OpenBLAS's do so
    for 25 to 40 ms.
    """
    return probe_seconds(1, rounds=3, steps=5, longest=0.005)


def probe_seconds(
    threads: int, rounds: int = 5, steps: int = 20, longest: float = float("inf")
) -> float:
    """Median seconds of a round: `steps` times the largest products of a training step.

    Many short pieces on several threads show what a long one would not: how fast the cores hear
    from one another, which on a virtual machine may change from one second to the next.

    Args:
        longest: seconds after which no further round begins.
    """
    # Only now, because NumPy reads the number of threads when it is imported.
    import numpy as np

    images, kernel = np.ones((64, 784), np.float32), np.ones((784, 128), np.float32)
    durations: list[float] = []
    with find_blas().limit(limits=threads):
        while len(durations) < rounds and sum(durations) < longest:
            started = time.perf_counter()
            for _ in range(steps):
                images.T @ (images @ kernel)
            durations.append(time.perf_counter() - started)
    return sorted(durations)[len(durations) // 2]


@cache
def find_blas() -> "ThreadpoolController":
    """That of NumPy, searched for once, which takes longer than a probe.

    What else has threads, as a framework, keeps them.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
