"""Several comparisons, from different machines, as one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from report.pairs import compare_runs
from shared import formats
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.results import ComparisonResult, Plan, group_by_run


def machine_labels(results: Sequence[ComparisonResult], folders: Sequence[Path]) -> list[str]:
    """A short name for the machine of each result: its processor, or what tells them apart."""
    candidates = [
        [_short(str(result.environment.processor)) for result in results],
        [folder.resolve().name for folder in folders],
        [str(folder) for folder in folders],
    ]
    for labels in candidates:
        if len({*labels, ""}) == len(labels) + 1:
            return labels
    raise UsageError(f"{', '.join(candidates[-1])}: expected different folders; name each once.")


def label_runs(result: ComparisonResult, label: str) -> ComparisonResult:
    """The same with the machine's name before that of every run."""
    verification = result.verification and replace(
        result.verification,
        runs=[replace(run, run=f"{label}: {run.run}") for run in result.verification.runs],
    )
    return replace(
        result,
        runs=[replace(run, run=f"{label}: {run.run}") for run in result.runs],
        floors=[replace(each, library=f"{label}: {each.library}") for each in result.floors],
        verification=verification,
    )


def merge_results(results: Sequence[ComparisonResult]) -> ComparisonResult:
    """All runs in one result, whose other facts are those of the first one."""
    if len(results) == 1:
        return results[0]
    settings = _settings(results)
    runs = [
        replace(run, setting=settings.index(_setting(result, run.setting, settings[0])))
        for result in results
        for run in result.runs
    ]
    floors = [
        replace(floor, setting=settings.index(_setting(result, floor.setting, settings[0])))
        for result in results
        for floor in result.floors
    ]
    verified = [each.verification for each in results if each.verification]
    return replace(
        results[0],
        runs=runs,
        comparison=compare_runs(runs),
        plan=Plan(settings, list(group_by_run(runs)), max(each.plan.repeats for each in results)),
        floors=floors,
        verification=replace(verified[0], runs=[run for each in verified for run in each.runs])
        if verified
        else None,
    )


def _settings(results: Sequence[ComparisonResult]) -> list[dict[str, Any]]:
    """All settings of several comparisons, each once: what any of them varies, and what differs."""
    names = {"batch_size"}.union(*(each for result in results for each in result.plan.settings))
    whole = dict.fromkeys(sorted(names))
    found = []
    for result in results:
        for place in range(len(result.plan.settings)):
            setting = _setting(result, place, whole)
            found += [setting] if setting not in found else []
    return found


def _setting(result: ComparisonResult, place: int, names: Iterable[str]) -> dict[str, Any]:
    """A comparison's setting of that place, with the values of all these fields."""
    changed = result.plan.settings[place]
    return {name: changed.get(name, getattr(result.config, name)) for name in names}


def merge_notices(results: Sequence[ComparisonResult]) -> list[str]:
    """What to keep in mind when results of several machines stand on one page."""
    if len(results) == 1:
        return []
    said = [
        f"NOTICE: merged from {len(results)} comparisons. Between machines, a difference in time "
        "is one of machines, not of frameworks."
    ]
    for name in (item.name for item in fields(TrainConfig)):
        values = [formats.text(getattr(result.config, name)) for result in results]
        if len(set(values)) > 1 and name not in ("data_dir", "offline", "threads"):
            setting = name.replace("_", " ")
            said.append(f"WARNING: the comparisons differ in {setting}: {'; '.join(values)}.")
    return said


def _short(processor: str) -> str:
    """A processor's name without trade marks, clock rate and other words that tell nothing."""
    return " ".join(re.sub(r"\((R|TM)\)| CPU| Processor|@.*", " ", processor).split())
