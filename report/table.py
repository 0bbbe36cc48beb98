"""The figures of a comparison as tables of text: ROWS is the one list of those of a run."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from shared import formats
from shared.dataset_records import DATASETS
from shared.results import ComparisonResult, CompletedRun, Floor, RunResult, completed, group_by_run

Row = tuple[str, Callable[[RunResult], float | None], Callable[[float], str]]

UNKNOWN = "-"


def latency(batch_size: int, figure: str, run: RunResult) -> float | None:
    """A figure of one prediction call, if it was measured at that batch size."""
    measured = {each.batch_size: getattr(each, figure) for each in run.inference}
    return measured.get(batch_size)


# Name, figure and form of each; a row in which no run has a figure is left out.
ROWS: tuple[Row, ...] = (
    ("test accuracy", lambda run: run.test_accuracy, formats.percent),
    ("test loss", lambda run: run.test_loss, formats.loss),
    ("training time per epoch", lambda run: run.epoch_seconds, partial(formats.seconds, digits=3)),
    ("training images per second", lambda run: run.samples_per_second, formats.count),
    (
        "time to first step",
        lambda run: run.time_to_first_step_seconds,
        partial(formats.seconds, digits=2),
    ),
    *(
        (
            f"inference, batch of {size}, {name}",
            partial(latency, size, figure),
            partial(formats.milliseconds, digits=2),
        )
        for size in (1, 64, 1000)
        for name, figure in (("median", "median_seconds"), ("99th percentile", "p99_seconds"))
    ),
    ("peak memory", lambda run: run.peak_memory_bytes, formats.mebibytes),
    ("peak GPU memory", lambda run: run.peak_device_memory_bytes, formats.mebibytes),
    ("energy", lambda run: run.energy_joules, formats.joules),
    (
        "cores that others kept busy",
        lambda run: run.foreign_cpus,
        partial(formats.decimal, digits=2),
    ),
    ("wall time", lambda run: run.wall_seconds, partial(formats.seconds, digits=1)),
)


def tables(result: ComparisonResult) -> list[list[list[str]]]:
    """The table of the runs, and that of the sweep if there was one."""
    return [table(result)] + ([sweep_table(result)] if len(result.batch_sizes()) > 1 else [])


def table(result: ComparisonResult) -> list[list[str]]:
    """The runs as columns: a header row, then one row a figure; means over completed repeats."""
    groups = group_by_run(result.main_runs())
    rows = [
        *_figure_rows(result, groups),
        *_oracle_rows(result, groups),
        _fact_row("device", "device", groups),
        _fact_row("version", "framework_version", groups),
    ]
    return [
        [dataset_title(result), *groups],
        ["status", *(_statuses(repeats) for repeats in groups.values())],
        *(row for row in rows if any(cell != UNKNOWN for cell in row[1:])),
    ]


def sweep_table(result: ComparisonResult) -> list[list[str]]:
    """Training images per second: a row for each batch size, a column for each run; means."""
    names = list(group_by_run(result.runs))
    rows = [["batch size", *(f"{name}, images/s" for name in names)]]
    for size in result.batch_sizes():
        cells = []
        for name in names:
            speeds = [
                run.samples_per_second
                for run in result.runs
                if (run.run, run.batch_size, run.status) == (name, size, "completed")
            ]
            cells.append(_mean_cell(speeds, formats.count))
        rows.append([str(size), *cells])
    return rows


def dataset_title(result: ComparisonResult) -> str:
    """The dataset's name as people write it."""
    return DATASETS[result.dataset.name].title


def completed_by_run(result: ComparisonResult) -> dict[str, list[CompletedRun]]:
    """The completed repeats of each run; runs without one are left out."""
    return group_by_run(completed(result.main_runs()))


def mean_epoch_seconds(repeats: Iterable[RunResult]) -> float | None:
    """Training time per epoch of equal runs, over those of which it is known."""
    known = [run.epoch_seconds for run in repeats if run.epoch_seconds is not None]
    return statistics.fmean(known) if known else None


def multiple_of_floor(result: ComparisonResult, run: RunResult) -> float | None:
    """A run's epoch time over that of the lowest floor of its machine, if both are known."""
    floor = lowest_floor(result, machine=run.run.rpartition(": ")[0])
    return run.epoch_seconds / floor.median_seconds if floor and run.epoch_seconds else None


def lowest_floor(result: ComparisonResult, machine: str = "") -> Floor | None:
    """The matrix products alone by the fastest library, if they were timed.

    Args:
        machine: the name of one, where results of several were merged: all names begin with theirs.
    """
    floors = [
        each for each in result.floor if each.setting == 0 and each.library.startswith(machine)
    ]
    return min(floors, key=lambda floor: floor.median_seconds, default=None)


def _figure_rows(
    result: ComparisonResult, groups: Mapping[str, Sequence[RunResult]]
) -> Iterable[list[str]]:
    for name, figure, show in (*ROWS, *_rows_as_asked(result)):
        cells = (
            _mean_cell([figure(run) for run in repeats if run.status == "completed"], show)
            for repeats in groups.values()
        )
        yield [name, *cells]


def _rows_as_asked(result: ComparisonResult) -> list[Row]:
    """The rows that depend on what was asked for: the target accuracy, the floor."""
    target = formats.percent(result.config.target_accuracy, None)
    return [
        (
            f"time to {target} test accuracy",
            lambda run: run.time_to_target_seconds,
            partial(formats.seconds, digits=2),
        ),
        (
            "training time in multiples of the floor",
            partial(multiple_of_floor, result),
            formats.ratio,
        ),
    ]


def _oracle_rows(
    result: ComparisonResult, groups: Mapping[str, Sequence[RunResult]]
) -> Iterable[list[str]]:
    """How far each run that can be had here was off the oracle."""
    if result.verification is None:
        return
    verified = {
        run.run: run.figures.get("float64", {}) for run in result.verification.runs if run.available
    }
    for figure in ("logits", "gradients", "weights"):
        offs = [
            # The second of two equal runs was verified with the first.
            verified.get(name.partition("#")[0], {}).get(figure)
            if any(run.status != "unavailable" for run in repeats)
            else None
            for name, repeats in groups.items()
        ]
        cells = (UNKNOWN if off is None else formats.error(off) for off in offs)
        yield [f"off the oracle, {figure}", *cells]


def _fact_row(name: str, attribute: str, groups: Mapping[str, Sequence[RunResult]]) -> list[str]:
    cells = (
        ", ".join(sorted({getattr(run, attribute) or UNKNOWN for run in repeats}))
        for repeats in groups.values()
    )
    return [name, *cells]


def _mean_cell(values: Iterable[float | None], show: Callable[[float], str]) -> str:
    known = [value for value in values if value is not None]
    return show(statistics.fmean(known)) if known else UNKNOWN


def _statuses(repeats: Sequence[RunResult]) -> str:
    """`completed`, or with several repeats how many ended how: `4 completed, 1 failed`."""
    statuses = [run.status for run in repeats]
    if len(statuses) == 1:
        return statuses[0]
    return ", ".join(f"{statuses.count(each)} {each}" for each in dict.fromkeys(statuses))
