"""`python -m commands.tensorboard results/NAME`: what a comparison measured, for TensorBoard.

Written with TensorBoard's own package, and from the results alone: nothing is trained again.
"""

import importlib.util
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import tyro

from report.read import read_folder
from report.sentences import describe_end, describe_machine
from report.terminal import make_console, say
from report.thinning import thin
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.flags import Examples, parse_flags
from shared.initial_weights import weight_shapes
from shared.inputs import LARGEST_WEIGHTS, read_tensors
from shared.outputs import abandon_output_dir, claim_output_dir, current_command
from shared.program import run_program
from shared.results import ComparisonResult, EpochResult, RunResult, write_atomically
from shared.streams import tell
from shared.visible import visible

PROGRAM = "python -m commands.tensorboard"

# TensorBoard draws what has the same first part together.
SCALARS = {
    "loss/train": "train_loss",
    "loss/test": "test_loss",
    "loss/validation": "validation_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/test": "test_accuracy",
    "accuracy/validation": "validation_accuracy",
    "learning_rate": "learning_rate",
    "seconds/train": "train_seconds",
    "seconds/evaluate": "evaluate_seconds",
}

# Names that TensorBoard looks for.
LOG = "events.out.tfevents.0"

FILE_VERSION = "brain.Event:2"

# What is no property of the training, but of where it ran.
NOT_HYPERPARAMETERS = {"data_dir", "offline"}


@dataclass(frozen=True)
class Request:
    """Convert the results of a comparison to TensorBoard logs, one folder per run."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder of results, with a results.json."""
    output_dir: Path | None = None
    """New or empty folder for the logs. Default: tensorboard in FOLDER."""

    examples: ClassVar[Examples] = (("results/NAME", "write the logs to results/NAME/tensorboard"),)


@dataclass(frozen=True)
class Summary:
    """One thing to show: TensorBoard's protocol buffer, and the epoch that it is about."""

    proto: object
    step: int
    wall_time: float


def require_tensorboard() -> None:
    """Raise UsageError if TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            f"tensorboard is not installed for {sys.executable}; install it there with pip install "
            "'.[export]'."
        )


def write_logs(request: Request) -> tuple[Path, list[str]]:
    """Write one log a run; returns the folder, and what had to be left out.

    Raises:
        UsageError: there are no results, there are logs already, the folder can't be used, or
            TensorBoard is missing.
    """
    require_tensorboard()
    result = read_folder(request.folder)
    folder = request.output_dir or request.folder / "tensorboard"
    if request.output_dir is None and folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} already holds logs; remove it, or choose another folder with --output-dir."
        )
    claim_output_dir(folder, current_command())
    left_out = []
    try:
        for run, name in zip(result.runs, log_names(result.runs), strict=True):
            weights = {}
            try:
                if run.weights:
                    weights = load_weights(request.folder / run.weights, result.config_of(run))
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                left_out.append(f"{name} has no histograms: {run.weights} cannot be read ({why}).")
            if len(chosen := chosen_epochs(run)) < len(run.epochs):
                left_out.append(
                    f"{name} has scalars for {len(chosen)} of {len(run.epochs)} epochs, including "
                    "the peaks, because more take minutes to write."
                )
            summaries = summarize(run, name, result, weights)
            log = folder / name / LOG
            log.parent.mkdir()
            write_atomically(log, encode(summaries, started(result)))
    except BaseException:
        abandon_output_dir(folder)
        raise
    return folder, left_out


def log_names(runs: list[RunResult]) -> list[str]:
    """A folder's name for each run, with batch size and seed where these differ."""
    several = {
        part: len({getattr(run, field) for run in runs}) > 1
        for part, field in (("batch", "batch_size"), ("seed", "seed"))
    }
    names = []
    for run in runs:
        words = [run.run, f"batch {run.batch_size}" * several["batch"]]
        words.append(f"seed {run.seed}" * several["seed"])
        names.append("-".join(re.findall(r"\w+", " ".join(words))))
    return names


def started(result: ComparisonResult) -> float:
    """When the comparison began, in seconds since 1970."""
    return datetime.fromisoformat(result.created).timestamp()


def load_weights(path: Path, config: TrainConfig) -> dict[str, np.ndarray]:
    """A run's weights by name.

    Raises:
        OSError: the file can't be read.
        ValueError: it does not hold those that a network of this configuration has.
    """
    shapes = weight_shapes(config.hidden, config.batch_norm)
    return read_tensors(path, {**shapes}, LARGEST_WEIGHTS)


def summarize(
    run: RunResult, name: str, result: ComparisonResult, weights: dict[str, np.ndarray]
) -> Iterator[Summary]:
    """Hyper-parameters and a text, each epoch's scalars, and the trained weights' histograms."""
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    # As if all runs had begun together, so that the relative time is that of the training.
    time = started(result)
    yield Summary(hparams_pb(hyperparameters(run, result), name, time), 0, time)
    yield Summary(text_pb("run", describe(run, result)), 0, time)
    chosen = chosen_epochs(run)
    for epoch in run.epochs:
        time += epoch.train_seconds + epoch.evaluate_seconds
        for tag, value in scalars(epoch).items() if epoch.epoch in chosen else ():
            yield Summary(scalar_pb(tag, value), epoch.epoch, time)
    last = run.epochs[-1].epoch if run.epochs else 0
    for tag, array in weights.items():
        yield Summary(histogram_pb(tag, array), last, time)


def chosen_epochs(run: RunResult) -> set[int]:
    """The epochs whose scalars are written: all, or of very many as many as charts show."""
    if not run.epochs:
        return set()
    known = ([*scalars(epoch).values()] for epoch in run.epochs)
    columns = list(zip(*known, strict=False))
    return set(thin([(run.epochs[0].epoch, np.array(columns))]).tolist())


def scalars(epoch: EpochResult) -> dict[str, float]:
    """The figures of an epoch that are known, by their tags."""
    figures = {tag: getattr(epoch, field) for tag, field in SCALARS.items()}
    return {tag: value for tag, value in figures.items() if value is not None}


def hyperparameters(run: RunResult, result: ComparisonResult) -> dict[str, bool | float | str]:
    """The configuration as that run had it."""
    known = {"run": run.run, **vars(result.config_of(run))}
    return {
        name: value if isinstance(value, bool | int | float) else str(value)
        for name, value in known.items()
        if value is not None and name not in NOT_HYPERPARAMETERS
    }


def describe(run: RunResult, result: ComparisonResult) -> str:
    """What a run was and how it ended, in Markdown."""
    end = describe_end(run, result.config_of(run))
    lines = {
        "command": f"`{result.command}`",
        "status": f"{run.status}{f': {end}' if end else ''}",
        "framework": f"{run.framework} {run.framework_version or ''}, {run.device or 'no device'}",
        "machine": describe_machine(result.environment),
    }
    return "\n".join(f"- {name}: {text}" for name, text in lines.items())


def encode(summaries: Iterator[Summary], created: float) -> bytes:
    """The content of an event file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    content = io.BytesIO()
    writer = RecordWriter(content)
    writer.write(Event(wall_time=created, file_version=FILE_VERSION).SerializeToString())
    for each in summaries:
        event = Event(wall_time=each.wall_time, step=each.step, summary=each.proto)
        writer.write(event.SerializeToString())
    return content.getvalue()


def write_graph(graph: bytes, folder: Path) -> None:
    """Write a log with nothing but a network's graph, a serialized GraphDef."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in (Event(file_version=FILE_VERSION), Event(graph_def=graph)):
        writer.write(event.SerializeToString())
    write_atomically(folder / LOG, content.getvalue())


def main() -> int:
    """The command; returns the exit status."""
    return run_program(PROGRAM, convert)


def convert() -> int:
    """Do what the command line asks for; returns 0."""
    folder, left_out = write_logs(parse_flags(Request, PROGRAM))
    for line in left_out:
        tell(f"{PROGRAM}: {visible(line)}")
    say(make_console(), f"Written to {folder}; open it with: tensorboard --logdir {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
