"""Reading what a comparison left behind, checked before it is drawn."""

from dataclasses import replace
from pathlib import Path

from report.pairs import with_comparison
from shared.errors import UsageError
from shared.inputs import path_within
from shared.results import ComparisonResult, RunResult
from shared.results_file import load_results
from shared.visible import spell_out


def read_folder(folder: Path) -> ComparisonResult:
    """The results in a folder, compared by today's rules.

    Raises:
        UsageError: there are none, or something in them is not as it must be to be shown.
    """
    path = folder / "results.json"
    try:
        result = load_results(path)
        for place, run in enumerate(result.runs):
            _require_within(folder, run, place)
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder of results, but {path} cannot be read "
            f"({error.strerror}); name one that a comparison wrote."
        ) from None
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    return spell_out(with_comparison(result))


def _require_within(folder: Path, run: RunResult, place: int) -> None:
    for kind, name in (("weights", run.weights), ("predictions", run.predictions)):
        try:
            path_within(folder, name or "")
        except ValueError as error:
            path = folder / "results.json"
            raise ValueError(f"{path}: {error} - at `$.runs[{place}].{kind}`") from None


def with_whole_paths(result: ComparisonResult, folder: Path) -> ComparisonResult:
    """The same, with `folder` before the names of the runs' files."""
    runs = [
        replace(
            run,
            weights=run.weights and str(folder / run.weights),
            predictions=run.predictions and str(folder / run.predictions),
        )
        for run in result.runs
    ]
    return replace(result, runs=runs)
