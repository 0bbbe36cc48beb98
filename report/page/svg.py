"""Charts as inline SVG, sharp at any size; their colours are left to the page's style sheet.

Every part that belongs to a run carries its number as `data-run`, and every part that can be
pointed at carries in `data-tip` what to show: a heading, then [run, text] pairs, as JSON.
"""

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
from markupsafe import Markup, escape

from report.axes import logarithmic_ticks, spread_marks, ticks, whole_marks
from shared import formats
from shared.series import Line

# Of charts with a fixed shape, in their own units; a unit is about a pixel.
WIDTH, HEIGHT = 400, 240

LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 40

ROW, LABEL_LINE = 46, 17  # height of a bar with its label, and of each further line of it

LABEL = 30  # letters in a line of a label: beside it must be room for the note, on a phone too

LINE = 26  # height of one line of a dot chart

Tip = tuple[str, Sequence[tuple[int | None, str]]]

Show = Callable[[float], str]


@dataclass(frozen=True)
class Segment:
    """A stretch of a bar; `style` is the class that gives its colour."""

    value: float
    style: str
    tip: Tip


@dataclass(frozen=True)
class Bar:
    """One or more segments end to end, `label` above on the left and `note` on the right."""

    label: str
    note: str
    segments: Sequence[Segment]
    run: int | None = None
    marks: Sequence[float] = field(default=())


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element with everything in it escaped; `stroke_width` becomes `stroke-width`.

    Attributes that are None are left out, and numbers are rounded to a hundredth.
    """
    texts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{''.join(texts)}>{inside}</{name}>")


def _plain(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def _tip(tip: Tip) -> str:
    return msgspec.json.encode(tip).decode()


def _chart(title: str, *children: object, **attributes: object) -> Markup:
    """The picture as a whole: one image to a screen reader, its values within keyboard reach."""
    return tag(
        "svg",
        *children,
        role="img",
        aria_label=title,
        aria_describedby="reading",
        tabindex=0,
        **attributes,
    )


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def line_chart(
    lines: Sequence[Line],
    title: str,
    x_name: str,
    show: Show,
    tell: Show,
    *,
    ceiling: float = math.inf,
    logarithmic: bool = False,
) -> Markup:
    """Curves over a few values of x, which are the marks of the axis.

    Args:
        show: a value of y as text, for the axis.
        tell: the same for the tips.
        ceiling: that no y can exceed.
        logarithmic: space both axes by the logarithm.
    """
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    ys += [limit for line in lines for limits in line.band for limit in limits]
    marks = (logarithmic_ticks if logarithmic else ticks)(min(ys), max(ys))
    top = min(marks[-1], ceiling)
    warp = math.log if logarithmic else float
    inset = 14
    width = _scale(warp(xs[0]), warp(xs[-1]), LEFT + inset, WIDTH - RIGHT - inset)
    height = _scale(warp(marks[0]), warp(top), HEIGHT - BOTTOM, TOP)

    def to_x(value: float) -> float:
        return width(warp(value)) if len(xs) > 1 else (LEFT + WIDTH - RIGHT) / 2

    def to_y(value: float) -> float:
        return height(warp(value))

    places = {x: to_x(x) for x in xs}
    return _chart(
        title,
        *_rules([mark for mark in marks if mark <= top], to_y, show),
        *_x_marks((spread_marks if logarithmic else whole_marks)(xs), to_x),
        tag("text", x_name, x=(LEFT + WIDTH) / 2, y=HEIGHT - 4, class_="name"),
        *(_curve(line, places, to_y) for line in lines),
        *_columns(lines, xs, places, x_name, tell),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="chart",
    )


def _rules(marks: Iterable[float], to_y: Callable[[float], float], show: Show) -> Iterable[Markup]:
    for mark in marks:
        y = to_y(mark)
        yield tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="rule")
        yield tag("text", show(mark), x=LEFT - 8, y=y + 4, class_="end")


def _x_marks(xs: Iterable[float], to_x: Callable[[float], float]) -> Iterable[Markup]:
    for x in xs:
        yield tag("text", formats.count(x), x=to_x(x), y=HEIGHT - BOTTOM + 17, class_="middle")


def _curve(line: Line, places: dict[float, float], to_y: Callable[[float], float]) -> Markup:
    points = [(places[x], to_y(y)) for x, y in line.points]
    width = 2.0 if line.depth is None else 1.6 + 1.8 * line.depth
    parts = []
    if line.band:
        lows, highs = (
            [
                (places[x], to_y(limits[side]))
                for (x, _), limits in zip(line.points, line.band, strict=True)
            ]
            for side in (0, 1)
        )
        parts.append(tag("polygon", points=_path(lows + highs[::-1]), class_="band"))
    parts.append(
        tag(
            "polyline",
            points=_path(points),
            class_="dashed line" if line.dashed else "line",
            stroke_width=width,
        )
    )
    radius = 1.2 + width
    parts += [tag("circle", cx=x, cy=y, r=radius, class_="dot") for x, y in points]
    return tag("g", *parts, class_=f"run-{line.place}", data_run=line.place)


def _path(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_plain(x)},{_plain(y)}" for x, y in points)


def _columns(
    lines: Sequence[Line],
    xs: Sequence[float],
    places: dict[float, float],
    x_name: str,
    tell: Show,
) -> Iterable[Markup]:
    """A strip to point at for every x; it tells the values of all the curves there."""
    edges = [LEFT, *((places[a] + places[b]) / 2 for a, b in pairwise(xs))]
    edges.append(WIDTH - RIGHT)
    for x, left, right in zip(xs, edges, edges[1:], strict=False):
        rows = [
            (line.place, f"{line.label}: {tell(y)}")
            for line in lines
            for at, y in line.points
            if at == x
        ]
        yield tag(
            "g",
            tag("rect", x=left, y=TOP, width=right - left, height=HEIGHT - BOTTOM - TOP),
            tag("line", x1=places[x], x2=places[x], y1=TOP, y2=HEIGHT - BOTTOM),
            class_="hit column",
            data_tip=_tip((f"{x_name} {formats.count(x)}", rows)),
        )


def bar_chart(bars: Sequence[Bar], title: str) -> Markup:
    """Horizontal bars from a common zero; as wide as the page, with letters of constant size."""
    longest = max(
        max((sum(each.value for each in bar.segments), *bar.marks), default=0.0) for bar in bars
    )
    percent = _scale(0.0, longest, 0.0, 100.0)
    labels = [textwrap.wrap(bar.label, LABEL) for bar in bars]
    above = LABEL_LINE * (max(map(len, labels)) - 1)
    rows = []
    for number, (bar, label) in enumerate(zip(bars, labels, strict=True)):
        bottom = number * (ROW + above) + above
        first = bottom - LABEL_LINE * (len(label) - 1) + 14
        parts = [
            *(
                tag("text", text, x=0, y=first + LABEL_LINE * line, class_="label")
                for line, text in enumerate(label)
            ),
            tag("text", bar.note, x="100%", y=bottom + 14, class_="end strong"),
        ]
        start = 0.0
        for each in bar.segments:
            parts.append(
                tag(
                    "rect",
                    x=f"{percent(start):.2f}%",
                    y=bottom + 21,
                    width=f"{percent(each.value):.2f}%",
                    height=14,
                    class_=f"hit bar {each.style}",
                    data_tip=_tip(each.tip),
                )
            )
            start += each.value
        for mark in bar.marks:
            x = f"{percent(mark):.2f}%"
            parts.append(tag("line", x1=x, x2=x, y1=bottom + 19, y2=bottom + 37, class_="mark"))
        rows.append(tag("g", *parts, data_run=bar.run))
    height = len(bars) * (ROW + above)
    return _chart(title, *rows, width="100%", height=height, class_="chart bars")


def dot_chart(
    names: Sequence[str],
    values: Sequence[Sequence[float]],
    runs: Sequence[int],
    labels: Sequence[str],
    title: str,
) -> Markup:
    """Shares of at most 100 %, one line a name and one dot a run.

    Args:
        values: of each run, one for each name.
        runs: their numbers.
        labels: their names.
    """
    marks = ticks(min(map(min, values)), 1.0, 4)
    left = min(110, 24 + 7 * max(map(len, names)))
    bottom = len(names) * LINE + 6
    to_x = _scale(marks[0], 1.0, left, WIDTH - 22)
    parts = []
    for mark in (mark for mark in marks if mark <= 1.0):
        x = to_x(mark)
        parts.append(tag("line", x1=x, x2=x, y1=4, y2=bottom, class_="rule"))
        parts.append(tag("text", formats.percent(mark, None), x=x, y=bottom + 17, class_="middle"))
    for place, name in enumerate(names):
        y = place * LINE + LINE / 2 + 4
        at = [to_x(shares[place]) for shares in values]
        parts.append(tag("text", name, x=left - 12, y=y + 4, class_="end"))
        parts.append(tag("line", x1=min(at), x2=max(at), y1=y, y2=y, class_="link"))
        # A little below one another, so that dots that coincide stay visible.
        step = min(5.0, 14 / len(at))
        parts += [
            tag(
                "circle",
                cx=x,
                cy=y + step * (order - (len(at) - 1) / 2),
                r=4.5,
                class_=f"dot run-{run}",
                data_run=run,
            )
            for order, (run, x) in enumerate(zip(runs, at, strict=True))
        ]
        rows = [
            (run, f"{label}: {formats.percent(shares[place], 1)}")
            for run, label, shares in zip(runs, labels, values, strict=True)
        ]
        strip = tag("rect", x=0, y=y - LINE / 2, width=WIDTH, height=LINE)
        parts.append(tag("g", strip, class_="hit row", data_tip=_tip((name, rows))))
    return _chart(title, *parts, viewBox=f"0 0 {WIDTH} {bottom + 26}", class_="chart")


def probability_bars(chances: Sequence[float], truth: int, tip: Tip) -> Markup:
    """Ten small upright bars, that of the true class in another colour; told in words beside."""
    height = 24
    bars = [
        tag(
            "rect",
            x=8 * k,
            y=height - max(1.0, height * chance),
            width=6,
            height=max(1.0, height * chance),
            class_="true" if k == truth else None,
        )
        for k, chance in enumerate(chances)
    ]
    return tag(
        "svg",
        *bars,
        width=8 * len(chances) - 2,
        height=height,
        aria_hidden="true",
        class_="hit chances",
        data_tip=_tip(tip),
    )
