"""Profiles of training steps: own times, Chrome trace, table. The twins run the profiler."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from commands.requests import PROFILED_STEPS, ProfileRequest
from commands.twin import import_twin
from report.progress import busy
from report.terminal import broken_name, make_console, say
from shared import formats
from shared.chatter import native_chatter_held_back
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.download import describe_stand_in
from shared.errors import UsageError
from shared.outputs import abandon_output_dir, claim_output_dir, current_command
from shared.registry import LABELS
from shared.results import write_atomically
from shared.sampling import load, prepare, with_training_rows
from shared.trace_events import TRACE
from shared.trained import Operator

SHOWN = 15

# The widest name in a log; in a terminal a name has what the figures leave of a line.
WIDEST, FIGURES_WIDTH = 100, 36


def profile(name: str, request: ProfileRequest) -> None:
    """Warm up, watch, write trace.json, print the operators that took longest.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: number of steps, dataset, device or folder can't be used.
    """
    config, missing = prepare(request.config)
    dataset = load(config, Clock())
    steps = len(dataset.train_labels) // config.batch_size
    if request.steps > steps:
        images = formats.count(len(dataset.train_labels))
        raise UsageError(
            f"--steps {request.steps}: {dataset.name} has only {images} training images, enough "
            f"for {steps} steps."
        )
    folder = claim_output_dir(request.output_dir, current_command())
    try:
        operators = watch(name, request.variant, config, dataset, request.steps, folder)
    except BaseException:
        abandon_output_dir(folder)
        raise
    console = make_console()
    if missing:
        say(console, f"NOTICE: {describe_stand_in(missing)}")
    print_operators(operators, f"{name}/{request.variant}, {request.steps} steps", console)
    say(
        console,
        f"Written to {folder}: {TRACE}; open it in ui.perfetto.dev or chrome://tracing",
    )


def profile_more(
    name: str, variant: str, config: TrainConfig, dataset: Dataset, folder: Path
) -> None:
    """After a training, watch the usual number of steps, or as many as there are images for."""
    steps = max(1, min(PROFILED_STEPS, len(dataset.train_labels) // config.batch_size))
    operators = watch(name, variant, config, dataset, steps, folder)
    print_operators(operators, f"{name}/{variant}, {steps} steps", make_console())


def watch(
    name: str, variant: str, config: TrainConfig, dataset: Dataset, steps: int, folder: Path
) -> list[Operator]:
    """Train anew with the first images, watch the last of three epochs, write trace.json.

    Args:
        steps: batches in such an epoch; there must be enough images for them.
    """
    config = replace(config, epochs=3)
    dataset = with_training_rows(
        dataset, np.arange(len(dataset.train_labels))[: steps * config.batch_size]
    )
    with (
        TemporaryDirectory() as elsewhere,
        busy(make_console(), f"importing {LABELS[name]}", logged=False) as line,
    ):
        twin = import_twin(name, "profile")
        line.show(f"profiling {variant}")
        # A profiler may keep to itself that a disk is full.
        trace = Path(elsewhere, TRACE)
        with native_chatter_held_back():
            # One test image, because it is not testing that is watched.
            operators = twin.profile_epoch(config, variant, dataset.with_test_images(1), trace)
        write_atomically(folder / TRACE, trace.read_bytes())
    return operators


def print_operators(operators: Sequence[Operator], title: str, console: Console) -> None:
    """The table of those that took longest, and what its figures are."""
    total = sum(operator.seconds for operator in operators)
    ranked = sorted(operators, key=lambda operator: -operator.seconds)
    table = Table(title, box=box.SIMPLE_HEAD)
    # Compilers give their kernels names of a hundred letters and more.
    widest = min(WIDEST, console.width - FIGURES_WIDTH)
    for heading in ("calls", "total ms", "share"):
        table.add_column(heading, justify="right")
    rest = ranked[SHOWN:]
    if rest:
        calls, seconds = sum(each.calls for each in rest), sum(each.seconds for each in rest)
        ranked[SHOWN:] = [Operator(f"{len(rest)} others", calls, seconds)]
    for operator in ranked:
        share = operator.seconds / total
        table.add_row(
            Text(broken_name(operator.name, widest)),
            formats.count(operator.calls),
            formats.decimal(1000 * operator.seconds, 2),
            formats.percent(share, 1),
        )
    console.print(table)
    say(
        console,
        "Self time (each operator without those it calls), summed over all threads: "
        f"{formats.time(total)}. Profiling slows everything down, short operators the most.",
    )
