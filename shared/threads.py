"""How many threads may compute, and the environment that a framework is imported into."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

import psutil

# Every library that may compute here reads its own variable, once, when it is imported.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)

# Says whether torch.compile does without what it compiled in earlier processes.
NO_CACHE_VARIABLE = "TORCHINDUCTOR_FORCE_DISABLE_CACHES"


def physical_cores() -> int:
    """Number of physical cores that this process may use (at least 1).

    On Apple's processors the fast ones: a step waits for its slowest thread.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    fast = sysctl("hw.perflevel0.physicalcpu")
    if fast.isdecimal() and int(fast):
        return min(int(fast), allowed)
    return min(psutil.cpu_count(logical=False) or allowed, allowed)


@cache
def sysctl(name: str) -> str:
    """What macOS knows under this name; nothing where it, or the system, has no such name."""
    if sys.platform != "darwin":
        return ""
    command = ["/usr/sbin/sysctl", "-n", name]
    try:
        told = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    except OSError:
        return ""
    return told.stdout.strip()


def pin_threads(threads: int) -> None:
    """Tell every library how many threads it gets; to be called before any is imported.

    Apple's, which NumPy computes with on a Mac, can't be told in any other way.
    """
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)


def prepare_environment(threads: int, environment: Mapping[str, str] | None = None) -> None:
    """Pin the threads and quieten the frameworks; to be called before any is imported.

    Args:
        environment: of the run, as its entry in the registry says.
    """
    pin_threads(threads)
    # Level 3: on a machine without a GPU TensorFlow reports even its absence as an error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(environment or {})
    # XLA keeps nothing on disk either: every run's time to first step holds all its compiling.
    os.environ.setdefault(NO_CACHE_VARIABLE, "1")
