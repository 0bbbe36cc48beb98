"""When the ratios of training times are known well enough, by the width of their intervals alone.

Whoever repeated until a difference shows would find one where there is none; the width of an
interval tells nothing of that.
"""

import math
from collections.abc import Iterator, Sequence

from comparison.plan import FEWEST, MORE, Request
from shared import formats
from shared.pairs import Comparison, RatioInterval
from shared.results import RunResult


def blocks(request: Request, known: Sequence[RunResult] = ()) -> Iterator[int]:
    """How many repeats to make in all before looking at the intervals once more.

    Args:
        known: runs of an earlier part of the comparison, whose repeats are not thrown away.
    """
    most = request.most_repeats
    if request.ratio_precision is None:
        yield most
        return
    begun = max((run.repeat + 1 for run in known), default=0)
    first = max(FEWEST, begun + begun % MORE)
    yield from range(min(first, most), most + 1, MORE)


def half_width(ratio: RatioInterval | None) -> float:
    """Per cent by which a ratio may be off to either side, with 95 %; infinite if not known."""
    if ratio is None or not ratio.low or not ratio.high:
        return math.inf
    return 100 * math.expm1((math.log(ratio.high) - math.log(ratio.low)) / 2)


def widest(comparison: Comparison) -> float | None:
    """The half width of the ratio that is known least; None where no pair completed."""
    return max((half_width(pair.train_time_ratio) for pair in comparison.pairs), default=None)


def is_reached(comparison: Comparison, percent: float) -> bool:
    """Whether more repeats are not needed, or, as without pairs, would not help."""
    width = widest(comparison)
    return width is None or width <= percent


def describe_precision(comparison: Comparison, percent: float, repeats: int) -> str:
    """Whether the precision was reached, in one line."""
    width = widest(comparison)
    if width is None or width == math.inf:
        return f"After {repeats} repeats, not every ratio of training times is known."
    known = f"known within {formats.decimal(width, 2)} % (95 %)"
    if width <= percent:
        every = f"Every ratio of training times is {known} after {repeats} repeats"
    else:
        every = f"After {repeats} repeats, the ratios of training times are only {known}"
    return f"{every}; {percent:g} % was asked for."
