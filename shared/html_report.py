"""`report.html`: one page that holds a whole comparison, or several from different machines.

The page needs nothing but itself: style, script, charts and images are all inside, and its
content security policy forbids every request.
"""

import re
import statistics
import sys
import webbrowser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import jinja2
from markupsafe import Markup
from tyro.conf import Positional

from shared import html_charts, html_predictions, plotting, report
from shared.clock import PHASES
from shared.command_line import Flag, parse_flags
from shared.config import TrainConfig, UsageError
from shared.datasets import DataError, Dataset, load_dataset
from shared.html_charts import Table, show_percent, show_seconds
from shared.results import (
    ComparisonResult,
    DatasetFacts,
    RunResult,
    load_results,
    write_atomically,
)
from shared.statistics import compare_runs, group_by_run

PROGRAM = "python -m shared.report"
PAGE = "report.html"
TEMPLATES = Path(__file__).parent / "templates"

# What a results.json needs beyond its types for a page to be drawn from it.
NEEDED = {
    "config": ("alignment", "batch_size"),
    "environment": ("physical_cores", "load_average"),
}


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
    predictions, missing = html_predictions.predictions_of(first, dataset)
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
        curves=html_charts.curves(groups),
        times=html_charts.times(first, groups),
        phases=PHASES,
        throughput=html_charts.throughput(whole),
        latency=html_charts.latency(groups),
        predictions=predictions,
        missing=missing,
        classes=first.dataset.classes,
        long_names=max(map(len, first.dataset.classes)) > 2,
        weights=list(html_predictions.first_layers(groups)),
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
            f"{run} classifies {show_percent(accuracies[0])} of {plotting.title(result)}'s test "
            f"images correctly, and needs {show_seconds(means[run])} of training time per epoch."
        )
    fastest, slowest = min(means, key=means.get), max(means, key=means.get)
    low, high = show_percent(min(accuracies)), show_percent(max(accuracies))
    spread = f"are all {low}" if low == high else f"lie between {low} and {high}"
    return (
        f"Of {len(completed)} runs, {fastest} needs the least training time per epoch "
        f"({show_seconds(means[fastest])}) and {slowest} the most, "
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
    first, *others = report.describe_verification(result.verification, result.config)
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
            accuracy = show_percent(statistics.fmean(run.test_accuracy for run in done))
            time = show_seconds(statistics.fmean(run.epoch_seconds for run in done))
            yield name, "completed", accuracy, time
        else:
            yield name, repeats[0].status, "", ""


def _code(text: str) -> Markup:
    """What stands between backticks, set as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(each) if number % 2 else each
        for number, each in enumerate(text.split("`"))
    )


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
    parts = [(read_folder(folder), folder) for folder in request.folder]
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


def read_folder(folder: Path) -> ComparisonResult:
    """The results in a folder.

    Raises:
        UsageError: there are none, or they lack what is needed to show them.
    """
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
