"""What the commands print: lines while training, the tables, the list of files."""

import re
import sys
from collections.abc import Container, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from report.sentences import in_words, verdicts
from report.table import tables
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
    parts = re.findall(r"[^-/_:.,(<\s]*[-/_:.,(<\s]*", name)
    pieces = [part[k : k + width] for part in parts for k in range(0, len(part), width)]
    lines = [""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def epoch_line(epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset) -> str:
    """The last of the epochs so far in one line, with the time that the rest will take."""
    return "  ".join(cell for *_, cell in _columns(epochs, config, dataset))


def epoch_headings(epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset) -> str:
    """Two lines to stand above those of the epochs, without a line's end."""
    columns = _columns(epochs, config, dataset)
    upper = "  ".join(name.center(len(cell)) for name, _, cell in columns)
    lower = "  ".join(names.rjust(len(cell)) for _, names, cell in columns)
    return f"{upper.rstrip()}\n{lower.rstrip()}"


def _columns(
    epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset
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
    return [*columns, ("", "left", f"{left:>5}")]


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


def run_news(epochs: Sequence[EpochResult], dataset: Dataset) -> str:
    """What came out of a run, in half a line."""
    last = epochs[-1]
    speed = formats.count(_speed(last, dataset))
    return f"epoch {last.epoch}  test {formats.percent(last.test_accuracy)}  {speed} images/s"


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
    say(console, *in_words(result), strong=verdicts(result))
    for each in result.runs:
        say(console, *(f"  {each.run}: {line}" for line in each.error_output))


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
