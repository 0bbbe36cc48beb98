"""Every picture, as PNG: each is handed the series that it draws."""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from PIL import Image

from report.axes import logarithmic_ticks, spread_marks, ticks, whole_marks
from report.colors import DISAGREE, INK, PALE, PHASES, RIGHT, WRONG
from report.lettering import drawable, letters
from shared import formats
from shared.datasets import Dataset
from shared.pairs import MeanInterval
from shared.results import write_atomically
from shared.series import Ledger, Line
from shared.visible import visible

GRID_COLUMNS, GRID_ROWS = 8, 4

MOST_PICTURES = 100


def plot_curves(title: str, curves: Mapping[str, Sequence[Line]], path: Path) -> None:
    """Loss and accuracy of all runs by epoch: dashed on training images, solid on test images.

    Args:
        curves: the lines of `loss` and of `accuracy`.
    """
    height = 4.4 + 0.2 * math.ceil(len(curves["loss"]) / 4)
    figure = Figure(figsize=(11, height), layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    for axes, name in ((loss_axes, "Cross-entropy loss"), (accuracy_axes, "Accuracy")):
        draw_lines(axes, curves["loss" if axes is loss_axes else "accuracy"])
        axes.set(xlabel="Epoch", title=name)
        set_epoch_ticks(axes, curves["loss"])
        end_at_a_mark(axes, 1.0 if axes is accuracy_axes else math.inf)
        clear_frame(axes)
    # Beneath, because many runs would hide their own curves.
    handles, labels = loss_axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    accuracy_axes.yaxis.set_major_formatter(lambda value, _: formats.percent(value, None))
    figure.suptitle(title)
    save(figure, path)


def plot_time(title: str, ledgers: Sequence[Ledger], path: Path) -> None:
    """Where the wall time of each run went: one stacked bar a run."""
    figure = Figure(figsize=(11, 1.9 + 0.6 * len(ledgers)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(ledgers))
    for phase, color in PHASES.items():
        seconds = np.array([ledger.seconds[phase] for ledger in ledgers])
        runs, label = [ledger.run for ledger in ledgers], phase.replace("_", " ")
        axes.barh(runs, seconds, left=left, color=color, label=label)
        left += seconds
    for row, total in enumerate(left):
        axes.text(total, row, f"  {formats.seconds(total, 1)}", va="center")
    axes.invert_yaxis()
    marks = ticks(0, max(left), 8)
    # The longest bar's sum stands behind it.
    axes.set(xticks=marks, xlim=(0, marks[-1] * 1.04))
    axes.set_xlabel("Seconds since the process started")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=len(PHASES), frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.suptitle(title)
    save(figure, path)


def plot_throughput(
    title: str, lines: Sequence[Line], path: Path, against: str = "Batch size"
) -> None:
    """Training images per second of all runs against batch size, or workers, both logarithmic.

    Where a line rises with the batch size, its framework's work per step rules; where it levels
    off, the arithmetic does. A dashed line shows what the arithmetic alone allows.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    draw_lines(axes, lines)
    axes.set(
        title=title,
        xlabel=against,
        ylabel="Images per second",
        xscale="log",
        yscale="log",
    )
    sizes = spread_marks(sorted({x for line in lines for x, _ in line.points}))
    axes.set_xticks(sizes, [str(size) for size in sizes])
    marks = logarithmic_ticks(*axes.dataLim.intervaly)
    axes.set(yticks=marks, ylim=(marks[0], marks[-1]))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: formats.count(value))
    clear_frame(axes)
    # Beneath, because bands may fill the whole picture.
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    save(figure, path)


def plot_effects(
    title: str,
    accuracies: Mapping[str, MeanInterval],
    losses: Sequence[Line],
    path: Path,
) -> None:
    """Changes of the final test accuracy by name, and of the training loss by epoch, in the same
    order."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    accuracy_axes, loss_axes = figure.subplots(1, 2)
    for row, (interval, line) in enumerate(zip(accuracies.values(), losses, strict=True)):
        limits = (interval.low, interval.mean, interval.high)
        low, middle, high = (100 * (interval.mean if each is None else each) for each in limits)
        error = [[middle - low], [high - middle]]
        accuracy_axes.errorbar(middle, row, xerr=error, fmt="o", color=line.color, capsize=4)
    accuracy_axes.set_yticks(range(len(accuracies)), list(accuracies))
    accuracy_axes.invert_yaxis()
    accuracy_axes.set(title="Final test accuracy", xlabel="Change, percentage points")
    accuracy_axes.axvline(0, color="black", lw=0.8)
    draw_lines(loss_axes, losses)
    loss_axes.set(title="Training loss", xlabel="Epoch")
    set_epoch_ticks(loss_axes, losses)
    end_at_a_mark(loss_axes)
    named = loss_axes.get_legend_handles_labels()
    figure.legend(*named, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    loss_axes.axhline(0, color="black", lw=0.8)
    for axes in (accuracy_axes, loss_axes):
        clear_frame(axes)
    figure.suptitle(title)
    save(figure, path)


def plot_predictions(
    title: str,
    dataset: Dataset,
    predicted: Mapping[str, np.ndarray],
    disputed: np.ndarray,
    rows: np.ndarray,
    path: Path,
) -> None:
    """A grid of test images with the true class and what each run predicts.

    Args:
        predicted: the class of each test image, [n], by run.
        disputed: rows that the runs disagree about, which get a yellow frame.
        rows: those to draw, at most as many as the grid has cells.
    """
    # One mosaic in one pair of axes: a pair for each image would take ten times as long to draw.
    side = math.isqrt(dataset.test_images.shape[1])
    margin, line = side / 4, side / 6
    width, height = side + 2 * margin, side + (len(predicted) + 2.5) * line
    figure = Figure(figsize=(14, 14 * GRID_ROWS * height / (GRID_COLUMNS * width) + 0.8))
    axes = figure.add_axes((0, 0.05, 1, 0.88))
    axes.set_axis_off()
    for cell, row in enumerate(rows):
        left = cell % GRID_COLUMNS * width + margin
        top = cell // GRID_COLUMNS * height + 1.2 * line
        truth = dataset.test_labels[row]
        image = dataset.test_images[row].reshape(side, side)
        axes.imshow(image, cmap="gray_r", extent=(left, left + side, top + side, top))
        middle, shown = left + side / 2, {"ha": "center", "fontsize": 8.5}
        axes.text(middle, top - 0.3 * line, f"{row}: {dataset.class_names[truth]}", shown)
        if row in disputed:
            frame = Rectangle((left, top), side, side, fill=False, edgecolor=DISAGREE, linewidth=4)
            axes.add_patch(frame)
        for number, (run, labels) in enumerate(predicted.items(), start=1):
            answer = f"{run}: {dataset.class_names[labels[row]]}"
            color = RIGHT if labels[row] == truth else WRONG
            axes.text(middle, top + side + number * line, answer, shown, color=color)
    # Drawing an image sets the limits anew.
    axes.set(xlim=(0, GRID_COLUMNS * width), ylim=(GRID_ROWS * height, 0))
    if len(predicted) > 1:
        count, images = map(formats.count, (len(disputed), len(dataset.test_labels)))
        title += f"; the runs disagree about {count} of {images} images"
    figure.suptitle(title)
    handles = [Patch(color=RIGHT, label="right"), Patch(color=WRONG, label="wrong")]
    if len(disputed):
        handles.append(Patch(color=DISAGREE, label="the runs disagree"))
    figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False)
    save(figure, path)


def plot_confusion(counts: np.ndarray, class_names: Sequence[str], title: str, path: Path) -> None:
    """Images by label (row) and prediction (column): counts [10, 10], shaded by share of a row."""
    figure = Figure(figsize=(8, 7.4), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root brings out the few mistakes beside the many right answers.
    axes.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if shares[row, column] > 0.4 else "black"
            axes.text(
                column, row, formats.count(count), ha="center", va="center", color=color, fontsize=9
            )
    places = range(len(class_names))
    axes.set_xticks(places, class_names)
    if max(map(len, class_names)) > 2:
        axes.tick_params("x", rotation=45, rotation_mode="xtick")
    axes.set_yticks(places, class_names)
    axes.set(xlabel="Prediction", ylabel="Label")
    right = int(np.trace(counts))
    figure.suptitle(f"{title}: {formats.percent(right / counts.sum())} right")
    save(figure, path)


def plot_pictures(
    names: Sequence[str],
    pictures: Sequence[Image.Image],
    prepared: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    path: Path,
) -> None:
    """One row a picture: as it is, as the network sees it, and how likely each class is.

    Only the first MOST_PICTURES of them, because a PNG can't be any taller.

    Args:
        prepared: [n, 28, 28].
        probabilities: [n, 10].
    """
    shown = min(len(pictures), MOST_PICTURES)
    figure = Figure(figsize=(9, 0.6 + 2.4 * shown), layout="constrained")
    grid = figure.subplots(shown, 3, squeeze=False, width_ratios=(1, 1, 1.4))
    for row, (original, seen, bars) in enumerate(grid):
        best = probabilities[row].argmax()
        grey = {"cmap": "gray", "vmin": 0, "vmax": 255}
        original.imshow(np.asarray(pictures[row]), **grey)
        lettering = {"fontsize": 10, "fontfamily": list(letters()), "parse_math": False}
        original.set_title(drawable(visible(names[row], 28)), **lettering)
        seen.imshow(prepared[row], **grey)
        seen.set_title("what the network sees", fontsize=10)
        for axes in (original, seen):
            axes.set(xticks=[], yticks=[])
        colors = [INK if place == best else PALE for place in range(len(class_names))]
        bars.barh(range(len(class_names)), probabilities[row], color=colors)
        bars.set(xlim=(0, 1), ylim=(len(class_names) - 0.5, -0.5))
        bars.set_yticks(range(len(class_names)), class_names, fontsize=8)
        bars.xaxis.set_major_formatter(lambda value, _: formats.percent(value, 0))
        bars.set_title(
            f"{class_names[best]}, {formats.probability(probabilities[row][best])}", fontsize=10
        )
        bars.spines[["top", "right"]].set_visible(False)
    if shown < len(pictures):
        figure.suptitle(f"The first {shown} of {len(pictures)} images")
    save(figure, path)


def draw_lines(axes: Axes, lines: Iterable[Line]) -> None:
    """Each line with its points and its band, in the colour of its run."""
    for line in lines:
        width = 1.5 + 3 * (line.depth or 0)
        xs, ys = zip(*line.points, strict=True)
        axes.plot(
            xs,
            ys,
            "o--" if line.dashed else "o-",
            label=line.label,
            color=line.color,
            lw=width,
            ms=width + 2,
            alpha=0.8,
        )
        if line.band:
            lows, highs = zip(*line.band, strict=True)
            axes.fill_between(xs, lows, highs, color=line.color, alpha=0.15, lw=0)


def set_epoch_ticks(axes: Axes, lines: Iterable[Line]) -> None:
    """Mark whole epochs only, the last one among them."""
    axes.set_xticks(whole_marks(sorted({x for line in lines for x, _ in line.points})))


def end_at_a_mark(axes: Axes, ceiling: float = math.inf) -> None:
    """Begin and end the upright axis at marks that enclose all points.

    Args:
        axes: with all that is drawn.
        ceiling: that no value can exceed; the axis ends there at the latest.
    """
    low, high = axes.dataLim.intervaly
    # Without a finite value there is nothing to enclose.
    if low <= high:
        marks = [mark for mark in ticks(low, high) if mark <= ceiling]
        axes.set(yticks=marks, ylim=(marks[0], marks[-1]))


def clear_frame(axes: Axes) -> None:
    """A grid in place of the frame's upper and right side."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomically(path, picture.getvalue())
