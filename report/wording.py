"""How intervals are written: with the same digits in sentences and in tables."""

import math

from report import intervals
from shared import formats
from shared.pairs import MeanInterval, RatioInterval


def ratio(found: RatioInterval) -> str:
    """`1.32`: the centre with the digits that its interval supports; of two repeats, both."""
    if found.low is None:
        return " and ".join(formats.ratio(each) for each in found.values)
    return beside(found, found.median)


def ratio_limits(found: RatioInterval) -> str:
    """`1.28 to 1.36`; nothing where there are no limits."""
    if found.low is None or found.high is None:
        return ""
    return f"{beside(found, found.low)} to {beside(found, found.high)}"


def beside(found: RatioInterval, value: float) -> str:
    """Another ratio with the digits that tell the ends of this interval apart."""
    if found.low is None or found.high is None or found.high <= found.low:
        return formats.ratio(value)
    digits = math.ceil(-math.log10((found.high - found.low) / 2.5))
    return formats.ratio(value, max(2 if found.median < 10 else 0, min(4, digits)))


def within_time(found: RatioInterval) -> str:
    """The bound of "the same within", rounded up: `3 %`, below one per cent `0.4 %`."""
    if found.within is None:
        return ""
    digits = 0 if found.within > 0.01 else 1
    return (
        "> 999 %"
        if found.within > 9.99
        else formats.percent(_rounded_up(found.within, digits + 2), digits)
    )


def points(difference: float) -> str:
    """`0.18`: percentage points without a sign."""
    return formats.points(abs(difference)).lstrip("+")


def differences(found: MeanInterval) -> str:
    """`+0.12`: the mean in percentage points; of two repeats, both differences."""
    if found.low is None:
        return " and ".join(map(formats.points, found.values))
    return formats.points(found.mean)


def points_limits(found: MeanInterval) -> str:
    """`-0.12 to +0.30`; nothing where there are no limits."""
    if found.low is None or found.high is None:
        return ""
    return f"{formats.points(found.low)} to {formats.points(found.high)}"


def within_points(found: MeanInterval) -> str:
    """The bound of "the same within" in percentage points, rounded up: `0.18`."""
    return "" if found.within is None else points(_rounded_up(found.within, 4))


def resolved_points(found: MeanInterval) -> str:
    """The difference that as many seeds as these find with a power of 80 %: `0.24`."""
    if found.low is None:
        return ""
    return points(intervals.resolved(found.values))


def _rounded_up(value: float, digits: int) -> float:
    return math.ceil(round(value * 10**digits, 6)) / 10**digits
