"""What must hold between the facts of a result, beyond what the type of each says by itself.

RULES is the one list; results.json is held to all of them before anything is drawn, and what a
child process reports to those about a run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from shared.clock import PHASES
from shared.config import TrainConfig
from shared.dataset_records import DATASETS
from shared.errors import UsageError
from shared.results import FIGURES, ComparisonResult, RunResult

# A field, and what is wrong with it: what was expected, and what is there instead.
Fault = tuple[str, str]

# Times before it can't be given to TensorBoard on every system.
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)

# Different runs of one comparison; each adds to the page what a page of its own would have.
MOST_RUNS = 128


def completed_run_has_figures(run: RunResult) -> Iterator[Fault]:
    """What each chart and sentence takes for granted about a run that completed."""
    if run.status != "completed":
        return
    for name in (*FIGURES, "epochs", "phases"):
        if not getattr(run, name) and getattr(run, name) != 0:
            yield name, f"a completed run lacks `{name}`"


def epochs_follow_one_another(run: RunResult) -> Iterator[Fault]:
    """Not from 1 on in a run that went on from a checkpoint and never reported its result."""
    for place, (before, epoch) in enumerate(zip(run.epochs, run.epochs[1:], strict=False), 1):
        if epoch.epoch != before.epoch + 1:
            yield f"epochs[{place}].epoch", f"expected {before.epoch + 1} instead of {epoch.epoch}"
            return


def phases_are_known(run: RunResult) -> Iterator[Fault]:
    """All or none, because each has a bar."""
    if run.phases and run.phases.keys() != set(PHASES):
        found = ", ".join(run.phases)
        yield "phases", f"expected {', '.join(PHASES)} instead of {found}"


RUN_RULES: tuple[Callable[[RunResult], Iterator[Fault]], ...] = (
    completed_run_has_figures,
    epochs_follow_one_another,
    phases_are_known,
)


def runs_are_in_order(result: ComparisonResult) -> Iterator[Fault]:
    """Each run by itself."""
    for place, run in enumerate(result.runs):
        for rule in RUN_RULES:
            for field, fault in rule(run):
                yield f"runs[{place}].{field}", fault


def runs_fit_on_a_page(result: ComparisonResult) -> Iterator[Fault]:
    """Each different one has a column, and pictures."""
    if (count := len({run.run for run in result.runs})) > MOST_RUNS:
        yield "runs", f"expected at most {MOST_RUNS} different runs instead of {count:,}"


def settings_are_planned(result: ComparisonResult) -> Iterator[Fault]:
    """Whatever belongs to a setting names one that there is, and there are runs in the first."""
    parts: dict[str, Sequence[Any]] = {
        "runs": result.runs,
        "floors": result.floors,
        "probes": result.probes,
        "comparison.pairs": result.comparison.pairs,
    }
    count = len(result.plan.settings)
    for name, items in parts.items():
        for place, item in enumerate(items):
            if item.setting >= count:
                expected = f"expected one of the {count} settings instead of {item.setting}"
                yield f"{name}[{place}].setting", expected
    if not result.main_runs():
        yield "runs", "expected a run of the setting 0"


def settings_change_the_configuration(result: ComparisonResult) -> Iterator[Fault]:
    """Into one that could have been asked for."""
    for place, setting in enumerate(result.plan.settings):
        where, names = f"plan.settings[{place}]", {item.name for item in fields(TrainConfig)}
        if unknown := sorted(setting.keys() - names):
            yield where, f"expected settings of a training instead of {unknown[0]}"
            continue
        try:
            changed = {**result.config.as_json(), **setting}
            msgspec.convert(changed, TrainConfig, dec_hook=lambda _, value: Path(value))
        except (ValueError, UsageError) as error:
            yield where, str(error)


def dataset_is_known(result: ComparisonResult) -> Iterator[Fault]:
    """Its title and its test images are looked up by its name."""
    if result.dataset.name not in DATASETS:
        expected = f"expected one of {', '.join(DATASETS)} instead of {result.dataset.name}"
        yield "dataset.name", expected


def date_is_one(result: ComparisonResult) -> Iterator[Fault]:
    """In ISO format, with a time zone, as it is written."""
    try:
        created = datetime.fromisoformat(result.created)
        if created.tzinfo and created >= EARLIEST:
            return
    except (ValueError, OverflowError):
        pass
    yield "created", f"expected a date as 2026-01-02T03:04:05+00:00 instead of {result.created}"


def mirrors_say_what_they_did(result: ComparisonResult) -> Iterator[Fault]:
    """What is told of a slow one."""
    mirrors = result.dataset.missing.mirrors if result.dataset.missing else {}
    for failure in mirrors.values():
        if failure.kind == "too_slow" and failure.seconds is None:
            yield "dataset.missing.mirrors[...].seconds", "expected a number for too_slow"


RULES: tuple[Callable[[ComparisonResult], Iterator[Fault]], ...] = (
    settings_change_the_configuration,
    settings_are_planned,
    runs_fit_on_a_page,
    runs_are_in_order,
    dataset_is_known,
    date_is_one,
    mirrors_say_what_they_did,
)


def require_rules(result: ComparisonResult) -> None:
    """Raise ValueError for the first rule that a result breaks; it names the field."""
    for rule in RULES:
        for field, fault in rule(result):
            raise ValueError(f"{fault} - at `$.{field}`")


def require_run_rules(run: RunResult) -> None:
    """Raise ValueError for the first rule that a run breaks; it names the field."""
    for rule in RUN_RULES:
        for field, fault in rule(run):
            raise ValueError(f"{fault} - at `{field}`")
