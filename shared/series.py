"""The series of a chart, as numbers: what the pictures and the page are handed to draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One curve: [n] points (x, y) and, for repeats, [n] limits (low, high) of its band.

    `place` is that of its run among all runs; `color` its colour, #RRGGBB. Where curves may
    coincide, `depth` goes from 1 for the first, which is drawn widest and beneath the others, to 0
    for the last.
    """

    place: int
    color: str
    label: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float]] = ()
    dashed: bool = False
    depth: float | None = None


@dataclass(frozen=True)
class Ledger:
    """Where the wall time of a run went: seconds by phase."""

    place: int
    run: str
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """Seconds of all phases."""
        return sum(self.seconds.values())
