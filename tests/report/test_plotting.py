"""What the pictures show, by the figures that would be saved."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from report import plotting, series, write
from shared.clock import PHASES
from shared.datasets import Dataset
from tests.support.results import make_result, make_run, make_unfinished


def test_bars_are_means_over_the_repeats(figures, tmp_path):
    first, second = make_run("pytorch/eager", 0), make_run("pytorch/eager", 1)
    second.phases = {phase: 3 * seconds for phase, seconds in first.phases.items()}
    ledgers = series.phase_times({"pytorch/eager": [first, second]})
    plotting.plot_time("Time", ledgers, tmp_path / "time.png")
    (axes,) = figures[0].axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == [2 * first.phases[phase] for phase in PHASES]
    assert [text.get_text().strip() for text in axes.texts] == ["27.5 s"]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [phase.replace("_", " ") for phase in PHASES]


def test_curves_are_means_with_the_range_as_band(figures, tmp_path):
    first, second = make_run("pytorch/eager", 0), make_run("pytorch/eager", 1)
    second.epochs = [replace(epoch, test_loss=epoch.test_loss + 1) for epoch in first.epochs]
    cut_short = make_unfinished("pytorch/eager", "interrupted", "Stopped.", epochs=1, seed=2)
    curves = series.curves({"pytorch/eager": [first, second, cut_short]})
    plotting.plot_curves("Curves", curves, tmp_path / "curves.png")
    loss_axes, accuracy_axes = figures[0].axes
    lines = {line.get_label(): line for line in loss_axes.lines}
    assert list(lines) == ["pytorch/eager, training", "pytorch/eager, test"]
    assert [lines[name].get_linestyle() for name in lines] == ["--", "-"]
    tested = lines["pytorch/eager, test"]
    assert tested.get_xdata().tolist() == [1, 2, 3]
    expected = [epoch.test_loss + 0.5 for epoch in first.epochs]
    np.testing.assert_allclose(tested.get_ydata(), expected)
    assert len(loss_axes.collections) == len(accuracy_axes.collections) == 2


def draw_predictions(dataset: Dataset, logits: Mapping[str, np.ndarray], folder: Path) -> None:
    """All pictures of these runs; the last one is the grid of test images."""
    runs = [make_run(name) for name in logits]
    for run in runs:
        save_file({"logits": logits[run.run]}, folder / run.predictions)
    failures: list[str] = []
    write.draw_pictures(make_result(dataset, *runs), dataset, folder, failures)
    assert failures == []


def test_disputed_images_come_first(figures, dataset, tmp_path):
    agreed = np.eye(10)[dataset.test_labels]
    other = agreed.copy()
    disputed = list(range(30, 50))
    other[disputed] = np.roll(agreed[disputed], 1, axis=1)
    logits = {"pytorch/eager": agreed, "tensorflow/fit": other}
    draw_predictions(dataset, logits, tmp_path)
    (axes,) = figures[-1].axes
    assert len(axes.images) == 32
    # For each image its number and true class, then what each run says.
    texts = [(text.get_text(), text.get_color()) for text in axes.texts]
    titles = [text.partition(":")[0] for text, _ in texts[::3]]
    # At most half of the grid's 32 cells, then the first images of the test set.
    assert titles == [str(row) for row in (*disputed[:16], *range(16))]
    assert "disagree about 20 of 50 images" in figures[-1].get_suptitle()
    assert texts[1:3] == [
        ("pytorch/eager: zero", plotting.RIGHT),
        ("tensorflow/fit: one", plotting.WRONG),
    ]
    assert len(axes.patches) == 16, "one frame for each disputed image shown"


def test_few_test_images_leave_cells_empty(figures, dataset, tmp_path):
    few = dataset.with_test_images(5)
    logits = {"numpy/reference": np.eye(10)[few.test_labels]}
    draw_predictions(few, logits, tmp_path)
    (axes,) = figures[-1].axes
    titles = [text.get_text() for text in axes.texts[::2]]
    assert titles == ["0: zero", "1: one", "2: two", "3: three", "4: 4"]
    assert len(axes.images) == 5
    assert "disagree" not in figures[-1].get_suptitle()
