"""What goes on while runs start, train and end: one line at a terminal's bottom, lines in a log."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from report.terminal import epoch_headings, epoch_line, epoch_news, run_news, say
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.results import EpochResult, RunResult

# What a run does in each phase of its clock.
DOINGS = {
    "start": "starting",
    "import": "importing",
    "data": "loading data",
    "build": "building the network",
    "first_step": "first step and compilation",
    "train": "training",
    "evaluate": "testing",
    "inference": "timing inference",
    "save": "saving",
}

# In these the line stands still: to draw it takes time from what is measured.
STILL = ("train", "evaluate")

BAR = 10


class StatusLine:
    """The last line of a terminal: who does what, and for how many seconds; nothing in a log."""

    def __init__(self, console: Console) -> None:
        self.console, self.title, self.doing, self.share = console, "", "", 0.0
        self.still, self.since = True, time.monotonic()
        can_be_drawn = console.is_terminal and not console.is_dumb_terminal
        # Colours may be forced where there is no terminal.
        self.is_shown = can_be_drawn and console.file.isatty()
        self.live = Live(
            console=console, auto_refresh=False, transient=True, get_renderable=self._draw
        )
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        if self.is_shown:
            self.live.start()
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended.set()
        self.live.stop()

    def show(self, doing: str, *, still: bool = False) -> None:
        """Something else begins; its seconds are counted, unless the line is to stand still."""
        self.doing, self.still, self.since = doing, still, time.monotonic()
        if self.is_shown:
            self.live.refresh()

    def _tick(self) -> None:
        while not self.ended.wait(1):
            if not self.still:
                self.live.refresh()

    def _draw(self) -> Text:
        """As much of it as fits into one line."""
        doing = self.doing
        if not self.still:
            doing += f", {time.monotonic() - self.since:.0f} s"
        full = round(BAR * self.share)
        bar = ("━" * full).ljust(BAR, "─") if self.title else ""
        # The last column stays free, or some terminals begin another line.
        width = self.console.width - 1
        choices = [(self.title, bar, doing), (self.title, doing), (doing,)]
        lines = ["  ".join(filter(None, parts)) for parts in choices]
        line = next((each for each in lines if len(each) <= width), doing[:width])
        return Text(line, no_wrap=True, overflow="crop")


def capitalized(words: str) -> str:
    """With a first letter as at a sentence's beginning; names stay as they are."""
    return words[0].upper() + words[1:]


@contextmanager
def busy(console: Console, doing: str, *, logged: bool = True) -> Iterator[StatusLine]:
    """Say what takes long, and in a terminal for how many seconds, while the block does it.

    Args:
        console: where to.
        doing: in words.
        logged: whether a log gets a line about it.
    """
    with StatusLine(console) as line:
        if logged and not line.is_shown:
            say(console, capitalized(doing))
        line.show(doing)
        yield line


class RunProgress:
    """Shows what each run does.

    While it trains, nothing is drawn but what it tells: a display that redraws itself would take
    time from the run that is being measured.
    """

    def __init__(
        self, console: Console, config: TrainConfig, dataset: Dataset, *, alone: bool = False
    ) -> None:
        """Nothing is shown yet.

        Args:
            console: where to.
            config: of the runs; of those that differ in it, only the epochs are looked at.
            dataset: what they train on.
            alone: there is one run, whose epochs a terminal keeps as a log does.
        """
        self.console, self.config, self.dataset, self.alone = console, config, dataset, alone
        self.line = StatusLine(console)
        self.epochs: Sequence[EpochResult] = ()

    def __enter__(self) -> Self:
        self.line.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.line.__exit__(kind, error, traceback)

    def start(self, title: str) -> None:
        """A run begins."""
        self.line.title, self.line.share, self.epochs = title, 0.0, ()
        self.phase("start")
        if not (self.alone or self.line.is_shown):
            say(self.console, f"{title}  starting")

    def between(self, doing: str) -> None:
        """Something that belongs to no run begins."""
        self.line.title, self.line.share = "", 0.0
        self.line.show(doing)
        if not self.line.is_shown:
            say(self.console, capitalized(doing))

    def phase(self, name: str) -> None:
        """The current run begins one of the clock's phases."""
        if doing := DOINGS.get(name):
            self.line.show(doing, still=name in STILL)

    def epoch(self, epochs: Sequence[EpochResult]) -> None:
        """An epoch of the current run has ended; `epochs` are all of them so far."""
        is_first, self.epochs = not self.epochs, epochs
        if self.alone or not self.line.is_shown:
            before = "" if self.alone else f"{self.line.title}  "
            terminal = self.console.file.isatty()
            width = self.console.width - len(before) if terminal else None
            known = epochs, self.config, self.dataset, width
            if is_first:
                headings = epoch_headings(*known).split("\n")
                say(self.console, *(" " * len(before) + heading for heading in headings))
            say(self.console, before + epoch_line(*known))
        self.line.share = epochs[-1].epoch / self.config.epochs
        self.line.show(epoch_news(epochs, self.config), still=True)

    def end(self, result: RunResult) -> None:
        """The current run has ended."""
        completed = result.status == "completed"
        if self.line.is_shown and completed and self.epochs and not self.alone:
            before = f"{self.line.title}  "
            width = self.console.width - len(before)
            say(self.console, before + run_news(self.epochs, self.dataset, width))
        elif not completed:
            say(self.console, f"{self.line.title}  {result.status}")
