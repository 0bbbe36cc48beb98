"""Live progress of the runs of a comparison: bars in a terminal, plain lines in a log."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich import progress
from rich.console import Console

from report.terminal import epoch_line, epoch_news, say
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.results import EpochResult, RunResult


class RunProgress:
    """Shows each run of a comparison; draws only when told something.

    A display that redraws itself would take time from the run that is being measured.
    """

    def __init__(self, console: Console, config: TrainConfig, dataset: Dataset) -> None:
        self.console, self.config, self.dataset = console, config, dataset
        self.bars = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=20),
            progress.TextColumn("{task.fields[news]}"),
            console=console,
            auto_refresh=False,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def start(self, title: str) -> None:
        """A run begins."""
        self.title = title
        self.task = self.bars.add_task(title, total=self.config.epochs, news="starting")
        self.bars.refresh()
        self._say(f"{title}  starting")

    def epoch(self, epochs: Sequence[EpochResult]) -> None:
        """An epoch of the current run has ended; `epochs` are all of them so far."""
        news = epoch_news(epochs, self.config, self.dataset)
        self.bars.update(self.task, completed=epochs[-1].epoch, news=news)
        self.bars.refresh()
        self._say(epoch_line(self.title, epochs, self.config, self.dataset))

    def end(self, result: RunResult) -> None:
        """The current run has ended."""
        if result.status == "completed":
            return
        self.bars.update(self.task, news=result.status)
        self.bars.refresh()
        self._say(f"{self.title}  {result.status}")

    def _say(self, line: str) -> None:
        if self.bars.disable:
            say(self.console, line)
