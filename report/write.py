"""Writing all that a comparison leaves behind."""

from pathlib import Path

from report import series
from report.markdown import markdown
from report.read import with_whole_paths
from report.table import dataset_title
from shared import plotting
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.results import ComparisonResult, DatasetFacts, group_by_run, write_atomically
from shared.results_file import save_results


def describe_dataset(dataset: Dataset, missing: MissingFiles | None) -> DatasetFacts:
    """The dataset as it goes into `results.json`.

    Args:
        missing: why it is not the one that was meant.
    """
    return DatasetFacts(
        dataset.name,
        len(dataset.train_labels),
        len(dataset.test_labels),
        list(dataset.class_names),
        dataset.sha256,
        missing,
    )


def write_report(result: ComparisonResult, dataset: Dataset, folder: Path) -> None:
    """Write `results.json`, the pictures, `summary.md` and `report.html`.

    The figures are written first, so that no failing picture can cost them.
    """
    save_results(result, folder / "results.json")
    pictures = draw_pictures(result, dataset, folder)
    write_atomically(folder / "summary.md", markdown(result, pictures))
    # Only now: what draws the page takes longer to import than a small network to train.
    from report.page.page import write_page

    write_page(result, dataset, folder)


def draw_pictures(result: ComparisonResult, dataset: Dataset, folder: Path) -> dict[str, str]:
    """Draw what there is to be seen; returns the files' names, each with a text for it."""
    groups = group_by_run(with_whole_paths(result, folder).main_runs())
    title, pictures = dataset_title(result), {}
    if len(result.batch_sizes()) > 1 and (lines := series.throughput(result)):
        pictures["throughput.png"] = "Training images per second against batch size"
        plotting.plot_throughput(f"Training speed on {title}", lines, folder / "throughput.png")
    if ledgers := series.phase_times(groups):
        pictures["time.png"] = "Where the time went"
        plotting.plot_time(f"Where the time went on {title}", ledgers, folder / "time.png")
    if curves := series.curves(groups):
        pictures["curves.png"] = "Learning curves"
        plotting.plot_curves(f"Learning curves on {title}", curves, folder / "curves.png")
    given = series.answers(groups, dataset.test_labels)
    if given.logits:
        pictures["predictions.png"] = "Predictions on test images"
        cells = plotting.GRID_COLUMNS * plotting.GRID_ROWS
        plotting.plot_predictions(
            f"Predictions on {title}",
            dataset,
            {given.runs[place]: logits.argmax(axis=1) for place, logits in given.logits.items()},
            given.disputed,
            series.grid_rows(given.disputed, len(dataset.test_labels), cells),
            folder / "predictions.png",
        )
    return pictures
