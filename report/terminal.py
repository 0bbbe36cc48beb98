"""What the commands print: lines while training, the tables, the list of files."""

import re
import sys
from collections.abc import Container, Sequence
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
from report.verdicts import verdicts
from shared import formats
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.results import ComparisonResult, EpochResult
from shared.streams import fold, tell
from shared.visible import visible

# What begins a sentence that matters, or tells of a failure within one. The words say it too.
STYLES = {
    r"^WARNING:": "bold yellow",
    r"\bFAILED\b|^\S+ \(seed \d+\) (failed|diverged)\b": "bold red",
}


def make_console() -> Console:
    """Standard output; in a log, which has no width, wide enough for a table of many runs."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def say(console: Console, *lines: str, strong: Container[str] = ()) -> None:
    """Print lines as they are, in a terminal broken between words.

    Args:
        console: where to.
        lines: sentences, each of which may have several lines.
        strong: those among them that are to stand out.
    """
    for line in "\n".join(lines).split("\n"):
        shown = visible(line)
        if console.file.isatty():
            shown = fold(shown, console.width)
        text = Text(shown, style="bold" if line in strong else "")
        for pattern, style in STYLES.items():
            text.highlight_regex(pattern, style)
        console.print(text, soft_wrap=True)


def broken_name(name: str, width: int) -> str:
    """A name in lines of at most so many letters, broken behind what joins its parts: `aten::mm`,
    `step/dense_1/MatMul`; a part that is still too long is in several lines."""
    parts = re.findall(r"[^-/_:.,(<|\s]*[-/_:.,(<|\s]*", name)
    pieces = [part[k : k + width] for part in parts for k in range(0, len(part), width)]
    lines = [""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


# The headings of what gives way, in this order, where a terminal is too narrow for all columns.
LESS_NEEDED = ("images/s", "rate", "left", "train")


def epoch_line(
    epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset, width: int | None = None
) -> str:
    """The last of the epochs so far in one line, with the time that the rest will take.

    Args:
        width: columns that there are; in a log as many as are wanted.
    """
    return "  ".join(cell for *_, cell in _columns(epochs, config, dataset, width))


def epoch_headings(
    epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset, width: int | None = None
) -> str:
    """Two lines to stand above those of the epochs, without a line's end."""
    columns = _columns(epochs, config, dataset, width)
    upper = "  ".join(name.center(len(cell)) for name, _, cell in columns)
    lower = "  ".join(names.rjust(len(cell)) for _, names, cell in columns)
    return f"{upper.rstrip()}\n{lower.rstrip()}"


def _columns(
    epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset, width: int | None
) -> list[tuple[str, str, str]]:
    """Of the last epoch each cell, as wide in every epoch, with its two headings.

    Where there is validation, nothing is said of the speed, or 80 columns would not do.
    """
    last = epochs[-1]
    number = f"epoch {last.epoch:>{len(str(config.epochs))}}/{config.epochs}"
    columns = [("", "", number), _figures("train", last.train_loss, last.train_accuracy)]
    if last.validation_loss is not None and last.validation_accuracy is not None:
        columns.append(_figures("validation", last.validation_loss, last.validation_accuracy))
    columns.append(_figures("test", last.test_loss, last.test_accuracy))
    if last.learning_rate is not None:
        columns.append(("learning", "rate", f"{formats.number(last.learning_rate):>8}"))
    if last.validation_loss is None:
        columns.append(("", "images/s", f"{formats.count(_speed(last, dataset)):>8}"))
    left = formats.duration(seconds_left(epochs, config.epochs))
    columns.append(("", "left", f"{left:>6}"))
    for name in LESS_NEEDED:
        if width is None or len("  ".join(cell for *_, cell in columns)) <= width:
            break
        columns = [column for column in columns if name not in column[:2]]
    return columns


def _figures(name: str, loss: float, accuracy: float) -> tuple[str, str, str]:
    # As wide for 9 % as for 100 %.
    return name, "loss accuracy", f"{formats.loss(loss):>6} {formats.percent(accuracy):>8}"


def _speed(epoch: EpochResult, dataset: Dataset) -> float:
    """Images a second."""
    return len(dataset.train_labels) / epoch.train_seconds


def epoch_news(epochs: Sequence[EpochResult], config: TrainConfig) -> str:
    """How far a run is, as short as it must be beside a bar."""
    last = epochs[-1]
    left = formats.duration(seconds_left(epochs, config.epochs))
    return f"epoch {last.epoch}/{config.epochs}  {formats.percent(last.test_accuracy)}  {left} left"


def run_news(epochs: Sequence[EpochResult], dataset: Dataset, width: int) -> str:
    """What came out of a run, in half a line; without its speed where so many columns won't do."""
    last = epochs[-1]
    short = f"epoch {last.epoch}  test {formats.percent(last.test_accuracy)}"
    long = f"{short}  {formats.count(_speed(last, dataset))} images/s"
    return long if len(long) <= width else short


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
    say(console, *in_words(result), strong=verdicts(result))
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
        tell(sentence)


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
