"""One kind of fault, tried again and again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Campaign:
    """A kind of fault, and how often it is to be tried."""

    name: str
    count: int
    try_one: Callable[[int, Path], str | None]
    """Tries it once, in an empty folder; its number seeds the draws. Returns None if nothing was
    lost, else what was, in one line."""
