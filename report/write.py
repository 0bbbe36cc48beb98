"""Writing all that a comparison leaves behind."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from safetensors.numpy import load_file

from report.intervals import compare_runs
from report.markdown import markdown
from report.table import completed_by_run
from shared import plotting
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.results import (
    ComparisonResult,
    DatasetFacts,
    Floor,
    RunResult,
    Verification,
    save_results,
    write_atomically,
)


def assemble(
    command: str,
    config: TrainConfig,
    dataset: Dataset,
    notice: str | None,
    environment: dict[str, object],
    runs: list[RunResult],
    verification: Verification | None = None,
    floor: Sequence[Floor] = (),
    probes: Sequence[float] = (),
) -> ComparisonResult:
    """Everything that is known at the end, as it goes into `results.json`."""
    return ComparisonResult(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        config=config.as_json(),
        dataset=DatasetFacts(
            dataset.name,
            len(dataset.train_labels),
            len(dataset.test_labels),
            list(dataset.class_names),
            dataset.sha256,
            notice,
        ),
        environment=environment,
        runs=runs,
        comparison=compare_runs(runs),
        verification=verification,
        floor=list(floor),
        probes=list(probes),
    )


def write_report(result: ComparisonResult, dataset: Dataset, folder: Path) -> None:
    """Write `results.json`, the pictures, `summary.md` and `report.html`.

    The figures are written first, so that no failing picture can cost them.
    """
    save_results(result, folder / "results.json")
    pictures = {}
    if len(result.batch_sizes()) > 1:
        pictures["throughput.png"] = "Training images per second against batch size"
        plotting.plot_throughput(result, folder / "throughput.png")
    if any(run.phases for run in result.main_runs()):
        pictures["time.png"] = "Where the time went"
        plotting.plot_time(result, folder / "time.png")
    if any(run.epochs for run in result.main_runs()):
        pictures["curves.png"] = "Learning curves"
        plotting.plot_curves(result, folder / "curves.png")
    if completed := completed_by_run(result):
        pictures["predictions.png"] = "Predictions on test images"
        logits = {
            run: load_file(folder / repeats[0].predictions)["logits"]
            for run, repeats in completed.items()
        }
        plotting.plot_predictions(result, dataset, logits, folder / "predictions.png")
    write_atomically(folder / "summary.md", markdown(result, pictures))
    # Only now: that module builds on this one.
    from report.page.page import write_page

    write_page(result, dataset, folder)
