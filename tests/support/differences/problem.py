"""A small problem for both frameworks, and what both are asked with."""

import math
import os
import random

import numpy as np

# A small problem for both frameworks: ten rows in batches of 4, 4 and 2.
RANDOM = np.random.default_rng(0)
ROWS, FEATURES, KINDS, BATCH = 10, 6, 3, 4
IMAGES = RANDOM.normal(size=(ROWS, FEATURES)).astype("float32")
LABELS = RANDOM.integers(0, KINDS, ROWS)
KERNEL = RANDOM.normal(size=(FEATURES, KINDS)).astype("float32")
STEP_SIZE = 0.5
CLASS_WEIGHTS = (1.0, 2.0, 4.0)
# Of two weights, or of two batches.
GRADIENTS = (3.0, 4.0)

# What losses are multiplied by in steps with a loss scale, and how many such steps came before.
FACTORS, STEPS_BEFORE = (1.0, 0.5, math.inf), 1998

# The smallest number that a float32 holds with all its digits; half of it is denormal.
NORMAL = float(np.finfo("float32").smallest_normal)

# Types that labels may have, a penalty on weights, four numbers, rows that differ by little.
TYPES = ("uint8", "int16", "int32", "int64", "float32")
DECAY = 0.125
FEW = (0.0, 1.0, 2.0, 3.0)
NARROW = ((1.0, 1.0625),)

# For what depends on chance: enough numbers that the odds of a false alarm are below 1e-9.
MANY = 1000


class ProcessIds:
    """A dataset whose rows say which process read them."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, row: int) -> int:
        return os.getpid()


def describe_start(kernel: np.ndarray, bias: np.ndarray) -> dict[str, float]:
    """The largest kernel weight, the deviation of the kernel, and the largest bias."""
    return {
        "largest": float(np.abs(kernel).max()),
        "deviation": float(kernel.std()),
        "largest bias": float(np.abs(bias).max()),
    }


def attempt(action) -> object:
    """What an action returns, or `raises` and the kind of error."""
    try:
        return action()
    # The kind of error is what is asked for.
    except Exception as error:  # noqa: BLE001
        return f"raises {type(error).__name__}"


def count_runs(wrap, call) -> int:
    """How often the body of a function runs when the wrapped function is called four times."""
    runs = []

    def body(*_):
        runs.append(1)

    function = wrap(body)
    for _ in range(4):
        call(function)
    return len(runs)


def count_denormal(numbers) -> int:
    """How many of a tensor's numbers are smaller than the smallest normal one, but not zero."""
    sizes = np.abs(numbers.numpy())
    return int(((sizes > 0) & (sizes < NORMAL)).sum())


def seeded_elsewhere(seed) -> dict[str, bool]:
    """Whether a framework's call for its seed also sets Python's and NumPy's random numbers."""
    drawn = []
    for _ in range(2):
        seed(0)
        drawn.append((random.random(), float(np.random.random())))
    return {name: a == b for name, a, b in zip(("python", "numpy"), *drawn, strict=True)}
