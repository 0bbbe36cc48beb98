"""Measuring trained weights for a person: figures, classes, confusion, and the files of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from safetensors.numpy import save

from commands.foreign.weights import open_network
from commands.requests import EvaluateRequest, MeasureRequest
from commands.twin import import_twin
from report.plotting import plot_confusion
from report.progress import busy
from report.terminal import make_console, say
from shared import formats
from shared.activations import describe_activation
from shared.config import CLASSES, IMAGE_SIZE, TrainConfig
from shared.dataset_records import DATASETS
from shared.datasets import Dataset, load_dataset, prepare_dataset
from shared.download import MissingFiles, describe_stand_in
from shared.metrics import ClassFigures, class_figures, confusion
from shared.outputs import claimed_output_dir, current_command
from shared.registry import IMPLEMENTATIONS, LABELS
from shared.results import write_atomically
from shared.visible import spell_out
from shared.weights_file import (
    TrainedNetwork,
    check_outputs,
    float_type,
    has_batch_norm,
    hidden_units,
)

EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class Evaluation:
    """The content of one `evaluation.json`; accuracy, precision and recall are fractions.

    `confusion` counts images by label (row) and prediction (column); `predictions` names the file
    of the logits, [images, 10] in the order of the dataset's files.
    """

    created: str
    command: str
    framework: str
    framework_version: str
    device: str
    float_type: str
    weights: str
    hidden: list[int]
    batch_norm: bool
    activation: str
    activation_parameters: Mapping[str, float]
    parameters: int
    dataset: str
    pixels: str
    split: str
    images: int
    missing: MissingFiles | None
    loss: float
    accuracy: float
    classes: list[ClassFigures]
    confusion: list[list[int]]
    predictions: str
    schema: Literal["framework-evaluation/2"] = "framework-evaluation/2"


def load_images(
    network: TrainedNetwork, request: MeasureRequest, float_type: str
) -> tuple[Dataset, MissingFiles | None]:
    """The dataset to measure on, prepared as for the training, and what was missing if it is not
    the one that was meant.

    Raises:
        UsageError: the dataset can't be had.
    """
    asked = (request.dataset, network.training.dataset)
    wanted = next((name for name in asked if name != "auto"), None)
    chosen, missing = prepare_dataset(wanted, request.data_dir, offline=request.offline)
    dataset = load_dataset(
        chosen, request.data_dir, float_type=float_type, pixels=network.training.pixels
    )
    return dataset, missing


def evaluate(name: str, request: EvaluateRequest) -> None:
    """Measure, print, and write the files if a folder for them was named.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: weights, dataset, device or folder can't be used.
    """
    network = open_network(request)
    weights = network.weights
    dataset, missing = load_images(network, request, float_type(weights))
    images = getattr(dataset, f"{request.split}_images")
    labels = getattr(dataset, f"{request.split}_labels")
    console = make_console()
    # Of numbers that are too large NumPy would warn; they are refused.
    with (
        busy(console, f"importing {LABELS[name]}", logged=False) as line,
        np.errstate(all="ignore"),
    ):
        twin = import_twin(name, "predict")
        line.show("measuring")
        measured = twin.evaluate_trained(network, images, labels, request.device)
    check_outputs(request.weights, measured.logits, measured.loss)
    evaluation = Evaluation(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=current_command(),
        framework=IMPLEMENTATIONS[name][0].framework,
        framework_version=measured.framework_version,
        device=measured.device,
        float_type=float_type(weights),
        weights=str(request.weights),
        hidden=list(hidden_units(weights)),
        batch_norm=has_batch_norm(weights),
        activation=network.training.activation,
        activation_parameters=network.training.activation_parameters,
        parameters=sum(array.size for array in weights.values()),
        dataset=dataset.name,
        pixels=network.training.pixels,
        split=request.split,
        images=len(labels),
        missing=missing,
        loss=measured.loss,
        accuracy=measured.accuracy,
        classes=class_figures(measured.logits, labels, dataset.class_names),
        confusion=confusion(measured.logits, labels).tolist(),
        predictions=f"{request.weights.stem}.predictions.safetensors",
    )
    print_evaluation(evaluation, LABELS[name], console)
    if folder := request.output_dir:
        with claimed_output_dir(folder, evaluation.command, EVALUATION):
            write_files(evaluation, measured.logits, folder)
        names = f"confusion.png, evaluation.json, {evaluation.predictions}"
        say(console, f"Written to {folder}: {names}")


def print_evaluation(evaluation: Evaluation, framework: str, console: Console) -> None:
    """Say what was measured on what, then loss and accuracy, each class, and the confusion."""
    sizes = "-".join(map(str, (IMAGE_SIZE, *evaluation.hidden, CLASSES)))
    parts = ["batch normalization"] if evaluation.batch_norm else []
    if evaluation.activation != TrainConfig.activation:
        function = evaluation.activation, evaluation.activation_parameters
        parts.append(describe_activation(*function))
    beside = f" with {' and '.join(parts)}" if parts else ""
    right = round(evaluation.accuracy * evaluation.images)
    if evaluation.missing:
        say(console, f"NOTICE: {describe_stand_in(evaluation.missing)}")
    say(
        console,
        f"{evaluation.weights}: network {sizes}{beside}, computed by {framework} "
        f"{evaluation.framework_version} on {evaluation.device} in {evaluation.float_type}.",
        f"{describe_images(evaluation)}: loss {formats.loss(evaluation.loss)}, accuracy "
        f"{formats.percent(evaluation.accuracy)} "
        f"({formats.count(right)} of n = {formats.count(evaluation.images)}).",
    )
    console.print(_class_table(evaluation.classes))
    console.print(_confusion_table(evaluation))


def describe_images(evaluation: Evaluation) -> str:
    """`MNIST, 10,000 test images`."""
    title, images = DATASETS[evaluation.dataset].title, formats.count(evaluation.images)
    return f"{title}, {images} {evaluation.split} images"


def _class_table(classes: list[ClassFigures]) -> Table:
    table = Table("class", box=box.SIMPLE_HEAD)
    for heading in ("precision", "recall", "F1", "support"):
        table.add_column(heading, justify="right")
    for number, row in enumerate(classes):
        fractions = (row.precision, row.recall, row.f1)
        shown = ("-" if value is None else formats.percent(value) for value in fractions)
        name = row.name if row.name == str(number) else f"{number} {row.name}"
        table.add_row(name, *shown, formats.count(row.support))
    return table


def _confusion_table(evaluation: Evaluation) -> Table:
    title = "Images by label (row) and prediction (column)"
    table = Table("", box=box.SIMPLE_HEAD, title=title, title_style="", title_justify="left")
    table.padding, table.pad_edge, table.show_edge = 0, False, False
    # Numbers stand for the classes, because ten names side by side are wider than most terminals.
    for number in range(CLASSES):
        table.add_column(str(number), justify="right", min_width=4)
    for number, counts in enumerate(evaluation.confusion):
        cells = [str(count) if count else "." for count in counts]
        cells[number] = f"[bold]{cells[number]}[/bold]"
        table.add_row(str(number), *cells)
    return table


def write_files(evaluation: Evaluation, logits: np.ndarray, folder: Path) -> None:
    """Write `evaluation.json`, then the logits and `confusion.png`, which may be lost."""
    content = msgspec.json.format(msgspec.json.encode(spell_out(evaluation)), indent=2)
    write_atomically(folder / EVALUATION, content)
    write_atomically(folder / evaluation.predictions, save({"logits": logits}))
    names = [row.name for row in evaluation.classes]
    counts, path = np.array(evaluation.confusion), folder / "confusion.png"
    plot_confusion(counts, names, describe_images(evaluation), path)
