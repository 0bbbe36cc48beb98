"""What the commands print: lines while training, the tables, the list of files."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as DrawnTable
from rich.text import Text

from report.against import tables
from report.sentences import in_words
from report.table import Table
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


def print_report(result: ComparisonResult, console: Console, everything: bool = False) -> None:
    """Print the tables and what they mean.

    Args:
        everything: with the table of all figures.
    """
    say(console, "")
    for table in tables(result, everything):
        print_table(table, console)
    say(console, *in_words(result))
    for each in result.runs:
        for line in each.error_output:
            say(console, f"  {each.run}: {line}")


# Between two columns.
GAP = 2


def print_table(table: Table, console: Console) -> None:
    """Print a table, its best values in bold; columns that do not fit stand below the others."""
    say(console, table.caption)
    widths = [
        max(map(cell_len, [*name.split(), *(row[place] for row in table.rows)]))
        for place, name in enumerate(table.header)
    ]
    for columns in fitting(widths, console.width):
        drawn = DrawnTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0)
        left = console.width - sum(widths[place] + GAP for place in columns) + GAP
        for place in columns:
            # Names that need two lines get one where there is room.
            more = cell_len(table.header[place]) - widths[place]
            width = widths[place] + (more if 0 < more <= left else 0)
            left -= width - widths[place]
            justify: Literal["left", "right"] = "right" if place else "left"
            # The box draws one blank between columns.
            gap = GAP - 1 if place else 0
            drawn.add_column(Text(table.header[place]), justify=justify, width=width + gap)
        for number, row in enumerate(table.rows):
            styles = ["bold" if (number, place) in table.best else "" for place in columns]
            cells = [row[place] for place in columns]
            drawn.add_row(*map(Text, cells, styles))
        console.print(drawn)
    say(console, *([table.note] if table.note else []), "")


def fitting(widths: Sequence[int], most: int) -> list[list[int]]:
    """The columns in as few parts as fit into so many places; each part begins with the first."""
    parts = [[0]]
    for place in range(1, len(widths)):
        wanted = sum(widths[each] + GAP for each in (*parts[-1], place)) - GAP
        if wanted > most and len(parts[-1]) > 1:
            parts.append([0])
        parts[-1].append(place)
    return parts


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
