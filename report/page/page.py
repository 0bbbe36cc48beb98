"""`report.html`: one page that holds a whole comparison, or several from different machines.

The page needs nothing but itself: style, script, charts and images are all inside, and its
content security policy forbids every request.
"""

import re
import statistics
import sys
import webbrowser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import jinja2
from markupsafe import Markup

from report import figures, sentences, table, verdicts
from report.against import tables_against
from report.colors import PHASES, chart_colors
from report.merge import label_runs, machine_labels, merge_notices, merge_results
from report.page import charts
from report.page.predictions import AT_ONCE, first_layers, predictions_of
from report.pairs import with_comparison
from report.read import with_whole_paths
from report.verification import describe_verification
from shared import formats
from shared.datasets import Dataset
from shared.results import (
    ComparisonResult,
    DatasetFacts,
    RunResult,
    completed,
    group_by_run,
    write_atomically,
)
from shared.results_file import PAGE

TEMPLATES = Path(__file__).parent


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
    labels_of_images = None if dataset is None else dataset.test_labels
    results = [
        with_comparison(with_whole_paths(result, folder), labels_of_images)
        for result, folder in parts
    ]
    labels = [""]
    if len(results) > 1:
        labels = machine_labels(results, [folder for _, folder in parts])
        results = [label_runs(each, label) for each, label in zip(results, labels, strict=True)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_with_bound_units,
    )
    environment.filters |= {"code": _code, "verbatim": Verbatim, "breakable": _breakable}
    content = _content(results, labels) | _content_of_images(results, dataset)
    return environment.get_template("report.html.j2").render(content) + "\n"


def open_in_browser(path: Path) -> None:
    """Show a page, or say where it is if there is no browser."""
    if not webbrowser.open(path.resolve().as_uri()):
        print(f"No browser could be opened: the page is {path}.", file=sys.stderr)


def _content(results: Sequence[ComparisonResult], labels: Sequence[str]) -> dict[str, object]:
    """What the template asks for by name, but for what depends on predictions and weights."""
    firsts = [first_size(each) for each in results]
    first = merge_results(firsts)
    groups = group_by_run(first.runs)
    return {
        "dataset_title": figures.dataset_title(first),
        "runs": list(groups),
        "created": [_date(each.created) for each in results],
        "claim": verdicts.claim(first),
        "verdict": verdicts.headline(first),
        "about": list(_about(firsts, labels)),
        "details": [*verdicts.each_pair(first), *verdicts.correction(first)],
        "notices": [*merge_notices(firsts), *notices(firsts, labels)],
        "cards": list(_cards(groups)),
        "tables": [table.headline(first), *tables_against(first)] if len(groups) > 1 else [],
        "everything": table.details(first),
        "repeats": max(map(len, groups.values())),
        "verifications": [_verification(each) for each in firsts],
        "labels": labels,
        "curves": charts.curves(groups),
        "times": charts.times(first, groups),
        "phases": PHASES,
        "throughput": charts.throughput(merge_results(results)),
        "latency": charts.latency(groups),
        "environments": [_environment(each) for each in results],
        "settings": [_settings(each) for each in results],
        "commands": [each.command for each in results],
        "error_outputs": [
            (f"{run.run}, seed {run.seed}", run.error_output)
            for run in first.runs
            if run.error_output
        ],
        "colors": chart_colors(list(groups)),
    }


def _content_of_images(
    results: Sequence[ComparisonResult], dataset: Dataset | None
) -> dict[str, object]:
    """The part of the content that depends on predictions and weights."""
    first = merge_results([first_size(each) for each in results])
    groups = group_by_run(first.runs)
    predictions, missing = predictions_of(groups, dataset)
    weights, missing_weights = first_layers(groups)
    return {
        "predictions": predictions,
        "at_once": AT_ONCE,
        "missing": missing,
        "classes": first.dataset.classes,
        "long_names": max(map(len, first.dataset.classes)) > 2,
        "weights": weights,
        "missing_weights": missing_weights,
        "same_start": len(results) == 1 and first.config.alignment != "defaults",
    }


def first_size(result: ComparisonResult) -> ComparisonResult:
    """The part of a result that is about the first batch size: all but the sweep."""
    pairs = [pair for pair in result.comparison.pairs if pair.setting == 0]
    return replace(
        result,
        runs=result.main_runs(),
        comparison=replace(result.comparison, pairs=pairs),
        floors=[floor for floor in result.floors if floor.setting == 0],
    )


def _about(results: Sequence[ComparisonResult], labels: Sequence[str]) -> Iterable[tuple[str, str]]:
    """What was trained, on what machine, and whether it computes the same: a line each."""
    yield "Trained", sentences.describe_training(results[0])
    for result, label in zip(results, labels, strict=True):
        cores = f"{result.environment.physical_cores} cores"
        # All of it stands among the environment's facts.
        system = " ".join(result.environment.platform.split("-")[:2])
        machine = f"{result.environment.processor}, {cores}, {system}"
        yield "Machine", f"{label}: {machine}" if label else machine
    for result, label in zip(results, labels, strict=True):
        heading, _, good = _verification(result)
        steps = f" ({result.verification.steps} steps)" if good and result.verification else ""
        yield "Verified", f"{label + ': ' if label else ''}{heading}{steps}"


def notices(results: Sequence[ComparisonResult], labels: Sequence[str]) -> Iterable[str]:
    """What the words of each result say besides the verdicts."""
    for result, label in zip(results, labels, strict=True):
        claims = set(verdicts.verdicts(result))
        for sentence in sentences.in_words(result):
            if sentence not in claims:
                named = label and label not in sentence
                yield f"{label}: {sentence}" if named else sentence


def _verification(result: ComparisonResult) -> tuple[str, list[str], bool]:
    """A heading, the findings, and whether all is well."""
    if result.verification is None:
        return "Not verified", ["These runs were not checked against each other."], False
    first, *others = describe_verification(result.verification, result.config)
    if not result.verification.passed:
        heading = "They do not all compute the same thing"
        if not result.verification.refuted:
            heading = "Not shown to compute the same thing"
        return heading, [first, *others], False
    count = len(result.verification.runs)
    subject = {
        1: "It computes the same thing as the NumPy reference",
        2: "Both compute the same thing",
    }
    heading = subject.get(count, f"All {count} compute the same thing")
    return heading, [first, *others], True


def _cards(groups: Mapping[str, Sequence[RunResult]]) -> Iterable[tuple[str, str, str, str]]:
    """Of each run its name, status, accuracy and time per epoch."""
    for name, repeats in groups.items():
        done = completed(repeats)
        if done:
            accuracy = formats.percent(statistics.fmean(run.test_accuracy for run in done))
            seconds = figures.mean_epoch_seconds(done)
            time = table.UNKNOWN if seconds is None else formats.seconds(seconds, 3)
            yield name, "completed", accuracy, time
        else:
            yield name, repeats[0].status, "", ""


def _environment(result: ComparisonResult) -> list[tuple[str, str]]:
    """The facts of the machine by name, and what each run found on it."""
    facts = []
    for name, value in vars(result.environment).items():
        if name.endswith("_bytes"):
            name, value = name.removesuffix("_bytes"), formats.gibibytes(value)
        facts.append((name.replace("_", " "), formats.text(value)))
    threads = sorted({run.threads for run in result.runs})
    return [*facts, ("threads of each run", formats.text(threads))]


def _settings(result: ComparisonResult) -> list[tuple[str, str]]:
    facts: DatasetFacts = result.dataset
    settings = [
        (name.replace("_", " "), formats.text(value))
        for name, value in vars(result.config).items()
        if name not in ("data_dir", "offline")
    ]
    images = (
        f"{formats.count(facts.train_size)} for training, "
        f"{formats.count(facts.test_size)} for testing"
    )
    return [
        *settings,
        ("images", images),
        *((f"SHA-256 of {k}", v) for k, v in facts.sha256.items()),
    ]


def _date(created: str) -> str:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


class Verbatim(str):
    """Text to be copied, every blank as it is."""

    __slots__ = ()


# A blank between a number and its unit, or before what a number is known to.
BLANK = re.compile(
    r"(?<=\d) (?=(?:%|(?:s|ms|k|MiB|GiB|J|points?|times|cores?|images?|epochs?|threads?)\b))"
    r"|(?<=\d) (?=±)|(?<=\bn) (?== \d)|(?<=\bn =) (?=\d)"
)


def _with_bound_units(value: object) -> object:
    """The same, with no line's end between a number and its unit."""
    if not isinstance(value, str) or isinstance(value, Verbatim):
        return value
    return type(value)(BLANK.sub("\N{NO-BREAK SPACE}", value))


def _breakable(name: str) -> Markup:
    """A name that may go on in the next line behind a slash."""
    return Markup("/<wbr>").join(name.split("/"))


def _code(text: str) -> Markup:
    """What stands between backticks, set as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(each) if number % 2 else each
        for number, each in enumerate(text.split("`"))
    )
