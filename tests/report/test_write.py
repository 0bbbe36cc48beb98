"""The files that a comparison leaves in its folder."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from safetensors.numpy import save_file

from report import plotting, terminal, write
from report.page import page
from shared.datasets import Dataset
from shared.results import RunResult
from shared.results_file import load_results
from tests.support.results import (
    ALL_PICTURES,
    MISSING,
    REPORTS,
    TEST_IMAGES,
    UNFINISHED,
    make_result,
    make_run,
)


def test_assembled_facts(dataset):
    result = make_result(dataset, make_run("numpy/reference"), missing=MISSING)
    assert (result.dataset.name, result.dataset.missing) == ("digits", MISSING)
    assert (result.dataset.train_size, result.dataset.test_size) == (1437, TEST_IMAGES)
    assert result.dataset.classes == list(dataset.class_names)
    assert result.config.dataset == "digits"
    assert datetime.fromisoformat(result.created).utcoffset().total_seconds() == 0


def save_predictions(dataset: Dataset, run: RunResult, folder: Path, wrong: int) -> None:
    """Logits that are right but for the first `wrong` images."""
    answers = dataset.test_labels.copy()
    answers[:wrong] = (answers[:wrong] + 1) % 10
    save_file({"logits": np.eye(10, dtype=np.float32)[answers]}, folder / run.predictions)


@pytest.mark.parametrize(("runs", "pictures"), REPORTS.values(), ids=REPORTS)
def test_report_files(runs, pictures, dataset, tmp_path, monkeypatch):
    if len(runs) > 1:
        # The grid is drawn whole only once, because that takes seconds.
        monkeypatch.setattr(plotting, "GRID_COLUMNS", 2)
        monkeypatch.setattr(plotting, "GRID_ROWS", 1)
    for number, run in enumerate(runs):
        if run.status == "completed":
            save_predictions(dataset, run, tmp_path, wrong=3 * number)
    predictions = {run.predictions for run in runs if run.predictions}
    result = make_result(dataset, *runs)
    write.write_report(result, dataset, tmp_path)
    written = {path.name for path in tmp_path.iterdir()} - predictions
    assert written == {"results.json", "summary.md", "report.html"} | pictures
    assert load_results(tmp_path / "results.json") == result
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    for name in pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        pixels = imread(tmp_path / name)
        assert min(pixels.shape[:2]) > 100
        # More than one colour: something is drawn. As whole numbers they are sorted in no time.
        colours = np.rint(pixels[..., :3] * 255).astype(np.uint32) @ [1 << 16, 1 << 8, 1]
        assert len(np.unique(colours)) > 2
    for name in ALL_PICTURES:
        assert (f"({name})" in summary) == (name in pictures)
    listed = terminal.describe_files(tmp_path)
    others = f", and {len(predictions)} files of weights, predictions and logs"
    assert (
        listed == f"Written to {tmp_path}: {', '.join(sorted(written))}{others * bool(predictions)}"
    )


BREAKS = {
    "a picture": (plotting, "plot_time", "time.png"),
    "all pictures": (plotting, "save", "time.png"),
    "the summary": (write, "markdown", "summary.md"),
    "the page": (page, "render", "report.html"),
    "the figures": (write, "save_results", "results.json"),
}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "cannot be written (No space left on device)"),
        (RuntimeError("no such colour"), "cannot be drawn (RuntimeError: no such colour)"),
    ],
)
@pytest.mark.parametrize(("owner", "name", "file"), BREAKS.values(), ids=BREAKS)
def test_a_file_that_fails_costs_no_other(
    owner, name, file, error, words, dataset, tmp_path, monkeypatch
):
    def fail(*_):
        raise error

    monkeypatch.setattr(plotting, "save", lambda figure, path: path.write_text("drawn"))
    monkeypatch.setattr(owner, name, fail)
    failures = write.write_report(make_result(dataset, *UNFINISHED), dataset, tmp_path)
    assert f"{tmp_path / file} {words}." in failures
    written = {path.name for path in tmp_path.iterdir()}
    lost = {"time.png", "curves.png"} if name == "save" else {file}
    whole = {"results.json", "summary.md", "report.html", "time.png", "curves.png"}
    assert written == whole - lost
    assert len(failures) == len(lost)


def test_figures_come_back_after_their_folder_was_deleted(dataset, tmp_path):
    folder = tmp_path / "deleted"
    result = make_result(dataset, *UNFINISHED)
    assert write.write_figures(result, folder) == []
    assert load_results(folder / "results.json") == result
    (tmp_path / "file").write_text("")
    (failure,) = write.write_figures(result, tmp_path / "file")
    assert failure == f"{tmp_path}/file/results.json cannot be written (File exists)."
    assert terminal.describe_files(tmp_path / "gone").startswith("Nothing could be written to ")
