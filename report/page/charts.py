"""The charts of `report.html`, each with the same figures as a table."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from report.page import svg
from shared import formats
from shared.clock import PHASES
from shared.results import ComparisonResult, EpochResult, Floor, RunResult, group_by_run

Groups = Mapping[str, Sequence[RunResult]]


@dataclass(frozen=True)
class Table:
    """The figures of a chart, or any others, as text."""

    caption: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Figure:
    """A chart and the same figures as a table."""

    title: str
    chart: Markup
    table: Table
    note: str = ""


@dataclass(frozen=True)
class Throughput:
    """Speed by batch size: the chart, the names of the floors in it, and verdicts."""

    figure: Figure
    floors: list[str]
    words: list[str]


def curves(groups: Groups) -> list[Figure]:
    """Loss and accuracy by epoch: the mean over the repeats, and their range as a band."""
    # A repeat that was cut short would bend the mean of the later epochs.
    histories = {}
    for place, (run, repeats) in enumerate(groups.items()):
        longest = max(len(repeat.epochs) for repeat in repeats)
        if longest:
            kept = [each.epochs for each in repeats if len(each.epochs) == longest]
            histories[place, run] = kept
    if not histories:
        return []
    return [
        _curve_figure(histories, "loss", "Cross-entropy loss", formats.number),
        _curve_figure(
            histories, "accuracy", "Accuracy", lambda value: formats.percent(value, None)
        ),
    ]


def _curve_figure(
    histories: Mapping[tuple[int, str], Sequence[Sequence[EpochResult]]],
    name: str,
    title: str,
    show: svg.Show,
) -> Figure:
    lines, columns = [], {}
    for order, ((place, run), epochs) in enumerate(histories.items()):
        for part, word in (("train", "training"), ("test", "test")):
            values = np.array([[getattr(e, f"{part}_{name}") for e in each] for each in epochs])
            xs = [each.epoch for each in epochs[0]]
            band = list(zip(values.min(axis=0), values.max(axis=0), strict=True))
            means = values.mean(axis=0).tolist()
            lines.append(
                svg.Line(
                    place,
                    f"{run}, {word}",
                    list(zip(xs, means, strict=True)),
                    band if len(values) > 1 else (),
                    dashed=part == "train",
                    # Curves that coincide stay visible: the first ones are wider, beneath.
                    width=1.6 + 1.8 * (len(histories) - 1 - order) / max(1, len(histories) - 1),
                )
            )
            columns[f"{run}, {word}"] = dict(zip(xs, means, strict=True))
    alternative = f"{title} by epoch, of {', '.join(run for _, run in histories)}."
    table = _by_x(f"{title} by epoch", "epoch", columns, show)
    ceiling = 1.0 if name == "accuracy" else math.inf
    chart = svg.line_chart(lines, alternative, "Epoch", show, ceiling=ceiling)
    return Figure(title, chart, table)


def _by_x(
    caption: str, x_name: str, columns: Mapping[str, Mapping[float, float]], show: svg.Show
) -> Table:
    """Curves as a table: a row for each x, a column for each curve."""
    xs = sorted({x for values in columns.values() for x in values})
    rows = [
        [formats.count(x), *(show(v[x]) if x in v else "-" for v in columns.values())] for x in xs
    ]
    return Table(caption, [x_name, *columns], rows)


def times(result: ComparisonResult, groups: Groups) -> list[Figure]:
    """Where the wall time went, and one epoch of training beside the floor."""
    figures = []
    bars, columns = [], {}
    for place, (run, repeats) in enumerate(groups.items()):
        ledgers = [repeat.phases for repeat in repeats if repeat.phases]
        if not ledgers:
            continue
        phases = {
            phase: statistics.fmean(ledger.get(phase, 0.0) for ledger in ledgers)
            for phase in PHASES
        }
        total = sum(phases.values())
        segments = [
            svg.Segment(
                seconds,
                f"phase-{phase}",
                (run, [(None, _tell(phase, seconds, total))]),
            )
            for phase, seconds in phases.items()
        ]
        bars.append(svg.Bar(run, formats.time(total), segments, place))
        columns[run] = [*map(formats.time, phases.values()), formats.time(total)]
    if bars:
        rows = [[phase_words(phase), *cells] for phase, *cells in _rows([*PHASES, "sum"], columns)]
        figures.append(
            Figure(
                "Wall time by phase",
                svg.bar_chart(bars, f"Wall time by phase, of {', '.join(columns)}."),
                Table("Wall time by phase", ["phase", *columns], rows),
            )
        )
    if epoch := _epoch_figure(result, groups):
        figures.append(epoch)
    return figures


def _rows(names: Sequence[str], columns: Mapping[str, Sequence[str]]) -> list[list[str]]:
    return [[name, *cells] for name, *cells in zip(names, *columns.values(), strict=True)]


def phase_words(phase: str) -> str:
    return phase.replace("_", " ")


def _tell(phase: str, seconds: float, total: float) -> str:
    share = f", {formats.percent(seconds / total, 0)}" if total else ""
    return f"{phase_words(phase)}: {formats.time(seconds)}{share}"


def _epoch_figure(result: ComparisonResult, groups: Groups) -> Figure | None:
    measured = {
        run: [each.epoch_seconds for each in repeats if each.epoch_seconds is not None]
        for run, repeats in groups.items()
    }
    bars, rows = [], []
    floors = {_floor_name(each): each.epoch_seconds for each in result.floor}
    for place, (name, seconds) in enumerate((measured | floors).items()):
        if not seconds:
            continue
        run = place if name in measured else None
        mean = statistics.fmean(seconds)
        rows.append([name, *map(formats.time, (mean, min(seconds), max(seconds)))])
        tip = (name, [(run, f"mean {formats.time(mean)}")])
        if len(seconds) > 1:
            tip[1].append(
                (run, f"{len(seconds)} repeats: " + ", ".join(map(formats.time, seconds)))
            )
        segment = svg.Segment(mean, "floor" if run is None else f"run-{run}", tip)
        marks = seconds if len(seconds) > 1 else ()
        bars.append(svg.Bar(name, formats.time(mean), [segment], run, marks))
    if not bars:
        return None
    title = "Training time per epoch"
    return Figure(
        title,
        svg.bar_chart(bars, f"{title}, of {', '.join(bar.label for bar in bars)}."),
        Table(title, ["", "mean", "shortest", "longest"], rows),
        "Bars are means; the strokes are the single repeats."
        if any(bar.marks for bar in bars)
        else "",
    )


def throughput(result: ComparisonResult) -> Throughput | None:
    """Training images per second against the batch size, if there were several sizes."""
    if len({run.batch_size for run in result.runs}) < 2:
        return None
    runs = list(group_by_run(result.runs))
    speeds: dict[str, dict[int, list[float]]] = {}
    for run in result.runs:
        if run.status == "completed" and run.samples_per_second:
            sizes = speeds.setdefault(run.run, {})
            sizes.setdefault(run.batch_size, []).append(run.samples_per_second)
    for floor in result.floor:
        sizes = speeds.setdefault(_floor_name(floor), {})
        sizes[floor.batch_size] = [result.dataset.train_size / s for s in floor.epoch_seconds]
    floors = [name for name in speeds if name not in runs]
    lines, columns = [], {}
    for name, unordered in speeds.items():
        sizes = dict(sorted(unordered.items()))
        columns[name] = {size: statistics.fmean(values) for size, values in sizes.items()}
        several = max(map(len, sizes.values())) > 1
        band = [(min(values), max(values)) for values in sizes.values()] if several else ()
        place = (runs + floors).index(name)
        points = list(columns[name].items())
        lines.append(svg.Line(place, name, points, band, dashed=name in floors))
    if not lines:
        return None
    title = "Training images per second by batch size"
    chart = svg.line_chart(
        lines,
        f"{title}, of {', '.join(columns)}.",
        "Batch size",
        formats.thousands,
        logarithmic=True,
    )
    table = _by_x(title, "batch size", columns, formats.count)
    words = [
        f"Batches of {formats.count(pair.batch_size)}: {pair.verdict}"
        for pair in result.comparison.pairs
        if pair.batch_size != result.config["batch_size"]
    ]
    return Throughput(Figure(title, chart, table, "Both axes are logarithmic."), floors, words)


def _floor_name(floor: Floor) -> str:
    return f"matrix products alone, {floor.library}"


def latency(groups: Groups) -> list[Figure]:
    """Latency of one prediction call, a chart for each batch size."""
    measured: dict[int, dict[int, list]] = {}
    names = list(groups)
    for place, repeats in enumerate(groups.values()):
        for each in (each for run in repeats for each in run.inference):
            measured.setdefault(each.batch_size, {}).setdefault(place, []).append(each)
    figures = []
    for size, runs in sorted(measured.items()):
        bars, rows = [], []
        for place, each in runs.items():
            median, p99 = (
                statistics.fmean(getattr(one, name) for one in each)
                for name in ("median_seconds", "p99_seconds")
            )
            texts = [formats.time(median), formats.time(p99)]
            tip = (names[place], [(place, f"median {texts[0]}"), (place, f"p99 {texts[1]}")])
            segment = svg.Segment(median, f"run-{place}", tip)
            bars.append(svg.Bar(names[place], texts[0], [segment], place))
            rows.append([names[place], *texts])
        title = "One image at a time" if size == 1 else f"{formats.count(size)} images at a time"
        alternative = f"Inference latency, {title}, of {', '.join(names[p] for p in runs)}."
        table = Table(f"Inference latency, {title}", ["", "median", "99th percentile"], rows)
        figures.append(Figure(title, svg.bar_chart(bars, alternative), table))
    return figures
