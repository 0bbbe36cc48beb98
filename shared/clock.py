"""The phase ledger: where the time of one run went, adding up to its wall time by construction."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psutil

PHASES = (
    *("start", "import", "data", "build", "first_step", "train", "evaluate", "inference", "save"),
    "other",
)

# Steps a call while somebody watches: enough for a compiled loop to go round, few enough to see in
# which of them something went wrong.
WATCHED = 3

Batch = TypeVar("Batch")


@dataclass
class Stopwatch:
    """Seconds that a phase took; set when the phase ends."""

    seconds: float = 0.0


class Clock:
    """Books every moment since the process started to exactly one phase.

    Until the first phase begins it is `start`: the interpreter, the flags and what they need. Time
    that no phase claims later on is `other`.
    `first_steps` says how many training steps the phase `first_step` was: one, or the first group
    of several that are done in one call.
    A device works ahead of Python, so `synchronize` is awaited before each reading. `after_step`,
    if set, is told after each training step, or after several done in one call, how many those
    were, by those who look at the weights on the way. `announce` is told the name of each phase
    when it begins for the first time, and of what follows the first step; not of every change,
    because it takes time that is booked to the phase that begins.
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.seconds["start"] = time.time() - psutil.Process().create_time()
        self.time_to_first_step: float | None = None
        self.first_steps = 0
        self.synchronize: Callable[[], None] = lambda: None
        self.after_step: Callable[[int], None] | None = None
        self.announce: Callable[[str], None] = lambda _: None
        self._phase, self._since = "start", time.perf_counter()
        self._begun = {"start"}

    def switch(self, phase: str) -> str:
        """End the current phase and start `phase`; returns the name of the one that ended."""
        self.synchronize()
        now = time.perf_counter()
        self.seconds[self._phase] += now - self._since
        ended, self._phase, self._since = self._phase, phase, now
        if phase not in self._begun or (ended == "first_step" and phase != ended):
            self._begun.add(phase)
            self.announce(phase)
        return ended

    @contextmanager
    def phase(self, name: str) -> Iterator[Stopwatch]:
        """Book the block to `name`, then go on with the phase that was interrupted."""
        stopwatch = Stopwatch()
        interrupted = self.switch(name)
        if interrupted == "start":
            interrupted = "other"
        started = self._since
        try:
            yield stopwatch
        finally:
            self.switch(interrupted)
            stopwatch.seconds = self._since - started

    def begin_steps(self) -> None:
        """Training steps follow; what the run's first one costs is booked to `first_step`."""
        if self.time_to_first_step is None:
            self.switch("first_step")

    def steps(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches, one for each training step."""
        self.begin_steps()
        for batch in batches:
            yield batch
            if self.watches_steps:
                self.step_done()

    def spans(self, steps: int) -> Iterator[tuple[int, int]]:
        """Yield first and last (exclusive) of the steps to do in one call: 0 to `steps` in all.

        The run's first step alone, then all the rest at once, or a few at a time for `after_step`.
        """
        self.begin_steps()
        first = 0
        while first < steps:
            begun = self.time_to_first_step is not None
            last = min(first + (1 if not begun else WATCHED if self.after_step else steps), steps)
            yield first, last
            self.step_done(last - first)
            first = last

    @property
    def watches_steps(self) -> bool:
        """Whether each step's end matters: until the first is over, or if somebody asked."""
        return self.time_to_first_step is None or self.after_step is not None

    def step_done(self, steps: int = 1) -> None:
        """A training step is over, or several that were done in one call."""
        if self.time_to_first_step is None:
            self.switch("train")
            self.time_to_first_step = self.wall_seconds()
            self.first_steps = steps
        if self.after_step:
            self.after_step(steps)

    def read(self) -> float:
        """Seconds from the start of the process until now."""
        self.switch(self._phase)
        return self.wall_seconds()

    def wall_seconds(self) -> float:
        """Seconds from the start of the process to the last reading: the sum of all phases."""
        return sum(self.seconds.values())
