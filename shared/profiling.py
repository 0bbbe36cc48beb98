"""Profiles of training steps: own times, Chrome trace, table. The twins run the profiler."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from rich import box
from rich.table import Table

from shared.clock import Clock
from shared.commands import PROFILED_STEPS, ProfileRequest, import_twin
from shared.config import IMPLEMENTATIONS, TrainConfig, UsageError
from shared.datasets import Dataset
from shared.outputs import abandon_output_dir, claim_output_dir, current_command
from shared.report import make_console, say
from shared.results import write_atomically
from shared.sampling import with_training_rows
from shared.single_run import load, native_chatter_held_back, prepare

SHOWN, WIDEST = 15, 60
TRACE = "trace.json"


@dataclass(frozen=True)
class Operator:
    """What was called under one name: how often, and its own seconds, without what it called."""

    name: str
    calls: int
    seconds: float


@dataclass(frozen=True)
class Span:
    """One call on one thread, in seconds."""

    name: str
    thread: str
    start: float
    seconds: float


def profile(name: str, request: ProfileRequest) -> None:
    """Warm up, watch, write trace.json, print the operators that took longest.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: variant, number of steps, dataset, device or folder can't be used.
    """
    variants = IMPLEMENTATIONS[name].variants
    variant = request.variant or variants[0]
    if variant not in variants:
        raise UsageError(f"--variant {variant}: expected one of {', '.join(variants)}.")
    config, notice = prepare(request.config)
    dataset = load(config, Clock())
    steps = len(dataset.train_labels) // config.batch_size
    if request.steps > steps:
        raise UsageError(
            f"--steps {request.steps}: {dataset.name} has only {len(dataset.train_labels):,} "
            f"training images, enough for {steps} steps."
        )
    folder = claim_output_dir(request.output_dir, current_command())
    try:
        operators = watch(name, variant, config, dataset, request.steps, folder)
    except BaseException:
        abandon_output_dir(folder)
        raise
    if notice:
        print(f"NOTICE: {notice}")
    print_operators(operators, f"{name}/{variant}, {request.steps} steps")
    print(f"Written to {folder}: {TRACE}, to be opened in ui.perfetto.dev or chrome://tracing")


def profile_more(
    name: str, variant: str, config: TrainConfig, dataset: Dataset, folder: Path
) -> None:
    """After a training, watch the usual number of steps, or as many as there are images for."""
    steps = max(1, min(PROFILED_STEPS, len(dataset.train_labels) // config.batch_size))
    operators = watch(name, variant, config, dataset, steps, folder)
    print_operators(operators, f"{name}/{variant}, {steps} steps")


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
    twin = import_twin(name, "profile")
    with native_chatter_held_back():
        # One test image, because it is not testing that is watched.
        return twin.profile_epoch(config, variant, dataset.with_test_images(1), folder / TRACE)


def print_operators(operators: Sequence[Operator], title: str) -> None:
    """The table of those that took longest, and what its figures are."""
    total = sum(operator.seconds for operator in operators)
    ranked = sorted(operators, key=lambda operator: -operator.seconds)
    console = make_console()
    table = Table(box=box.SIMPLE_HEAD)
    # Compilers give their kernels names of a hundred letters and more.
    table.add_column(title, max_width=WIDEST, no_wrap=True, overflow="ellipsis")
    for heading in ("calls", "total ms", "share"):
        table.add_column(heading, justify="right")
    rest = ranked[SHOWN:]
    if rest:
        calls, seconds = sum(each.calls for each in rest), sum(each.seconds for each in rest)
        ranked[SHOWN:] = [Operator(f"{len(rest)} others", calls, seconds)]
    for operator in ranked:
        share = operator.seconds / total
        table.add_row(
            operator.name,
            f"{operator.calls:,}",
            f"{1e3 * operator.seconds:.2f}",
            f"{100 * share:.1f} %",
        )
    console.print(table)
    say(
        console,
        f"Own time, without what an operator calls, of all threads together: {1e3 * total:.1f} ms. "
        "Watching makes everything slower, short operators most.",
    )


def own_times(spans: Iterable[Span], names: dict[str, str]) -> list[Operator]:
    """Sum up the time of each name that is not within another span on the same thread.

    Args:
        names: what a span is called instead, by the pattern that its whole name matches, the first
            one counts; an empty name makes it a part of what it is within.
    """
    seconds: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    stack: list[tuple[str, str, float]] = []
    for span in sorted(spans, key=lambda span: (span.thread, span.start, -span.seconds)):
        name = rename(span.name, names)
        if not name:
            continue
        while stack and (stack[-1][1] != span.thread or stack[-1][2] <= span.start):
            stack.pop()
        if stack:
            seconds[stack[-1][0]] -= span.seconds
        seconds[name] += span.seconds
        calls[name] += 1
        stack.append((name, span.thread, span.start + span.seconds))
    return [Operator(name, calls[name], seconds[name]) for name in seconds]


def rename(name: str, names: dict[str, str]) -> str:
    """The name after the first pattern that matches the whole of it."""
    for pattern, replacement in names.items():
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return name


def write_chrome_trace(spans: Iterable[Span], path: Path) -> None:
    """Write the spans in Chrome's trace event format, complete events in microseconds."""
    threads: dict[str, int] = {}
    events: list[dict] = []
    for span in spans:
        number = threads.setdefault(span.thread, len(threads) + 1)
        timing = {"ts": 1e6 * span.start, "dur": 1e6 * span.seconds}
        events.append({"ph": "X", "pid": 1, "tid": number, "name": span.name, **timing})
    for thread, number in threads.items():
        named = {"name": "thread_name", "args": {"name": thread}}
        events.append({"ph": "M", "pid": 1, "tid": number, **named})
    write_atomically(path, msgspec.json.encode({"traceEvents": events}))
