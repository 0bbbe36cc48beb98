"""What `report.html` shows of the runs' predictions and weights, picture by picture."""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy.special import softmax

from report import table
from report.page import svg
from report.page.charts import Figure, Groups, Table
from shared import formats, plotting
from shared.config import CLASSES
from shared.datasets import Dataset
from shared.results import ComparisonResult, group_by_run

DISPUTED, WRONG = 24, 12  # how many test images of each kind are shown

TILES, TILE_COLUMNS = 128, 16  # of the first layer's units

PALETTE = 63  # colours of the weights; an odd number has one for zero


@dataclass(frozen=True)
class Matrix:
    """Counts by true class (rows) and predicted class (columns), with a shade for each."""

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


def predictions_of(
    result: ComparisonResult, dataset: Dataset | None
) -> tuple[Predictions | None, list[str]]:
    """What the runs answered on the test images, and why something of it can't be shown."""
    completed = table.completed_by_run(result)
    if not completed:
        return None, ["No run completed, so there are no predictions."]
    if dataset is None:
        return None, [
            "The test images were not at hand when this page was drawn, so everything about single "
            "images and classes is missing. Draw it again where they are: python -m report "
            "FOLDER --data-dir DIR"
        ]
    places = {run: place for place, run in enumerate(group_by_run(result.runs))}
    logits, seeds, missing = {}, {}, []
    seed = _common_seed(completed)
    for run, repeats in completed.items():
        chosen = next((each for each in repeats if each.seed == seed), repeats[0])
        values = _tensor(chosen.predictions, "logits")
        if values is None or values.shape != (len(dataset.test_labels), CLASSES):
            missing.append(f"The predictions of {run} are missing or can't be read.")
        else:
            logits[places[run]], seeds[run] = values, chosen.seed
    if not logits:
        return None, missing
    names = {place: run for run, place in places.items()}
    predicted = {place: values.argmax(axis=1) for place, values in logits.items()}
    disputed, wrong = _notable(logits, dataset.test_labels)
    repeated = len({run.seed for run in result.runs}) > 1
    said = f" of seed {seed}" if repeated and set(seeds.values()) == {seed} else ""

    def cards(rows: np.ndarray) -> list[Card]:
        return [_card(int(row), dataset, logits, names) for row in rows]

    return Predictions(
        said,
        _matrices(predicted, dataset, names),
        _per_class(predicted, dataset, names),
        cards(disputed[:DISPUTED]),
        len(disputed),
        cards(wrong[:WRONG]),
        len(wrong),
    ), missing


def _common_seed(completed: Groups) -> int:
    """The first seed that all runs completed, so that like is set against like."""
    first, *others = ([run.seed for run in repeats] for repeats in completed.values())
    return next((s for s in first if all(s in seeds for seeds in others)), first[0])


def _tensor(path: str | None, name: str) -> np.ndarray | None:
    """One tensor of a safetensors file, or None if it isn't there."""
    try:
        return load_file(path or "").get(name)
    except (OSError, SafetensorError):
        return None


def _notable(logits: Mapping[int, np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that the runs disagree about, and those that all get wrong.

    The ones come first whose probabilities differ most, then those that are wrong with most
    confidence; a row is in one list only.
    """
    chances = np.array([softmax(values, axis=1) for values in logits.values()], np.float64)
    votes = chances.argmax(axis=2)
    disagree = (votes != votes[0]).any(axis=0)
    wrong = (votes != labels).all(axis=0) & ~disagree
    distance = np.abs(chances - chances[0]).sum(axis=2).max(axis=0)
    confidence = chances.max(axis=2).mean(axis=0)
    disputed, mistaken = np.flatnonzero(disagree), np.flatnonzero(wrong)
    return (
        disputed[np.argsort(-distance[disputed], kind="stable")],
        mistaken[np.argsort(-confidence[mistaken], kind="stable")],
    )


def _card(row: int, dataset: Dataset, logits: Mapping[int, np.ndarray], names: dict) -> Card:
    truth = int(dataset.test_labels[row])
    pixels = dataset.test_images[row] * dataset.deviation + dataset.mean
    side = round(len(pixels) ** 0.5)
    ink = np.clip(np.rint(255 * (1 - pixels)), 0, 255).astype(np.uint8).reshape(side, side)
    answers = []
    for place, values in logits.items():
        chances = softmax(values[row].astype(np.float64))
        order = np.argsort(-chances, kind="stable")
        shown = [int(k) for k in order[:2]]
        if truth not in shown:
            shown.append(truth)
        texts = [formats.probability(chance) for chance in chances]
        likeliest = [(dataset.class_names[k], texts[k]) for k in shown]
        every = zip(dataset.class_names, texts, strict=True)
        tip = (names[place], [(None, f"{name}: {text}") for name, text in every])
        bars = svg.probability_bars(chances.tolist(), truth, tip)
        answers.append(Answer(place, names[place], shown[0] == truth, likeliest, bars))
    return Card(row, dataset.class_names[truth], _data_uri(Image.fromarray(ink)), answers)


def _matrices(predicted: Mapping[int, np.ndarray], dataset: Dataset, names: dict) -> list[Matrix]:
    from sklearn.metrics import confusion_matrix

    counts = {
        place: confusion_matrix(dataset.test_labels, answers, labels=range(CLASSES))
        for place, answers in predicted.items()
    }
    off = ~np.eye(CLASSES, dtype=bool)
    most = max(max(int(each[off].max()) for each in counts.values()), 1)
    matrices = []
    for place, each in counts.items():
        # Mistakes share one scale; the diagonal would drown them.
        shades = np.where(off, each / most, 0.0)
        matrices.append(Matrix(names[place], _shaded(each, shades, "d")))
    (first, base), *others = counts.items()
    for place, each in others:
        difference = each - base
        extreme = max(int(np.abs(difference).max()), 1)
        title = f"{names[place]} minus {names[first]}"
        matrices.append(
            Matrix(
                title, _shaded(difference, difference / extreme, "+d"), True, not difference.any()
            )
        )
    return matrices


def _shaded(counts: np.ndarray, shades: np.ndarray, form: str) -> list[list[tuple[str, float]]]:
    return [
        [
            (format(int(count), form) if count else "0", round(float(shade), 2))
            for count, shade in zip(*row, strict=True)
        ]
        for row in zip(counts, shades, strict=True)
    ]


def _per_class(predicted: Mapping[int, np.ndarray], dataset: Dataset, names: dict) -> list[Figure]:
    from sklearn.metrics import precision_recall_fscore_support

    figures = []
    scores = [
        precision_recall_fscore_support(
            dataset.test_labels, answers, labels=range(CLASSES), zero_division=0.0
        )
        for answers in predicted.values()
    ]
    labels = [names[place] for place in predicted]
    notes = (
        "Of the images given this class, the share that truly has it.",
        "Of the images that truly have this class, the share that is given it.",
    )
    for which, (title, note) in enumerate(zip(("Precision", "Recall"), notes, strict=True)):
        shares = [score[which].tolist() for score in scores]
        alternative = f"{title} of each class, of {', '.join(labels)}."
        chart = svg.dot_chart(dataset.class_names, shares, list(predicted), labels, alternative)
        rows = [
            [name, *(formats.percent(values[k], 1) for values in shares)]
            for k, name in enumerate(dataset.class_names)
        ]
        figures.append(
            Figure(title, chart, Table(f"{title} by class", ["class", *labels], rows), note)
        )
    return figures


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


def first_layers(groups: Groups) -> Iterable[FirstLayer]:
    """The first layer of each run that completed, all on one scale of colours."""
    seed_groups = {
        run: [each for each in repeats if each.status == "completed"]
        for run, repeats in groups.items()
    }
    completed = {run: repeats for run, repeats in seed_groups.items() if repeats}
    if not completed:
        return
    seed = _common_seed(completed)
    kernels = {}
    for place, run in enumerate(groups):
        if run not in completed:
            continue
        repeats = completed[run]
        chosen = next((each for each in repeats if each.seed == seed), repeats[0])
        kernel = _tensor(chosen.weights, "dense_1/kernel")
        if (
            kernel is not None
            and kernel.ndim == 2
            and round(len(kernel) ** 0.5) ** 2 == len(kernel)
        ):
            kernels[place, run] = kernel[:, :TILES]
    if not kernels:
        return
    # A few outliers would leave the others pale.
    limit = float(np.quantile(np.abs(np.concatenate(list(kernels.values()), axis=1)), 0.998)) or 1.0
    for (place, run), kernel in kernels.items():
        picture = _tiles(kernel, limit)
        yield FirstLayer(place, run, _data_uri(picture), *picture.size, kernel.shape[1], limit)


def _tiles(kernel: np.ndarray, limit: float) -> Image.Image:
    """A picture of all units, [pixels, units], `limit` in the strongest colour."""
    side = round(len(kernel) ** 0.5)
    columns = min(TILE_COLUMNS, kernel.shape[1])
    rows = -(-kernel.shape[1] // columns)
    step = side + 2
    # Entry 0 of the palette is the transparent ground between the tiles.
    canvas = np.zeros((rows * step - 2, columns * step - 2), np.uint8)
    middle = PALETTE // 2
    levels = 1 + middle + np.rint(np.clip(kernel / limit, -1, 1) * middle).astype(int)
    for unit, tile in enumerate(levels.T):
        top, left = step * (unit // columns), step * (unit % columns)
        canvas[top : top + side, left : left + side] = tile.reshape(side, side)
    picture = Image.fromarray(canvas, "P")
    picture.putpalette(bytes(_diverging().astype(np.uint8).ravel()))
    picture.info["transparency"] = 0
    return picture


def _diverging() -> np.ndarray:
    """The palette: a ground, then from negative over white to positive."""
    low, high = (
        [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        for color in (plotting.COLORS[1], plotting.COLORS[0])
    )
    at = np.linspace(-1, 1, PALETTE)
    channels = [np.interp(at, (-1, 0, 1), (a, 250, b)) for a, b in zip(low, high, strict=True)]
    return np.vstack([[0, 0, 0], np.rint(np.transpose(channels))])


def _data_uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
