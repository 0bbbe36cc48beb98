"""Writing all that a comparison leaves behind."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from report import plotting, series
from report.figures import dataset_title
from report.markdown import markdown
from report.read import with_whole_paths
from shared import interrupts
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.outputs import RESULTS
from shared.results import SWEPT, ComparisonResult, DatasetFacts, group_by_run, write_atomically
from shared.results_file import save_results
from shared.visible import spell_out


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


# What a terminal says meanwhile.
DRAWING = "drawing the pictures and report.html"

# Each picture with a text for it, and what draws it if there is something to see.
Drawn = tuple[str, str, Callable[["Sight", Path], bool]]


@dataclass(frozen=True)
class Sight:
    """What the pictures are drawn of."""

    result: ComparisonResult
    dataset: Dataset
    folder: Path

    @property
    def title(self) -> str:
        """Of the dataset."""
        return dataset_title(self.result)

    @property
    def groups(self) -> series.Groups:
        """The runs in the first setting, with whole paths."""
        return group_by_run(with_whole_paths(self.result, self.folder).main_runs())


def say_that_it_goes_on() -> None:
    """Answer whoever interrupts the report."""
    times = "twice more" if interrupts.until_obeyed() > 1 else "once more"
    interrupts.say(f"Interrupted: writing what is finished; interrupt {times} to stop that too.")


def write_report(result: ComparisonResult, dataset: Dataset, folder: Path) -> list[str]:
    """Write `results.json`, the pictures, `summary.md` and `report.html`, each on its own.

    The figures are written first, and no file costs another.

    Returns:
        A sentence for each file that could not be written.
    """
    result = spell_out(result)
    failures = write_figures(result, folder)
    pictures = draw_pictures(result, dataset, folder, failures)
    with told(folder / "summary.md", failures):
        write_atomically(folder / "summary.md", markdown(result, pictures))
    with told(folder / "report.html", failures):
        # Only now: what draws it takes longer to import than a small network to train.
        from report.page.page import write_page

        write_page(result, dataset, folder)
    return failures


def write_figures(result: ComparisonResult, folder: Path) -> list[str]:
    """Write `results.json`, also where the folder has gone; returns what `write_report` does."""
    failures: list[str] = []
    path = folder / RESULTS
    with told(path, failures):
        folder.mkdir(parents=True, exist_ok=True)
        save_results(result, path)
    return failures


@contextlib.contextmanager
def told(path: Path, failures: list[str]) -> Iterator[None]:
    """Go on after a block in which a file can't be written, with a sentence about it."""
    try:
        yield
    except OSError as error:
        failures.append(f"{path} cannot be written ({error.strerror or error}).")
    # Whatever it is, it must not cost the other files.
    except Exception as error:  # noqa: BLE001
        failures.append(f"{path} cannot be drawn ({type(error).__name__}: {error}).")


def draw_pictures(
    result: ComparisonResult, dataset: Dataset, folder: Path, failures: list[str]
) -> dict[str, str]:
    """Draw what there is to be seen; returns the files' names, each with a text for it."""
    pictures = {}
    for name, text, draw in PICTURES:
        with told(folder / name, failures):
            if draw(Sight(result, dataset, folder), folder / name):
                pictures[name] = text
    return pictures


def draw_throughput(sight: Sight, path: Path) -> bool:
    """Speed against what is swept, if anything is."""
    swept = sight.result.swept
    lines = series.throughput(sight.result) if swept else None
    if lines and swept:
        title = f"Training speed on {sight.title}"
        plotting.plot_throughput(title, lines, path, SWEPT[swept].capitalize())
    return bool(lines)


def draw_time(sight: Sight, path: Path) -> bool:
    """The phases of each run."""
    if ledgers := series.phase_times(sight.groups):
        plotting.plot_time(f"Where the time went on {sight.title}", ledgers, path)
    return bool(ledgers)


def draw_curves(sight: Sight, path: Path) -> bool:
    """Loss and accuracy of each run over its epochs."""
    if curves := series.curves(sight.groups):
        plotting.plot_curves(f"Learning curves on {sight.title}", curves, path)
    return bool(curves)


def draw_predictions(sight: Sight, path: Path) -> bool:
    """Test images with the runs' answers."""
    dataset = sight.dataset
    given = series.answers(sight.groups, dataset.test_labels)
    if given.logits:
        cells = plotting.GRID_COLUMNS * plotting.GRID_ROWS
        plotting.plot_predictions(
            f"Predictions on {sight.title}",
            dataset,
            {given.runs[place]: logits.argmax(axis=1) for place, logits in given.logits.items()},
            given.disputed,
            series.grid_rows(given.disputed, len(dataset.test_labels), cells),
            path,
        )
    return bool(given.logits)


PICTURES: tuple[Drawn, ...] = (
    ("throughput.png", "Training images per second in a sweep", draw_throughput),
    ("time.png", "Where the time went", draw_time),
    ("curves.png", "Learning curves", draw_curves),
    ("predictions.png", "Predictions on test images", draw_predictions),
)
