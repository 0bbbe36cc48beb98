"""What the commands print: lines while training, the tables, the list of files."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from report.sentences import in_words
from report.table import tables
from shared import formats
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.results import ComparisonResult, EpochResult
from shared.visible import visible


def make_console() -> Console:
    """Standard output; in a log, which has no width, wide enough for a table of many runs."""
    return Console() if Console().is_terminal else Console(width=200)


def say(console: Console, *lines: str) -> None:
    """Print lines as they are."""
    for line in "\n".join(lines).split("\n"):
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


def epoch_line(
    run: str, epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset
) -> str:
    """The last of the epochs so far in one line, with the time that the rest will take."""
    last = epochs[-1]
    validation = ""
    if last.validation_loss is not None and last.validation_accuracy is not None:
        validation = f"  validation {_figures(last.validation_loss, last.validation_accuracy)}"
    rate = (
        ""
        if last.learning_rate is None
        else f"  learning rate {formats.number(last.learning_rate)}"
    )
    return (
        f"{run}  epoch {last.epoch}/{config.epochs}"
        f"  train {_figures(last.train_loss, last.train_accuracy)}"
        f"{validation}"
        f"  test {_figures(last.test_loss, last.test_accuracy)}{rate}"
        f"  {_pace(epochs, config, dataset)}"
    )


def epoch_news(epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset) -> str:
    """The same, as short as it must be beside a bar."""
    last = epochs[-1]
    return (
        f"epoch {last.epoch}/{config.epochs}  test loss {formats.loss(last.test_loss)} "
        f"accuracy {formats.percent(last.test_accuracy)}  {_pace(epochs, config, dataset)}"
    )


def seconds_left(epochs: Sequence[EpochResult], total: int) -> float:
    """Estimate of the seconds that the remaining epochs take: as the last one did."""
    last = epochs[-1]
    return (total - last.epoch) * (last.train_seconds + last.evaluate_seconds)


def print_report(result: ComparisonResult, console: Console) -> None:
    """Print the table and what it means."""
    for header, *rows in tables(result):
        drawn = Table(box=box.SIMPLE_HEAD)
        drawn.add_column(header[0])
        for run in header[1:]:
            drawn.add_column(run, justify="right")
        for row in rows:
            drawn.add_row(*row)
        console.print(drawn)
    say(console, *in_words(result))
    for each in result.runs:
        say(console, *(f"  {each.run}: {line}" for line in each.error_output))


def complain(failures: Sequence[str]) -> None:
    """Say on standard error which files could not be written."""
    for sentence in failures:
        print(sentence, file=sys.stderr)


def describe_files(folder: Path) -> str:
    """The last line of a command: what it wrote where."""
    found = folder.iterdir() if folder.is_dir() else ()
    paths = sorted(path for path in found if path.name != "command.txt")
    if not paths:
        return f"Nothing could be written to {folder}."
    names = [path.name for path in paths if path.suffix not in (".safetensors", ".log")]
    others = len(paths) - len(names)
    runs = f", and {others} files of weights, predictions and logs" if others else ""
    return f"Written to {visible(folder)}: {', '.join(names)}{runs}"


def _figures(loss: float, accuracy: float) -> str:
    # As wide for 9 % as for 100 %, so that the lines stay in columns.
    return f"loss {formats.loss(loss)} accuracy {formats.percent(accuracy):>7}"


def _pace(epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset) -> str:
    speed = len(dataset.train_labels) / epochs[-1].train_seconds
    left = formats.duration(seconds_left(epochs, config.epochs))
    return f"{formats.count(speed)} images/s  {left} left"
