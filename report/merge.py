"""Several comparisons, from different machines, as one."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from report.intervals import compare_runs
from shared import formats
from shared.errors import UsageError
from shared.results import ComparisonResult


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


def label_runs(result: ComparisonResult, label: str) -> ComparisonResult:
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


def merge_results(results: Sequence[ComparisonResult]) -> ComparisonResult:
    """All runs in one result, whose other facts are those of the first one."""
    if len(results) == 1:
        return results[0]
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
        values = [formats.text(result.config.get(name)) for result in results]
        if len(set(values)) > 1 and name not in ("data_dir", "offline", "threads"):
            setting = name.replace("_", " ")
            said.append(f"WARNING: the comparisons differ in {setting}: {'; '.join(values)}.")
    return said


def _short(processor: str) -> str:
    """A processor's name without trade marks, clock rate and other words that tell nothing."""
    return " ".join(re.sub(r"\((R|TM)\)| CPU| Processor|@.*", " ", processor).split())
