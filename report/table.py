"""The figures of a run as tables of text: COLUMNS and ROWS list them."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from report import wording
from report.figures import Reached, dataset_title, multiple_of_floor, reached
from report.intervals import paired_interval, ratio_interval
from shared import formats
from shared.results import SWEPT, ComparisonResult, RunResult, completed, group_by_run

UNKNOWN = "-"
# Under a table with bold figures.
BOLD = "Bold: the best value, whether or not the difference is significant."


@dataclass(frozen=True)
class Table:
    """Cells of text under a header; in each row the first cell names it.

    `best` are the places, row and column, of the best value of each column; `shares` gives for
    places what share their value is of the largest in the row.
    """

    caption: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    best: set[tuple[int, int]] = field(default_factory=set)
    shares: dict[tuple[int, int], float] = field(default_factory=dict)

    def with_known_columns(self) -> "Table":
        """The same without the columns in which nothing is known."""
        kept = [
            place
            for place in range(len(self.header))
            if place == 0 or any(row[place] not in ("", UNKNOWN) for row in self.rows)
        ]
        rows = [[row[place] or UNKNOWN for place in kept] for row in self.rows]
        best = {(row, kept.index(column)) for row, column in self.best}
        return Table(self.caption, [self.header[k] for k in kept], rows, self.note, best)


@dataclass(frozen=True)
class Figure:
    """One figure of a run: its name, its value, its form, and which value is the best of all."""

    name: str
    of: Callable[[RunResult], float | None]
    show: Callable[[float], str]
    best: Callable[[Iterable[float]], float] = min

    def mean(self, repeats: Iterable[RunResult]) -> float | None:
        """Over the completed repeats of which it is known."""
        known = [value for run in completed(repeats) if (value := self.of(run)) is not None]
        return statistics.fmean(known) if known else None


def latency(batch_size: int, figure: str, run: RunResult) -> float | None:
    """A figure of one prediction call, if it was measured at that batch size."""
    measured = {each.batch_size: getattr(each, figure) for each in run.inference}
    return measured.get(batch_size)


# What most people look for: the first table, a column each.
COLUMNS: tuple[Figure, ...] = (
    Figure("accuracy, %", lambda run: run.test_accuracy, formats.percentage, max),
    Figure("epoch, s", lambda run: run.epoch_seconds, partial(formats.decimal, digits=3)),
    Figure(
        "first step, s",
        lambda run: run.time_to_first_step_seconds,
        partial(formats.decimal, digits=2),
    ),
    Figure("images/s", lambda run: run.samples_per_second, formats.count, max),
    Figure("memory, MiB", lambda run: run.peak_memory_bytes, formats.whole_mebibytes),
)

# Everything that is known, a row each; one in which no run has a figure is left out.
ROWS: tuple[Figure, ...] = (
    Figure("test accuracy", lambda run: run.test_accuracy, formats.percent),
    Figure("test loss", lambda run: run.test_loss, formats.loss),
    Figure(
        "training accuracy, last epoch", lambda run: run.epochs[-1].train_accuracy, formats.percent
    ),
    Figure("training loss, last epoch", lambda run: run.epochs[-1].train_loss, formats.loss),
    Figure(
        "training time per epoch", lambda run: run.epoch_seconds, partial(formats.seconds, digits=3)
    ),
    Figure("training images per second", lambda run: run.samples_per_second, formats.count),
    Figure(
        "time to first step",
        lambda run: run.time_to_first_step_seconds,
        partial(formats.seconds, digits=2),
    ),
    Figure("peak memory", lambda run: run.peak_memory_bytes, formats.mebibytes),
    Figure("peak GPU memory", lambda run: run.peak_device_memory_bytes, formats.mebibytes),
    Figure("energy", lambda run: run.energy_joules, formats.joules),
    Figure(
        "CPU cores used by other processes",
        lambda run: run.foreign_cpus,
        partial(formats.decimal, digits=2),
    ),
    Figure("wall time", lambda run: run.wall_seconds, partial(formats.seconds, digits=1)),
)


# The columns of the first table that show what workers gain, in its order.
SCALED = ("epoch, s", "images/s", "memory, MiB")


def latencies(result: ComparisonResult) -> list[Figure]:
    """The rows of the prediction calls, at whatever batch sizes were timed."""
    sizes = sorted({each.batch_size for run in result.main_runs() for each in run.inference})
    return [
        Figure(
            f"inference, batch of {size}, {name}",
            partial(latency, size, figure),
            partial(formats.milliseconds, digits=3),
        )
        for size in sizes
        for name, figure in (("median", "median_seconds"), ("99th percentile", "p99_seconds"))
    ]


def headline(result: ComparisonResult) -> Table:
    """The first table, a row a run: means over the completed repeats, and the floor below."""
    groups = group_by_run(result.main_runs())
    means = [[figure.mean(repeats) for figure in COLUMNS] for repeats in groups.values()]
    times = {
        pair.run: wording.ratio(pair.train_time_ratio)
        for pair in result.comparison.pairs
        if pair.setting == 0 and pair.train_time_ratio
    }
    whole = all(run.status == "completed" for run in result.main_runs())
    rows = []
    for (name, repeats), row in zip(groups.items(), means, strict=True):
        accuracy, epoch, *others = (
            "" if mean is None else figure.show(mean)
            for figure, mean in zip(COLUMNS, row, strict=True)
        )
        status = "" if whole else _statuses(repeats)
        ratio = times.get(name, "1" if times and name == result.comparison.baseline else "")
        rows.append([name, status, accuracy + _spread(repeats), epoch, ratio, *others])
    names = [figure.name for figure in COLUMNS]
    header = ["run", "status", *names[:2], "times as long", *names[2:]]
    best = {
        (row, header.index(figure.name))
        for column, figure in enumerate(COLUMNS)
        for row, each in enumerate(means)
        if len(rows) > 1 and _is_best(figure, each[column], [mean[column] for mean in means])
    }
    for floor in result.floor:
        if floor.setting == 0:
            seconds = formats.decimal(floor.median_seconds, 3)
            rows.append([f"floor, {floor.library}", "", "", seconds, *[""] * (len(header) - 4)])
    most = max(len(repeats) for repeats in groups.values())
    means_of = f", means over {most} repeats" if most > 1 else ""
    caption = f"{dataset_title(result)}{means_of}"
    return Table(caption, header, rows, BOLD if best else "", best).with_known_columns()


def _is_best(figure: Figure, mean: float | None, means: Sequence[float | None]) -> bool:
    """Whether it is shown as the best of those that are known, unless all are shown alike."""
    known = [each for each in means if each is not None]
    alike = len({figure.show(each) for each in known}) < 2
    return mean is not None and not alike and figure.show(mean) == figure.show(figure.best(known))


def _spread(repeats: Sequence[RunResult]) -> str:
    """Half the width of the 95 % interval of a run's own accuracy, from three repeats on."""
    interval = paired_interval([run.test_accuracy for run in completed(repeats)] or [0.0])
    return "" if interval.high is None else f" ±{wording.points(interval.high - interval.mean)}"


def sweep_table(result: ComparisonResult) -> Table:
    """Training images per second: a row for each value of a sweep, a column for each run; means."""
    swept = result.swept or "batch_size"
    names = list(group_by_run(result.runs))
    speed = Figure("images/s", lambda run: run.samples_per_second, formats.count, max)
    rows = []
    for size in sorted({getattr(run, swept) for run in result.runs}):
        runs = [run for run in result.runs if getattr(run, swept) == size]
        means = [speed.mean([run for run in runs if run.run == name]) for name in names]
        rows.append([str(size), *(UNKNOWN if m is None else speed.show(m) for m in means)])
    title = SWEPT[swept]
    return Table(f"Training images per second by {title}", [title, *names], rows)


def scaling_table(result: ComparisonResult) -> Table:
    """How much faster each run is with more workers: paired repeats against the fewest workers.

    The efficiency is the speed-up over how many times as many workers there are.
    """
    figures = [figure for figure in COLUMNS if figure.name in SCALED]
    rows = []
    for name, runs in group_by_run(completed(result.runs)).items():
        fewest = min(run.workers for run in runs)
        for workers in sorted({run.workers for run in runs}):
            means = [
                figure.mean(run for run in runs if run.workers == workers) for figure in figures
            ]
            shown = zip(figures, means, strict=True)
            cells = ["" if mean is None else figure.show(mean) for figure, mean in shown]
            rows.append([name, str(workers), *cells, *_gains(runs, fewest, workers)])
    header = ["run", "workers", *SCALED, "speed-up", "95 % interval", "efficiency"]
    note = "Memory is that of all workers of a run on this machine."
    return Table("What more workers gain", header, rows, note).with_known_columns()


def _gains(runs: Sequence[RunResult], fewest: int, workers: int) -> list[str]:
    """Speed-up, its limits, and efficiency, where the times are known."""
    before, after = (
        {
            run.repeat: run.epoch_seconds
            for run in runs
            if run.workers == number and run.epoch_seconds
        }
        for number in (fewest, workers)
    )
    ratios = [before[repeat] / after[repeat] for repeat in before.keys() & after.keys()]
    if not ratios or workers == fewest:
        return ["", "", ""]
    gained = ratio_interval(ratios)
    efficiency = formats.percent(gained.median * fewest / workers, 0)
    return [wording.ratio(gained), wording.ratio_limits(gained), efficiency]


def details(result: ComparisonResult) -> Table:
    """Everything that is known, the runs as columns; means over completed repeats."""
    groups = group_by_run(result.main_runs())
    statuses = ["status", *(_statuses(repeats) for repeats in groups.values())]
    found: list[tuple[list[str], Values]] = [
        (statuses, []),
        *_figure_rows(result, groups),
        *_verification_rows(result, groups),
        (_fact_row("device", "device", groups), []),
        (_fact_row("version", "framework_version", groups), []),
    ]
    found = [each for each in found if any(cell != UNKNOWN for cell in each[0][1:])]
    shares = {
        (row, column): value / max(known)
        for row, (_, values) in enumerate(found)
        if (known := [value for value in values if value])
        for column, value in enumerate(values, start=1)
        if value
    }
    header = [dataset_title(result), *groups]
    return Table("All figures", header, [cells for cells, _ in found], shares=shares)


# Of each run the number that its cell tells, if it is known and finite.
Values = Sequence[float | None]


def _figure_rows(
    result: ComparisonResult, groups: Mapping[str, Sequence[RunResult]]
) -> Iterable[tuple[list[str], Values]]:
    floor = Figure(
        "training time in multiples of the floor",
        partial(multiple_of_floor, result),
        formats.ratio,
    )
    for figure in (*ROWS, *latencies(result), floor):
        means = [figure.mean(repeats) for repeats in groups.values()]
        cells = (UNKNOWN if mean is None else figure.show(mean) for mean in means)
        yield [figure.name, *cells], means
    target = formats.percent(result.config.target_accuracy, None)
    found = [reached(repeats) for repeats in groups.values()]
    medians = [each.median if each.times and math.isfinite(each.median) else None for each in found]
    yield [f"time to {target} test accuracy", *map(_time_to_target, found)], medians


def _time_to_target(found: Reached) -> str:
    """`12.30 s`, or with how many of the repeats reached it: `12.30 s (4 of 5)`."""
    if not found.times:
        return UNKNOWN
    how_many = (
        "" if len(found.times) == found.repeats else f" ({len(found.times)} of {found.repeats})"
    )
    median = UNKNOWN if math.isinf(found.median) else formats.seconds(found.median, 2)
    return median + how_many


def _verification_rows(
    result: ComparisonResult, groups: Mapping[str, Sequence[RunResult]]
) -> Iterable[tuple[list[str], Values]]:
    """How far each run that can be had here was off the reference in NumPy."""
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
        yield [f"max. error against the NumPy reference, {figure}", *cells], offs


def _fact_row(name: str, attribute: str, groups: Mapping[str, Sequence[RunResult]]) -> list[str]:
    cells = (
        ", ".join(sorted({getattr(run, attribute) or UNKNOWN for run in repeats}))
        for repeats in groups.values()
    )
    return [name, *cells]


def _statuses(repeats: Sequence[RunResult]) -> str:
    """`completed`, or with several repeats how many ended how: `4 completed, 1 failed`."""
    statuses = [run.status for run in repeats]
    if len(statuses) == 1:
        return statuses[0]
    return ", ".join(f"{statuses.count(each)} {each}" for each in dict.fromkeys(statuses))
