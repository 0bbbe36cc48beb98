"""The figures of a comparison as tables of text."""

import statistics
from collections.abc import Callable, Sequence

from shared import plotting
from shared.results import ComparisonResult, Floor, RunResult, group_by_run


def completed_by_run(result: ComparisonResult) -> dict[str, list[RunResult]]:
    """The completed repeats of each run; runs without one are left out."""
    return group_by_run([run for run in result.main_runs() if run.status == "completed"])


def latency(run: RunResult, batch_size: int, figure: str) -> float | None:
    """A figure of one prediction call, if it was measured at that batch size."""
    measured = {each.batch_size: getattr(each, figure) for each in run.inference}
    return measured.get(batch_size)


Row = tuple[str, Callable[[RunResult], float | None], Callable[[float], str]]

ROWS: tuple[Row, ...] = (
    ("test accuracy", lambda run: run.test_accuracy, lambda value: f"{100 * value:.2f} %"),
    ("test loss", lambda run: run.test_loss, lambda value: f"{value:.4f}"),
    ("training time per epoch", lambda run: run.epoch_seconds, lambda value: f"{value:.3f} s"),
    (
        "training images per second",
        lambda run: run.samples_per_second,
        lambda value: f"{value:,.0f}",
    ),
    ("time to first step", lambda run: run.time_to_first_step_seconds, lambda v: f"{v:.2f} s"),
    *(
        (
            f"inference, batch of {size}, {name}",
            lambda run, size=size, figure=figure: latency(run, size, figure),
            lambda value: f"{1000 * value:.2f} ms",
        )
        for size in (1, 64, 1000)
        for name, figure in (("median", "median_seconds"), ("99th percentile", "p99_seconds"))
    ),
    ("peak memory", lambda run: run.peak_memory_bytes, lambda value: f"{value / 2**20:,.0f} MiB"),
    (
        "peak GPU memory",
        lambda run: run.peak_device_memory_bytes,
        lambda value: f"{value / 2**20:,.0f} MiB",
    ),
    ("energy", lambda run: run.energy_joules, lambda value: f"{value:,.0f} J"),
    ("cores that others kept busy", lambda run: run.foreign_cpus, lambda value: f"{value:.2f}"),
    ("wall time", lambda run: run.wall_seconds, lambda value: f"{value:.1f} s"),
)


def table(result: ComparisonResult) -> list[list[str]]:
    """The runs as columns: a header row, then one row a figure; means over completed repeats."""
    groups = group_by_run(result.main_runs())
    rows = [[plotting.title(result), *groups]]
    rows.append(["status", *(_statuses(repeats) for repeats in groups.values())])
    for name, figure, show in (*ROWS, *_rows_of(result)):
        cells = []
        for repeats in groups.values():
            values = [figure(run) for run in repeats if run.status == "completed"]
            known = [value for value in values if value is not None]
            cells.append(show(statistics.fmean(known)) if known else "-")
        if known_to_any(cells):
            rows.append([name, *cells])
    if result.verification:
        verified = {run.run: run.figures.get("float64", {}) for run in result.verification.runs}
        for figure in ("logits", "gradients", "weights"):
            # The second of two equal runs was verified with the first.
            offs = [verified.get(run.partition("#")[0], {}).get(figure) for run in groups]
            cells = ["-" if off is None else f"{off:.0e}" for off in offs]
            if known_to_any(cells):
                rows.append([f"off the oracle, {figure}", *cells])
    for name, attribute in (("device", "device"), ("version", "framework_version")):
        cells = [
            ", ".join(sorted({getattr(run, attribute) or "-" for run in repeats}))
            for repeats in groups.values()
        ]
        if known_to_any(cells):
            rows.append([name, *cells])
    return rows


def tables(result: ComparisonResult) -> list[list[list[str]]]:
    """The table of the runs, and that of the sweep if there was one."""
    return [table(result)] + ([sweep_table(result)] if len(result.batch_sizes()) > 1 else [])


def _rows_of(result: ComparisonResult) -> list[Row]:
    """The rows that depend on what was asked for: the target accuracy, the floor."""
    target = result.config["target_accuracy"]
    rows: list[Row] = [
        (
            f"time to {100 * target:g} % test accuracy",
            lambda run: run.time_to_target_seconds,
            lambda value: f"{value:.2f} s",
        )
    ]
    if result.floor:
        rows.append(
            (
                "training time in multiples of the floor",
                lambda run: multiple_of_floor(result, run),
                lambda value: f"{value:.2f}",
            )
        )
    return rows


def multiple_of_floor(result: ComparisonResult, run: RunResult) -> float | None:
    """A run's epoch time over that of the lowest floor of its machine, if both are known."""
    floor = lowest_floor(result, machine=run.run.rpartition(": ")[0])
    return run.epoch_seconds / floor.median_seconds if floor and run.epoch_seconds else None


def lowest_floor(result: ComparisonResult, machine: str = "") -> Floor | None:
    """The matrix products alone by the fastest library, if they were timed.

    Args:
        machine: the name of one, where results of several were merged: all names begin with theirs.
    """
    size = result.config["batch_size"]
    floors = [
        each
        for each in result.floor
        if each.batch_size == size and each.library.startswith(machine)
    ]
    return min(floors, key=lambda floor: floor.median_seconds, default=None)


def sweep_table(result: ComparisonResult) -> list[list[str]]:
    """Training images per second: a row for each batch size, a column for each run; means."""
    names = list(group_by_run(result.runs))
    rows = [["batch size", *(f"{name}, images/s" for name in names)]]
    for size in result.batch_sizes():
        cells = []
        for name in names:
            known = [
                run.samples_per_second
                for run in result.runs
                if (run.run, run.batch_size, run.status) == (name, size, "completed")
            ]
            cells.append(f"{statistics.fmean(known):,.0f}" if known else "-")
        rows.append([str(size), *cells])
    return rows


def known_to_any(cells: Sequence[str]) -> bool:
    """Whether a row of the table says anything."""
    return any(cell != "-" for cell in cells)


def _statuses(repeats: Sequence[RunResult]) -> str:
    """`completed`, or with several repeats how many ended how: `4 completed, 1 failed`."""
    statuses = [run.status for run in repeats]
    if len(statuses) == 1:
        return statuses[0]
    return ", ".join(f"{statuses.count(each)} {each}" for each in dict.fromkeys(statuses))
