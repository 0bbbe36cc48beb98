"""A small piece of work whose time shows how fast the machine is at the moment."""

import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# Rounds and steps a round, before a run and after an epoch.
BEFORE_RUN = (5, 20)
AFTER_EPOCH = (3, 5)

# Seconds after which no further round after an epoch begins.
LONGEST = 0.005


def probe_seconds(threads: int, rounds: int, steps: int, longest: float = float("inf")) -> float:
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
