"""What `report.html` shows of the runs' predictions and weights, picture by picture."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image
from scipy.special import softmax

from report.page import svg
from report.page.charts import Figure, Table
from report.series import (
    Answers,
    Confusion,
    Groups,
    answers,
    confusions,
    first_kernels,
    like_repeats,
)
from shared import formats
from shared.config import CLASSES
from shared.datasets import Dataset
from shared.metrics import class_figures

# How many test images of each kind are shown, and how many of them at once.
DISPUTED, WRONG, AT_ONCE = 24, 12, 6

TILES, TILE_COLUMNS = 32, 8  # of the first layer's units

PALETTE = 63  # greys of the weights; an odd number has one for zero
LIGHT, DARK = 250, 10


@dataclass(frozen=True)
class Matrix:
    """Counts by true class (rows) and predicted class (columns), with a shade for each.

    In a difference, a shade is positive where the run that is named first is better: it has more
    right answers, on the diagonal, or fewer wrong ones.
    """

    title: str
    cells: list[list[tuple[str, float]]]  # text, and -1 to 1 for the colour
    difference: bool = False
    same: bool = False


@dataclass(frozen=True)
class Answer:
    """What one run says about one image, likeliest classes first."""

    run: int
    name: str
    right: bool
    likeliest: list[tuple[str, str]]  # class, probability
    bars: Markup


@dataclass(frozen=True)
class Card:
    """One test image, its true class and what each run makes of it."""

    number: int
    truth: str
    source: str
    answers: list[Answer]


@dataclass(frozen=True)
class Predictions:
    """What follows from the runs' predictions on the test images."""

    seeds: str
    matrices: list[Matrix]
    per_class: list[Figure]
    disputed: list[Card]
    disputed_count: int
    wrong: list[Card]
    wrong_count: int


@dataclass(frozen=True)
class FirstLayer:
    """The weights into the units of the first layer as one picture."""

    run: int
    name: str
    source: str | None
    width: int
    height: int
    units: int
    limit: float


def predictions_of(groups: Groups, dataset: Dataset | None) -> tuple[Predictions | None, list[str]]:
    """What the runs answered on the test images, and why something of it can't be shown."""
    if not like_repeats(groups):
        return None, ["No run completed, so there are no predictions."]
    if dataset is None:
        return None, [
            "The test images were not available when this page was drawn, so results by image and "
            "by class are missing. To add them: python -m report FOLDER --data-dir DIR"
        ]
    given = answers(groups, dataset.test_labels)
    missing = [f"The predictions of {run} are missing: {why}." for run, why in given.unread.items()]
    if not given.logits:
        return None, missing
    repeated = len({run.seed for repeats in groups.values() for run in repeats}) > 1

    def cards(rows: np.ndarray) -> list[Card]:
        return [_card(int(row), dataset, given) for row in rows]

    return Predictions(
        f" of seed {given.seed}" if repeated and given.seed is not None else "",
        _matrices(confusions(given, dataset.test_labels)),
        _per_class(given, dataset),
        cards(given.disputed[:DISPUTED]),
        len(given.disputed),
        cards(given.wrong[:WRONG]),
        len(given.wrong),
    ), missing


def first_layers(groups: Groups) -> tuple[list[FirstLayer], list[str]]:
    """The first layer of each run that completed, all on one scale of colours, and why some can't
    be shown."""
    read = first_kernels(groups, TILES)
    missing = [f"The weights of {run} are missing: {why}." for run, why in read.unread.items()]
    return list(_draw_layers(read.runs)), missing


def _draw_layers(kernels: Mapping[int, tuple[str, np.ndarray]]) -> Iterable[FirstLayer]:
    if not kernels:
        return
    # A few outliers would leave the others pale.
    weights = np.concatenate([kernel for _, kernel in kernels.values()], axis=1)
    limit = float(np.quantile(np.abs(weights), 0.998)) or 1.0
    for place, (run, kernel) in kernels.items():
        picture = _tiles(kernel, limit)
        yield FirstLayer(place, run, _data_uri(picture), *picture.size, kernel.shape[1], limit)


def _card(row: int, dataset: Dataset, given: Answers) -> Card:
    truth = int(dataset.test_labels[row])
    pixels = dataset.test_images[row] * dataset.deviation + dataset.mean
    side = round(len(pixels) ** 0.5)
    ink = np.clip(np.rint(255 * (1 - pixels)), 0, 255).astype(np.uint8).reshape(side, side)
    said = []
    for place, values in given.logits.items():
        chances = softmax(values[row].astype(np.float64))
        order = np.argsort(-chances, kind="stable")
        shown = [int(k) for k in order[:2]]
        if truth not in shown:
            shown.append(truth)
        texts = [formats.probability(chance) for chance in chances]
        likeliest = [(dataset.class_names[k], texts[k]) for k in shown]
        every = zip(dataset.class_names, texts, strict=True)
        tip = (given.runs[place], [(None, f"{name}: {text}") for name, text in every])
        bars = svg.probability_bars(chances.tolist(), truth, tip)
        said.append(Answer(place, given.runs[place], shown[0] == truth, likeliest, bars))
    return Card(row, dataset.class_names[truth], _data_uri(Image.fromarray(ink)), said)


def _matrices(confusions: Sequence[Confusion]) -> list[Matrix]:
    singles = [each.counts for each in confusions if not each.difference]
    off = ~np.eye(CLASSES, dtype=bool)
    most = max(max(int(counts[off].max()) for counts in singles), 1)
    matrices = []
    for each in confusions:
        if each.difference:
            better = np.where(off, -each.counts, each.counts)
            shades = better / max(int(np.abs(better).max()), 1)
            cells = _shaded(each.counts, shades, "+d")
            matrices.append(Matrix(each.title, cells, True, not each.counts.any()))
        else:
            # Mistakes share one scale; the diagonal would drown them.
            shades = np.where(off, each.counts / most, 0.0)
            matrices.append(Matrix(each.title, _shaded(each.counts, shades, "d")))
    return matrices


def _shaded(counts: np.ndarray, shades: np.ndarray, form: str) -> list[list[tuple[str, float]]]:
    return [
        [
            (format(int(count), form) if count else "0", round(float(shade), 2))
            for count, shade in zip(*row, strict=True)
        ]
        for row in zip(counts, shades, strict=True)
    ]


def _per_class(given: Answers, dataset: Dataset) -> list[Figure]:
    scores = [
        class_figures(logits, dataset.test_labels, dataset.class_names)
        for logits in given.logits.values()
    ]
    labels = list(given.runs.values())
    notes = (
        "The share of images predicted as this class that belong to it.",
        "The share of images of this class that are predicted as such.",
    )
    figures = []
    for name, note in zip(("precision", "recall"), notes, strict=True):
        title = name.capitalize()
        shares = [[getattr(each, name) or 0.0 for each in classes] for classes in scores]
        alternative = f"{title} of each class, of {', '.join(labels)}."
        chart = svg.dot_chart(dataset.class_names, shares, list(given.runs), labels, alternative)
        rows = [
            [class_name, *(formats.percent(values[k], 1) for values in shares)]
            for k, class_name in enumerate(dataset.class_names)
        ]
        table = Table(f"{title} by class", ["class", *labels], rows)
        figures.append(Figure(title, chart, table, note))
    return figures


def _tiles(kernel: np.ndarray, limit: float) -> Image.Image:
    """A picture of all units, [pixels, units]: `limit` and more is black, its negative white."""
    side = round(len(kernel) ** 0.5)
    columns = min(TILE_COLUMNS, kernel.shape[1])
    rows = -(-kernel.shape[1] // columns)
    step = side + 2
    # Entry 0 of the palette is the transparent ground between the tiles.
    canvas = np.zeros((rows * step - 2, columns * step - 2), np.uint8)
    middle = PALETTE // 2
    with np.errstate(over="ignore"):
        levels = 1 + middle + np.rint(np.clip(kernel / limit, -1, 1) * middle).astype(int)
    for unit, tile in enumerate(levels.T):
        top, left = step * (unit // columns), step * (unit % columns)
        canvas[top : top + side, left : left + side] = tile.reshape(side, side)
    picture = Image.fromarray(canvas, "P")
    picture.putpalette(bytes(_greys().astype(np.uint8).ravel()))
    picture.info["transparency"] = 0
    return picture


def _greys() -> np.ndarray:
    """The palette: a ground, then from negative, light, to positive, dark."""
    return np.vstack([[0, 0, 0], np.rint(np.linspace(LIGHT, DARK, PALETTE))[:, None].repeat(3, 1)])


def _data_uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
