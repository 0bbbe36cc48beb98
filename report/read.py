"""Reading what a comparison left behind, checked before it is drawn."""

from dataclasses import replace
from pathlib import Path

from shared import plotting
from shared.errors import UsageError
from shared.results import ComparisonResult, load_results

# What a results.json needs beyond its types for a page to be drawn from it.
NEEDED = {
    "config": ("alignment", "batch_size"),
    "environment": ("physical_cores", "load_average"),
}


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
