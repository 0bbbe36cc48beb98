"""What the commands print: lines while training, the tables, the list of files."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from report.sentences import in_words
from report.table import tables
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.results import ComparisonResult, EpochResult


def epoch_line(
    run: str, epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset
) -> str:
    """The last of the epochs so far in one line, with the time that the rest will take."""
    last = epochs[-1]
    speed = len(dataset.train_labels) / last.train_seconds
    validation = ""
    if last.validation_loss is not None:
        accuracy = 100 * last.validation_accuracy
        validation = f"  validation loss {last.validation_loss:.4f} accuracy {accuracy:5.2f} %"
    rate = "" if last.learning_rate is None else f"  learning rate {last.learning_rate:.3g}"
    return (
        f"{run}  epoch {last.epoch}/{config.epochs}"
        f"  train loss {last.train_loss:.4f} accuracy {100 * last.train_accuracy:5.2f} %"
        f"{validation}"
        f"  test loss {last.test_loss:.4f} accuracy {100 * last.test_accuracy:5.2f} %{rate}"
        f"  {speed:,.0f} images/s  {format_duration(seconds_left(epochs, config.epochs))} left"
    )


def seconds_left(epochs: Sequence[EpochResult], total: int) -> float:
    """Estimate of the seconds that the remaining epochs take: as the last one did."""
    last = epochs[-1]
    return (total - last.epoch) * (last.train_seconds + last.evaluate_seconds)


def format_duration(seconds: float) -> str:
    """`0:07`, `12:34` or `1:23:45`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def describe_files(folder: Path) -> str:
    """The last line of a command: what it wrote where."""
    paths = sorted(path for path in folder.iterdir() if path.name != "command.txt")
    names = [path.name for path in paths if path.suffix not in (".safetensors", ".log")]
    others = len(paths) - len(names)
    runs = f", and {others} files of weights, predictions and logs" if others else ""
    return f"Written to {folder}: {', '.join(names)}{runs}"


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
    for run in result.runs:
        say(console, *(f"  {run.run}: {line}" for line in run.error_output))


def make_console() -> Console:
    """Standard output; in a log, which has no width, wide enough for a table of many runs."""
    return Console() if Console().is_terminal else Console(width=200)


def say(console: Console, *lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
