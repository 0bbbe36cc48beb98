"""The phase ledger: where the time of one run went, adding up to its wall time by construction."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psutil

PHASES = ("import", "data", "build", "first_step", "train", "evaluate", "other")

Batch = TypeVar("Batch")


@dataclass
class Stopwatch:
    """Seconds that a phase took; set when the phase ends."""

    seconds: float = 0.0


class Clock:
    """Books every moment since the process started to exactly one phase.

    Time that no phase claims (the interpreter's start, reading flags, writing files) is `other`.
    A device works ahead of Python, so `synchronize` is awaited before each reading.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.seconds["other"] = time.time() - psutil.Process().create_time()
        self.time_to_first_step: float | None = None
        self.synchronize: Callable[[], None] = lambda: None
        self._phase, self._since = "other", time.perf_counter()

    def switch(self, phase: str) -> str:
        """End the current phase and start `phase`; returns the name of the one that ended."""
        self.synchronize()
        now = time.perf_counter()
        self.seconds[self._phase] += now - self._since
        ended, self._phase, self._since = self._phase, phase, now
        return ended

    @contextmanager
    def phase(self, name: str) -> Iterator[Stopwatch]:
        """Book the block to `name`, then go on with the phase that was interrupted."""
        stopwatch = Stopwatch()
        interrupted = self.switch(name)
        started = self._since
        try:
            yield stopwatch
        finally:
            self.switch(interrupted)
            stopwatch.seconds = self._since - started

    def first_step_apart(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches; what the run's first step costs is booked to `first_step`."""
        iterator = iter(batches)
        if self.time_to_first_step is None:
            interrupted = self.switch("first_step")
            yield next(iterator)
            self.first_step_done(interrupted)
        yield from iterator

    def first_step_done(self, next_phase: str = "train") -> None:
        """The first step is over: note how long it took to get here since the process started."""
        self.switch(next_phase)
        self.time_to_first_step = self.wall_seconds()

    def wall_seconds(self) -> float:
        """Seconds from the start of the process to the last reading: the sum of all phases."""
        return sum(self.seconds.values())
