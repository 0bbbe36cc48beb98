"""`report.html`: one page that holds a whole comparison, or several from different machines.

The page needs nothing but itself: style, script, charts and images are all inside, and its
content security policy forbids every request.
"""

import base64
import io
import math
import re
import statistics
import sys
import webbrowser
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy.special import softmax
from tyro.conf import Positional

from shared import plotting, report, svg
from shared.clock import PHASES
from shared.command_line import Flag, parse_flags
from shared.config import CLASSES, TrainConfig, UsageError
from shared.datasets import DataError, Dataset, load_dataset
from shared.results import (
    ComparisonResult,
    DatasetFacts,
    EpochResult,
    Floor,
    RunResult,
    load_results,
    write_atomically,
)
from shared.statistics import compare_runs, group_by_run

PROGRAM = "python -m shared.report"
PAGE = "report.html"
TEMPLATES = Path(__file__).parent / "templates"

DISPUTED, WRONG = 24, 12  # how many test images of each kind are shown
TILES, TILE_COLUMNS = 128, 16  # of the first layer's units
PALETTE = 63  # colours of the weights; an odd number has one for zero

UNITS = ((1, "s"), (1e3, "ms"), (1e6, "µs"))

# What a results.json needs beyond its types for a page to be drawn from it.
NEEDED = {
    "config": ("alignment", "batch_size"),
    "environment": ("physical_cores", "load_average"),
}


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


def write_page(result: ComparisonResult, dataset: Dataset | None, folder: Path) -> Path:
    """Write `report.html` next to the `results.json` of a comparison; returns its path.

    Args:
        dataset: for its test images; None leaves out what depends on them and says so.
        folder: where the files lie that the result names.
    """
    path = folder / PAGE
    write_atomically(path, render([(result, folder)], dataset))
    return path


def render(parts: Sequence[tuple[ComparisonResult, Path]], dataset: Dataset | None) -> str:
    """The page of one comparison, or of several merged into one across machines.

    Args:
        parts: each result and the folder of its files; all of the same dataset.
        dataset: as in `write_page`.
    """
    results = [_with_whole_paths(result, folder) for result, folder in parts]
    labels = [""]
    if len(results) > 1:
        labels = machine_labels(results, [folder for _, folder in parts])
        results = [_labelled(each, label) for each, label in zip(results, labels, strict=True)]
    whole = results[0] if len(results) == 1 else _merged(results)
    firsts = [first_size(each) for each in results]
    first = firsts[0] if len(results) == 1 else _merged(firsts)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["code"] = _code
    groups = group_by_run(first.runs)
    header, *rows = report.table(first)
    predictions, missing = predictions_of(first, dataset)
    page = environment.get_template("report.html.j2").render(
        dataset_title=plotting.title(first),
        runs=list(groups),
        created=[_date(each.created) for each in results],
        verdict=verdict(first),
        details=[pair.verdict for pair in first.comparison.pairs] if len(groups) > 2 else [],
        notices=[*merge_notices(firsts), *notices(firsts, labels)],
        cards=list(_cards(groups)),
        overview=Table("The runs side by side", ["", *header[1:]], rows),
        repeats=max(map(len, groups.values())),
        verifications=[_verification(each) for each in firsts],
        labels=labels,
        curves=curves(groups),
        times=times(first, groups),
        phases=PHASES,
        throughput=throughput(whole),
        latency=latency(groups),
        predictions=predictions,
        missing=missing,
        classes=first.dataset.classes,
        long_names=max(map(len, first.dataset.classes)) > 2,
        weights=list(first_layers(groups)),
        same_start=len(results) == 1 and first.config["alignment"] != "defaults",
        environments=[_environment(each) for each in results],
        settings=[_settings(each) for each in results],
        commands=[each.command for each in results],
        error_outputs=[
            (f"{run.run}, seed {run.seed}", run.error_output)
            for run in first.runs
            if run.error_output
        ],
        colors=len(plotting.COLORS),
    )
    return page + "\n"


# Results, whole and merged


def first_size(result: ComparisonResult) -> ComparisonResult:
    """The part of a result that is about the first batch size: all but the sweep."""
    size = result.config["batch_size"]
    pairs = [pair for pair in result.comparison.pairs if pair.batch_size == size]
    return replace(
        result,
        runs=[run for run in result.runs if run.batch_size == size],
        comparison=replace(result.comparison, pairs=pairs),
        floor=[floor for floor in result.floor if floor.batch_size == size],
    )


def machine_labels(results: Sequence[ComparisonResult], folders: Sequence[Path]) -> list[str]:
    """A short name for the machine of each result: its processor, or what tells them apart."""
    candidates = [
        [_short(str(result.environment.get("processor", ""))) for result in results],
        [folder.resolve().name for folder in folders],
        [str(folder) for folder in folders],
    ]
    for labels in candidates:
        if len({*labels, ""}) == len(labels) + 1:
            return labels
    raise UsageError(f"{', '.join(candidates[-1])}: expected different folders; name each once.")


def _short(processor: str) -> str:
    """A processor's name without trade marks, clock rate and other words that tell nothing."""
    return " ".join(re.sub(r"\((R|TM)\)| CPU| Processor|@.*", " ", processor).split())


def _with_whole_paths(result: ComparisonResult, folder: Path) -> ComparisonResult:
    runs = [
        replace(
            run,
            weights=run.weights and str(folder / run.weights),
            predictions=run.predictions and str(folder / run.predictions),
        )
        for run in result.runs
    ]
    return replace(result, runs=runs)


def _labelled(result: ComparisonResult, label: str) -> ComparisonResult:
    """The same with the machine's name before that of every run."""
    verification = result.verification and replace(
        result.verification,
        runs=[replace(run, run=f"{label}: {run.run}") for run in result.verification.runs],
    )
    return replace(
        result,
        runs=[replace(run, run=f"{label}: {run.run}") for run in result.runs],
        floor=[replace(each, library=f"{label}: {each.library}") for each in result.floor],
        verification=verification,
    )


def _merged(results: Sequence[ComparisonResult]) -> ComparisonResult:
    """All runs in one result, whose other facts are those of the first one."""
    runs = [run for result in results for run in result.runs]
    verified = [each.verification for each in results if each.verification]
    return replace(
        results[0],
        runs=runs,
        comparison=compare_runs(runs),
        floor=[floor for result in results for floor in result.floor],
        verification=replace(verified[0], runs=[run for each in verified for run in each.runs])
        if verified
        else None,
    )


def merge_notices(results: Sequence[ComparisonResult]) -> list[str]:
    """What to keep in mind when results of several machines stand on one page."""
    if len(results) == 1:
        return []
    said = [
        f"NOTICE: merged from {len(results)} comparisons. Between machines, a difference in time "
        "is one of machines, not of frameworks."
    ]
    names = dict.fromkeys(name for result in results for name in result.config)
    for name in names:
        values = [_text(result.config.get(name)) for result in results]
        if len(set(values)) > 1 and name not in ("data_dir", "offline", "threads"):
            setting = name.replace("_", " ")
            said.append(f"WARNING: the comparisons differ in {setting}: {'; '.join(values)}.")
    return said


# Words


def verdict(result: ComparisonResult) -> str:
    """What came out, in one or two sentences that claim no more than is known."""
    completed = report.completed_by_run(result)
    if not completed:
        return "No run completed, so there is nothing to compare."
    if len(completed) == 2 and len(result.comparison.pairs) == 1:
        return result.comparison.pairs[0].verdict
    means = {
        run: statistics.fmean(each.epoch_seconds for each in repeats)
        for run, repeats in completed.items()
    }
    accuracies = [
        statistics.fmean(each.test_accuracy for each in repeats) for repeats in completed.values()
    ]
    if len(completed) == 1:
        (run,) = completed
        return (
            f"{run} classifies {_percent(accuracies[0])} of {plotting.title(result)}'s test images "
            f"correctly, and needs {_seconds(means[run])} of training time per epoch."
        )
    fastest, slowest = min(means, key=means.get), max(means, key=means.get)
    low, high = _percent(min(accuracies)), _percent(max(accuracies))
    spread = f"are all {low}" if low == high else f"lie between {low} and {high}"
    return (
        f"Of {len(completed)} runs, {fastest} needs the least training time per epoch "
        f"({_seconds(means[fastest])}) and {slowest} the most, "
        f"{means[slowest] / means[fastest]:.3g} times as long. Their test accuracies {spread}."
    )


def notices(results: Sequence[ComparisonResult], labels: Sequence[str]) -> Iterable[str]:
    """What the words of each result say besides the verdicts."""
    for result, label in zip(results, labels, strict=True):
        verdicts = {pair.verdict for pair in result.comparison.pairs}
        for sentence in report.in_words(result):
            if sentence not in verdicts:
                named = label and label not in sentence
                yield f"{label}: {sentence}" if named else sentence


def _verification(result: ComparisonResult) -> tuple[str, list[str], bool]:
    """A heading, the findings, and whether all is well."""
    if result.verification is None:
        return "Not verified", ["Whether the runs compute the same thing was not checked."], False
    first, *others = report.describe_verification(result.verification, result.config["alignment"])
    if not result.verification.passed:
        return "They do not all compute the same thing", [first, *others], False
    count = len(result.verification.runs)
    subject = {1: "It computes the same thing as the oracle", 2: "Both compute the same thing"}
    heading = subject.get(count, f"All {count} compute the same thing")
    return heading, [first, *others], True


def _cards(groups: Mapping[str, Sequence[RunResult]]) -> Iterable[tuple[str, str, str, str]]:
    """Of each run its name, status, accuracy and time per epoch."""
    for name, repeats in groups.items():
        done = [run for run in repeats if run.status == "completed"]
        if done:
            accuracy = _percent(statistics.fmean(run.test_accuracy for run in done))
            time = _seconds(statistics.fmean(run.epoch_seconds for run in done))
            yield name, "completed", accuracy, time
        else:
            yield name, repeats[0].status, "", ""


def _code(text: str) -> Markup:
    """What stands between backticks, set as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(each) if number % 2 else each
        for number, each in enumerate(text.split("`"))
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _seconds(value: float) -> str:
    """Three digits and a fitting unit."""
    if value >= 999.5:
        return f"{value:,.0f} s"
    factor, unit = next((f, u) for f, u in UNITS if value * f >= 0.9995 or u == "µs")
    return f"{value * factor:#.3g}".rstrip(".") + f" {unit}"


def _date(created: str) -> str:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def _text(value: object) -> str:
    """A setting or a fact as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items() if each is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)


def _environment(result: ComparisonResult) -> list[tuple[str, str]]:
    """The facts of the machine by name, and what each run found on it."""
    facts = []
    for name, value in result.environment.items():
        if name.endswith("_bytes"):
            name, value = name.removesuffix("_bytes"), f"{value / 2**30:.0f} GiB"
        facts.append((name.replace("_", " "), _text(value)))
    threads = sorted({run.threads for run in result.runs})
    return [*facts, ("threads of each run", _text(threads))]


def _settings(result: ComparisonResult) -> list[tuple[str, str]]:
    facts: DatasetFacts = result.dataset
    settings = [
        (name.replace("_", " "), _text(value))
        for name, value in result.config.items()
        if name not in ("data_dir", "offline")
    ]
    images = f"{facts.train_size:,} for training, {facts.test_size:,} for testing"
    return [
        *settings,
        ("images", images),
        *((f"SHA-256 of {k}", v) for k, v in facts.sha256.items()),
    ]


# Charts

Groups = Mapping[str, Sequence[RunResult]]


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
        _curve_figure(histories, "loss", "Cross-entropy loss", lambda value: f"{value:.3g}"),
        _curve_figure(histories, "accuracy", "Accuracy", lambda value: f"{100 * value:.4g} %"),
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
    rows = [[f"{x:,}", *(show(v[x]) if x in v else "-" for v in columns.values())] for x in xs]
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
                (run, [(None, f"{_words(phase)}: {_seconds(seconds)}, {_share(seconds, total)}")]),
            )
            for phase, seconds in phases.items()
        ]
        bars.append(svg.Bar(run, _seconds(total), segments, place))
        columns[run] = [*map(_seconds, phases.values()), _seconds(total)]
    if bars:
        rows = [[_words(phase), *cells] for phase, *cells in _rows([*PHASES, "sum"], columns)]
        rows += _further_times(groups, columns)
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


def _words(phase: str) -> str:
    return phase.replace("_", " ")


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


FURTHER: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("time to first step", "time_to_first_step_seconds", _seconds),
    ("time to the target accuracy", "time_to_target_seconds", _seconds),
    ("energy of the processor", "energy_joules", lambda value: f"{value:,.0f} J"),
    ("cores that other processes kept busy", "foreign_cpus", lambda value: f"{value:.2f}"),
)


def _further_times(groups: Groups, shown: Iterable[str]) -> list[list[str]]:
    """Rows for what was measured besides the phases, means over the repeats."""
    rows = []
    for name, attribute, show in FURTHER:
        cells = []
        for run in shown:
            known = [getattr(each, attribute) for each in groups[run]]
            known = [value for value in known if value is not None]
            cells.append(show(statistics.fmean(known)) if known else "-")
        if report.known_to_any(cells):
            rows.append([name, *cells])
    return rows


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
        rows.append([name, *map(_seconds, (mean, min(seconds), max(seconds)))])
        tip = (name, [(run, f"mean {_seconds(mean)}")])
        if len(seconds) > 1:
            tip[1].append((run, f"{len(seconds)} repeats: " + ", ".join(map(_seconds, seconds))))
        segment = svg.Segment(mean, "floor" if run is None else f"run-{run}", tip)
        marks = seconds if len(seconds) > 1 else ()
        bars.append(svg.Bar(name, _seconds(mean), [segment], run, marks))
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
        lines, f"{title}, of {', '.join(columns)}.", "Batch size", _thousands, logarithmic=True
    )
    table = _by_x(title, "batch size", columns, lambda value: f"{value:,.0f}")
    words = [
        f"Batches of {pair.batch_size:,}: {pair.verdict}"
        for pair in result.comparison.pairs
        if pair.batch_size != result.config["batch_size"]
    ]
    return Throughput(Figure(title, chart, table, "Both axes are logarithmic."), floors, words)


def _floor_name(floor: Floor) -> str:
    return f"matrix products alone, {floor.library}"


def _thousands(value: float) -> str:
    return f"{value / 1000:,.4g} k" if value >= 1000 else f"{value:.3g}"


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
            texts = [_seconds(median), _seconds(p99)]
            tip = (names[place], [(place, f"median {texts[0]}"), (place, f"p99 {texts[1]}")])
            segment = svg.Segment(median, f"run-{place}", tip)
            bars.append(svg.Bar(names[place], texts[0], [segment], place))
            rows.append([names[place], *texts])
        title = "One image at a time" if size == 1 else f"{size:,} images at a time"
        alternative = f"Inference latency, {title}, of {', '.join(names[p] for p in runs)}."
        table = Table(f"Inference latency, {title}", ["", "median", "99th percentile"], rows)
        figures.append(Figure(title, svg.bar_chart(bars, alternative), table))
    return figures


# Predictions


def predictions_of(
    result: ComparisonResult, dataset: Dataset | None
) -> tuple[Predictions | None, list[str]]:
    """What the runs answered on the test images, and why something of it can't be shown."""
    completed = report.completed_by_run(result)
    if not completed:
        return None, ["No run completed, so there are no predictions."]
    if dataset is None:
        return None, [
            "The test images were not at hand when this page was drawn, so everything about single "
            f"images and classes is missing. Draw it again where they are: {PROGRAM} FOLDER "
            "--data-dir DIR"
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
        texts = [f"{100 * chance:.1f} %" for chance in chances]
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
            [name, *(f"{100 * values[k]:.1f} %" for values in shares)]
            for k, name in enumerate(dataset.class_names)
        ]
        figures.append(
            Figure(title, chart, Table(f"{title} by class", ["class", *labels], rows), note)
        )
    return figures


# Images


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


# The command


@dataclass(frozen=True)
class Request:
    """Draw report.html again from results.json; several folders are merged into one page."""

    folder: Positional[tuple[Path, ...]]
    """Folders of results, each with a results.json."""
    output: Path | None = None
    """The page to write; by default FOLDER/report.html, for several merged-report.html."""
    data_dir: Path = field(default_factory=lambda: TrainConfig().data_dir)
    """Folder of the datasets, for the test images; also the environment variable DATA_DIR."""
    open: Flag = False
    """Open the page in the browser."""


def redraw(request: Request) -> Path:
    """Draw the page that was asked for; returns its path.

    Raises:
        UsageError: a folder holds no results, they don't fit together, or the page can't be
            written.
    """
    if not request.folder:
        raise UsageError("FOLDER: expected at least one folder of results, as results/NAME.")
    parts = [(_read(folder), folder) for folder in request.folder]
    names = list(dict.fromkeys(result.dataset.name for result, _ in parts))
    if len(names) > 1:
        raise UsageError(
            f"The folders are about different datasets ({', '.join(names)}): expected one; "
            "draw a page for each."
        )
    try:
        dataset = load_dataset(names[0], request.data_dir, limit=1)
    except DataError as error:
        print(f"{PROGRAM}: without test images: {error}", file=sys.stderr)
        dataset = None
    several = len(parts) > 1
    path = request.output or (Path("merged-report.html") if several else request.folder[0] / PAGE)
    page = render(parts, dataset)
    try:
        write_atomically(path, page)
    except OSError as error:
        raise UsageError(
            f"--output {path}: cannot be written ({error.strerror}); choose another file."
        ) from None
    return path


def _read(folder: Path) -> ComparisonResult:
    path = folder / "results.json"
    try:
        result = load_results(path)
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder of results, but {path} cannot be read "
            f"({error.strerror}); name one that a comparison wrote."
        ) from None
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    lacking = [
        f"{part}.{name}"
        for part, names in NEEDED.items()
        for name in names
        if name not in getattr(result, part)
    ]
    if result.dataset.name not in plotting.DATASET_TITLES:
        lacking.append("a known dataset")
    if not any(run.batch_size == result.config.get("batch_size") for run in result.runs):
        lacking.append("runs with the first batch size")
    if lacking:
        raise UsageError(f"{path} lacks {', '.join(lacking)}: expected what a comparison wrote.")
    return result


def open_in_browser(path: Path) -> None:
    """Show a page, or say where it is if there is no browser."""
    if not webbrowser.open(path.resolve().as_uri()):
        print(f"No browser could be opened: the page is {path}.", file=sys.stderr)


def main() -> int:
    """The command; returns the exit status."""
    try:
        request = parse_flags(Request, PROGRAM)
        path = redraw(request)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    print(f"Written: {path}")
    if request.open:
        open_in_browser(path)
    return 0
