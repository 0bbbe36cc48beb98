"""The marks of axes, in pictures and on the page: the last one is never before the last point."""

import math
from collections.abc import Sequence

from matplotlib.ticker import MaxNLocator

# Multiples of each of these, and of their tenths, meet 1: an axis of shares can end there.
STEPS = (1, 2, 2.5, 5, 10)

MOST_MARKS = 10


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers around [low, high], at most `count` steps apart."""
    if math.isclose(low, high):
        margin = abs(low) / 100 or 1.0
        low, high = low - margin, high + margin
    # Sums of steps miss round numbers by a few last bits.
    found = MaxNLocator(count, steps=STEPS).tick_values(low, high)
    step = found[1] - found[0]
    # It lets values that are next to nothing lie beyond its last mark. Sums of steps miss round
    # numbers by a few last bits.
    marks = [float(f"{mark:.12g}") for mark in (found[0] - step, *found, found[-1] + step)]
    first = max(mark for mark in marks if mark <= low)
    last = min(mark for mark in marks if mark >= high)
    return [mark for mark in marks if first <= mark <= last]


def logarithmic_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... from the last one below to the first one above [low, high]."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    first = max(mark for mark in marks if mark <= low)
    last = min(mark for mark in marks if mark >= high)
    return [mark for mark in marks if first <= mark <= last]


def whole_marks(xs: Sequence[float]) -> list[float]:
    """Of ascending whole numbers all, or if they are many the ends and round ones between."""
    if len(xs) <= MOST_MARKS:
        return list(xs)
    first, last = xs[0], xs[-1]
    least = (last - first) / (MOST_MARKS - 1)
    sizes = (digit * 10**k for k in range(len(str(int(last)))) for digit in (1, 2, 5))
    step = next((size for size in sizes if size >= least), last - first)
    between = range(0, int(last) + 1, int(step))
    return [first, *(x for x in between if first + step / 2 < x < last - step / 2), last]


def spread_marks(xs: Sequence[float]) -> list[float]:
    """Of ascending numbers all, or if they are many every so many of them, and both ends."""
    every = math.ceil((len(xs) - 1) / (MOST_MARKS - 1)) or 1
    return [*xs[: -1 - every // 2 : every], xs[-1]] if len(xs) > 1 else list(xs)
