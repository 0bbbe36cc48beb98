"""The charts of `report.html`, drawn from their series, each with the same figures as a table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from report import series
from report.page import svg
from report.series import EpochTime, Groups, Latency
from report.table import Table
from report.verdicts import crossings, describe_setting
from shared import formats
from shared.clock import PHASES
from shared.results import SWEPT, ComparisonResult
from shared.series import Ledger, Line


@dataclass(frozen=True)
class Figure:
    """A chart and the same figures as a table."""

    title: str
    chart: Markup
    table: Table
    note: str = ""


@dataclass(frozen=True)
class Throughput:
    """Speed in a sweep: the chart, the names of the floors in it, verdicts, and what is swept."""

    figure: Figure
    floors: list[str]
    words: list[str]
    against: str


as_shares = partial(formats.percent, digits=None)


def curves(groups: Groups) -> list[Figure]:
    """Loss and accuracy by epoch."""
    lines = series.curves(groups)
    if not lines:
        return []
    return [
        _curve_figure("Cross-entropy loss", lines["loss"], formats.number, formats.loss),
        _curve_figure("Accuracy", lines["accuracy"], as_shares, formats.percent, ceiling=1.0),
    ]


def _curve_figure(
    title: str,
    lines: Sequence[Line],
    show: svg.Show,
    tell: svg.Show,
    *,
    ceiling: float = math.inf,
) -> Figure:
    runs = dict.fromkeys(line.label.rpartition(", ")[0] for line in lines)
    alternative = f"{title} by epoch, of {', '.join(runs)}."
    chart = svg.line_chart(lines, alternative, "Epoch", show, tell, ceiling=ceiling)
    return Figure(title, chart, _by_x(f"{title} by epoch", "epoch", lines, tell), _thinned(lines))


def _thinned(lines: Sequence[Line]) -> str:
    """What to know of a chart that does not show every epoch."""
    shown = {x for line in lines for x, _ in line.points}
    whole = int(max(shown) - min(shown)) + 1
    if len(shown) == whole:
        return ""
    return (
        f"The chart shows {formats.count(len(shown))} of {formats.count(whole)} epochs: in "
        "stretches of equal length, the first, the last, the highest and the lowest."
    )


def _by_x(caption: str, x_name: str, lines: Sequence[Line], show: svg.Show) -> Table:
    """Curves as a table: a row for each x, a column for each curve."""
    columns = {line.label: dict(line.points) for line in lines}
    xs = sorted({x for values in columns.values() for x in values})
    rows = [
        [
            formats.count(x),
            *(show(values[x]) if x in values else "-" for values in columns.values()),
        ]
        for x in xs
    ]
    return Table(caption, [x_name, *columns], rows)


def times(result: ComparisonResult, groups: Groups) -> list[Figure]:
    """Where the wall time went, and one epoch of training beside the floor."""
    figures = []
    if ledgers := series.phase_times(groups):
        figures.append(_phase_figure(ledgers))
    if epochs := series.epoch_times(groups, result.floor):
        figures.append(_epoch_figure(epochs))
    return figures


def _phase_figure(ledgers: Sequence[Ledger]) -> Figure:
    title = "Wall time by phase"
    bars = [
        svg.Bar(ledger.run, formats.time(ledger.total), _segments(ledger), ledger.place)
        for ledger in ledgers
    ]
    columns: Mapping[str, list[str]] = {
        ledger.run: [
            *(formats.time(seconds) for seconds in ledger.seconds.values()),
            formats.time(ledger.total),
        ]
        for ledger in ledgers
    }
    names = [*map(_phase_words, PHASES), "sum"]
    rows = [[name, *cells] for name, *cells in zip(names, *columns.values(), strict=True)]
    return Figure(
        title,
        svg.bar_chart(bars, f"{title}, of {', '.join(columns)}."),
        Table(title, ["phase", *columns], rows),
    )


def _segments(ledger: Ledger) -> list[svg.Segment]:
    segments = []
    for phase, seconds in ledger.seconds.items():
        share = f", {formats.percent(seconds / ledger.total, 0)}" if ledger.total else ""
        told = f"{_phase_words(phase)}: {formats.time(seconds)}{share}"
        segments.append(svg.Segment(seconds, f"phase-{phase}", (ledger.run, [(None, told)])))
    return segments


def _phase_words(phase: str) -> str:
    return phase.replace("_", " ")


def _epoch_figure(epochs: Sequence[EpochTime]) -> Figure:
    title = "Training time per epoch"
    bars = [_epoch_bar(each) for each in epochs]
    rows = [
        [each.name, *map(formats.time, (each.mean, min(each.seconds), max(each.seconds)))]
        for each in epochs
    ]
    return Figure(
        title,
        svg.bar_chart(bars, f"{title}, of {', '.join(bar.label for bar in bars)}."),
        Table(title, ["", "mean", "shortest", "longest"], rows),
        "Bars are means; the strokes are the single repeats."
        if any(bar.marks for bar in bars)
        else "",
    )


def _epoch_bar(epoch: EpochTime) -> svg.Bar:
    mean, repeats = formats.time(epoch.mean), len(epoch.seconds)
    told = [(epoch.place, f"mean {mean}")]
    if repeats > 1:
        single = ", ".join(map(formats.time, epoch.seconds))
        told.append((epoch.place, f"{repeats} repeats: {single}"))
    style = "floor" if epoch.place is None else f"run-{epoch.place}"
    segment = svg.Segment(epoch.mean, style, (epoch.name, told))
    marks = epoch.seconds if repeats > 1 else ()
    return svg.Bar(epoch.name, mean, [segment], epoch.place, marks)


def throughput(result: ComparisonResult) -> Throughput | None:
    """Training images per second against what is swept, if anything is."""
    lines = series.throughput(result)
    if result.swept is None or not lines:
        return None
    swept = SWEPT[result.swept]
    title = f"Training images per second by {swept}"
    alternative = f"{title}, of {', '.join(line.label for line in lines)}."
    show, tell = formats.thousands, formats.count
    chart = svg.line_chart(lines, alternative, swept.capitalize(), show, tell, logarithmic=True)
    table = _by_x(title, swept, lines, tell)
    words = [
        describe_setting(result, pair) for pair in result.comparison.pairs if pair.setting != 0
    ]
    words += crossings(result)
    floors = [line.label for line in lines if line.dashed]
    return Throughput(
        Figure(title, chart, table, "Both axes are logarithmic."), floors, words, swept
    )


def latency(groups: Groups) -> list[Figure]:
    """Latency of one prediction call, a chart for each batch size."""
    return [_latency_figure(size, runs) for size, runs in series.latency(groups).items()]


def _latency_figure(size: int, runs: Sequence[Latency]) -> Figure:
    bars, rows = [], []
    for each in runs:
        median, p99 = (formats.milliseconds(value, 3) for value in (each.median, each.p99))
        told = [(each.place, f"median {median}"), (each.place, f"p99 {p99}")]
        segment = svg.Segment(each.median, f"run-{each.place}", (each.run, told))
        bars.append(svg.Bar(each.run, median, [segment], each.place))
        rows.append([each.run, median, p99])
    title = "One image at a time" if size == 1 else f"{formats.count(size)} images at a time"
    alternative = f"Inference latency, {title}, of {', '.join(each.run for each in runs)}."
    table = Table(f"Inference latency, {title}", ["", "median", "99th percentile"], rows)
    return Figure(title, svg.bar_chart(bars, alternative), table)
