"""Every picture: curves, time and predictions, as PNG."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import LogLocator
from PIL import Image

from shared import formats
from shared.clock import PHASES
from shared.datasets import Dataset
from shared.registry import COLORS
from shared.results import ComparisonResult, group_by_run, write_atomically

PHASE_COLORS = ("#999999", "#56B4E9", "#009E73", "#E69F00", "#0072B2", "#CC79A7", "#DDDDDD")

RIGHT, WRONG, DISAGREE = "#00704f", "#b34700", "#f3c300"

GRID_COLUMNS, GRID_ROWS = 8, 4

MOST_PICTURES = 100


def plot_curves(result: ComparisonResult, path: Path) -> None:
    """Loss and accuracy of all runs by epoch: dashed on training images, solid on test images.

    Several repeats of a run give its mean as a line and their range as a band.
    """
    groups = group_by_run(result.main_runs())
    height = 4.4 + 0.2 * math.ceil(2 * len(groups) / 4)
    figure = Figure(figsize=(11, height), layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    for place, (run, repeats) in enumerate(groups.items()):
        color = COLORS[place % len(COLORS)]
        # Curves that coincide stay visible: the first ones are drawn wider, beneath the others.
        width = 1.5 + 3 * (len(groups) - 1 - place) / max(1, len(groups) - 1)
        # A repeat that was cut short would bend the mean of the later epochs.
        longest = max(len(repeat.epochs) for repeat in repeats)
        histories = [repeat.epochs for repeat in repeats if len(repeat.epochs) == longest]
        if longest == 0:
            continue
        epochs = [epoch.epoch for epoch in histories[0]]
        for axes, figure_name in ((loss_axes, "loss"), (accuracy_axes, "accuracy")):
            for part, style in (("train", "--"), ("test", "-")):
                values = np.array(
                    [
                        [getattr(e, f"{part}_{figure_name}") for e in history]
                        for history in histories
                    ]
                )
                label = f"{run}, {part}"
                axes.plot(
                    epochs,
                    values.mean(axis=0),
                    style,
                    color=color,
                    lw=width,
                    marker="o",
                    ms=width + 2,
                    alpha=0.8,
                    label=label,
                )
                if len(values) > 1:
                    low, high = values.min(axis=0), values.max(axis=0)
                    axes.fill_between(epochs, low, high, color=color, alpha=0.15, lw=0)
    for axes, name in ((loss_axes, "Cross-entropy loss"), (accuracy_axes, "Accuracy")):
        axes.set(xlabel="Epoch", title=name)
        set_epoch_ticks(axes, max(len(run.epochs) for run in result.main_runs()))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    # Beneath, because many runs would hide their own curves.
    handles, labels = loss_axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    accuracy_axes.yaxis.set_major_formatter(lambda value, _: formats.percent(value, 1))
    figure.suptitle(f"Learning curves on {title(result)}")
    save(figure, path)


def plot_time(result: ComparisonResult, path: Path) -> None:
    """Where the wall time of each run went: one stacked bar a run, mean over its repeats."""
    groups = {
        run: [repeat.phases for repeat in repeats if repeat.phases]
        for run, repeats in group_by_run(result.main_runs()).items()
    }
    groups = {run: repeats for run, repeats in groups.items() if repeats}
    figure = Figure(figsize=(11, 1.9 + 0.6 * len(groups)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(groups))
    for phase, color in zip(PHASES, PHASE_COLORS, strict=True):
        seconds = np.array(
            [np.mean([phases[phase] for phases in repeats]) for repeats in groups.values()]
        )
        axes.barh(list(groups), seconds, left=left, color=color, label=phase.replace("_", " "))
        left += seconds
    for row, total in enumerate(left):
        axes.text(total, row, f"  {formats.seconds(total, 1)}", va="center")
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("Seconds since the process started")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=len(PHASES), frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.suptitle(f"Where the time went on {title(result)}")
    save(figure, path)


def plot_predictions(
    result: ComparisonResult, dataset: Dataset, logits: Mapping[str, np.ndarray], path: Path
) -> None:
    """A grid of test images with the true class and what each run predicts.

    Images that the runs disagree about come first (at most half of the grid), then the first
    images of the test set. A yellow frame marks a disagreement.

    Args:
        logits: of each run, [n, 10] in the order of the test images.
    """
    predicted = {run: values.argmax(axis=1) for run, values in logits.items()}
    votes = np.array(list(predicted.values()))
    disagree = (votes != votes[0]).any(axis=0)
    cells = GRID_COLUMNS * GRID_ROWS
    disputed = np.flatnonzero(disagree)[: cells // 2]
    others = np.setdiff1d(np.arange(min(len(disagree), 2 * cells)), disputed)
    rows = np.concatenate([disputed, others])[:cells]

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
        middle = {"x": left + side / 2, "ha": "center", "fontsize": 8.5}
        axes.text(y=top - 0.3 * line, s=f"{row}: {dataset.class_names[truth]}", **middle)
        if disagree[row]:
            frame = Rectangle((left, top), side, side, fill=False, edgecolor=DISAGREE, linewidth=4)
            axes.add_patch(frame)
        for number, (run, labels) in enumerate(predicted.items(), start=1):
            answer = f"{run}: {dataset.class_names[labels[row]]}"
            color = RIGHT if labels[row] == truth else WRONG
            axes.text(y=top + side + number * line, s=answer, color=color, **middle)
    # Drawing an image sets the limits anew.
    axes.set(xlim=(0, GRID_COLUMNS * width), ylim=(GRID_ROWS * height, 0))
    count = int(disagree.sum())
    disputes = (
        f"; the runs disagree about {formats.count(count)} of {formats.count(len(disagree))} images"
    )
    figure.suptitle(f"Predictions on {title(result)}" + (disputes if len(predicted) > 1 else ""))
    handles = [Patch(color=RIGHT, label="right"), Patch(color=WRONG, label="wrong")]
    if count:
        handles.append(Patch(color=DISAGREE, label="the runs disagree"))
    figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False)
    save(figure, path)


def plot_throughput(result: ComparisonResult, path: Path) -> None:
    """Training images per second of all runs against batch size, both logarithmic.

    Where a line rises with the batch size, its framework's work per step rules; where it levels
    off, the arithmetic does. Several repeats give their mean as a line and their range as a band;
    where the floor was measured, a dashed line shows what the arithmetic alone allows.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for place, (run, repeats) in enumerate(group_by_run(result.runs).items()):
        color = COLORS[place % len(COLORS)]
        measured: dict[int, list[float]] = {}
        for repeat in repeats:
            if repeat.status == "completed":
                measured.setdefault(repeat.batch_size, []).append(repeat.samples_per_second)
        sizes = sorted(measured)
        axes.plot(sizes, [np.mean(measured[size]) for size in sizes], "o-", color=color, label=run)
        low, high = ([limit(measured[size]) for size in sizes] for limit in (min, max))
        axes.fill_between(sizes, low, high, color=color, alpha=0.15, lw=0)
    floors: dict[int, float] = {}
    for floor in result.floor:
        fastest = floors.get(floor.batch_size, math.inf)
        floors[floor.batch_size] = min(floor.median_seconds, fastest)
    if floors:
        sizes = sorted(floors)
        speeds = [result.dataset.train_size / floors[size] for size in sizes]
        axes.plot(sizes, speeds, "--", color="black", label="matrix products alone")
    axes.set(
        title=f"Training speed on {title(result)}",
        xlabel="Batch size",
        ylabel="Images per second",
        xscale="log",
        yscale="log",
    )
    axes.set_xticks(result.batch_sizes(), [str(size) for size in result.batch_sizes()])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: formats.count(value))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save(figure, path)


def plot_confusion(counts: np.ndarray, class_names: Sequence[str], title: str, path: Path) -> None:
    """Images by label (row) and prediction (column): counts [10, 10], shaded by share of a row."""
    figure = Figure(figsize=(8, 7.4), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root brings out the few mistakes beside the many right answers.
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
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
        original.set_title(shorten(names[row]), fontsize=10, parse_math=False)
        seen.imshow(prepared[row], **grey)
        seen.set_title("what the network sees", fontsize=10)
        for axes in (original, seen):
            axes.set(xticks=[], yticks=[])
        colors = [COLORS[0] if place == best else "#999999" for place in range(len(class_names))]
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


def shorten(name: str, length: int = 28) -> str:
    """A name that may be too long for a heading, cut in its middle."""
    half = length // 2
    return name if len(name) <= length else f"{name[:half]}...{name[-half:]}"


def set_epoch_ticks(axes: Axes, epochs: int) -> None:
    """Mark whole epochs only, all of them where they are few."""
    if epochs <= 20:
        axes.set_xticks(range(1, epochs + 1))
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)


def title(result: ComparisonResult) -> str:
    """The dataset's name as people write it."""
    return DATASET_TITLES[result.dataset.name]


DATASET_TITLES = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "digits": "scikit-learn's embedded digits",
}


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomically(path, picture.getvalue())
