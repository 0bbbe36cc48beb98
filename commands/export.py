"""Exporting a trained network: checks and the table. How a format is written, the twins say.

Each file is read back and predicts the whole test set, so what is reported is about the file.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from commands.evaluate import load_images
from commands.foreign.weights import open_network
from commands.requests import ExportRequest, FormatName
from commands.twin import import_twin
from report.progress import StatusLine, busy
from report.terminal import broken_name, complain, make_console, say
from shared import formats
from shared.chatter import native_chatter_held_back
from shared.dataset_records import DATASETS
from shared.datasets import Dataset
from shared.download import describe_stand_in
from shared.errors import UsageError
from shared.outputs import COMMAND, abandon_output_dir, claim_output_dir, current_command
from shared.registry import LABELS
from shared.results import InferenceResult, write_atomically
from shared.trained import Exporter, Predict, measure_inference
from shared.visible import visible
from shared.weights_file import check_outputs

# How far a file's logits may be from those of the network that it was made of, in parts of the
# largest logit. Rounding to int8 is coarse; what is further off than this is broken.
TOLERANCE = {"native": 0.0, "onnx": 1e-5, "program": 1e-5, "int8": 0.25}

COLUMNS = ("bytes", "median\nms", "p99\nms", "accuracy", "changed", "largest\noff")

# What they take of a line's width, and what a name must have of it.
FIGURES_WIDTH, SHORTEST_NAME = 54, 11

# In a narrower terminal the columns stand closer together.
NARROW = 80


@dataclass(frozen=True)
class Measured:
    """One file, what it predicts, and how fast it predicts a single image."""

    file: str
    size: int
    logits: np.ndarray
    latency: InferenceResult


def export(name: str, request: ExportRequest) -> int:
    """Write what was asked for, check it, print the table; returns the exit status.

    A format that fails costs no other.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: weights, dataset or folder can't be used, or no format can be written.
    """
    network = open_network(request)
    # In float32, which is what programs that read such files feed.
    with np.errstate(over="ignore"):
        weights = {key: each.astype(np.float32) for key, each in network.weights.items()}
    dataset, missing = load_images(network, request, "float32")
    folder = claim_output_dir(request.output_dir, current_command())
    console = make_console()
    try:
        with busy(console, f"importing {LABELS[name]}", logged=False) as line:
            exporters, twin = import_twin(name, "export").EXPORTERS, import_twin(name, "predict")
            _, model = twin.restore(replace(network, weights=weights), "cpu")
            original = measure(request.weights, partial(twin.predict, model), dataset)
            check_outputs(request.weights, original.logits)
            chosen = {kind: exporters[kind] for kind in dict.fromkeys(request.format)}
            files, failures = export_all(chosen, model, dataset, folder, line)
    except BaseException:
        # What is there beside the command is whole.
        if not set(folder.glob("*")) - {folder / COMMAND}:
            abandon_output_dir(folder)
        raise
    if missing:
        say(console, f"NOTICE: {describe_stand_in(missing)}")
    status = show(original, files, dataset)
    names = ", ".join(measured.file for measured in files.values())
    say(console, f"Written to {folder}: {names}")
    complain(failures)
    return 1 if failures else status


def export_all(
    exporters: Mapping[FormatName, Exporter],
    model: Any,
    dataset: Dataset,
    folder: Path,
    line: StatusLine,
) -> tuple[dict[FormatName, Measured], list[str]]:
    """Write and measure all files; returns those that are whole, and a sentence for each other.

    Raises:
        UsageError: none can be written.
    """
    files, failures = {}, []
    for kind, exporter in exporters.items():
        line.show(f"writing and checking {exporter.file}")
        try:
            files[kind] = export_one(kind, exporter, model, dataset, folder)
        except UsageError as error:
            failures.append(str(error))
    if not files:
        raise UsageError(" ".join(failures))
    return files, failures


def export_one(
    kind: str, exporter: Exporter, model: Any, dataset: Dataset, folder: Path
) -> Measured:
    """Write one file, complete or not at all, and measure it.

    Raises:
        UsageError: a package that this format needs is not installed, the framework can't translate
            the network, or the file can't be written.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        path = Path(elsewhere, exporter.file)
        try:
            with native_chatter_held_back():
                measured = measure(path, exporter.write(model, path), dataset)
        except ImportError as error:
            raise UsageError(
                f"--format {kind} needs a package that is not installed ({missing(error)}): "
                "install it with pip install '.[export]', or name other formats."
            ) from error
        # Translators raise errors of any kind.
        except Exception as error:
            words = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
            raise UsageError(
                f"--format {kind}: {exporter.file} cannot be made ({words}); name other formats."
            ) from error
        try:
            write_atomically(folder / exporter.file, path.read_bytes())
        except OSError as error:
            raise UsageError(
                f"--format {kind}: {visible(folder / exporter.file)} cannot be written "
                f"({error.strerror or error}); choose another --output-dir."
            ) from None
    return measured


def measure(path: Path, predict: Predict, dataset: Dataset) -> Measured:
    """Predict the test set, and time the prediction of a single image."""
    logits = predict(dataset.test_images)
    (latency,) = measure_inference(predict, dataset.test_images, batch_sizes=(1,))
    return Measured(path.name, path.stat().st_size, logits, latency)


def show(original: Measured, files: Mapping[FormatName, Measured], dataset: Dataset) -> int:
    """Print the table and what is wrong; returns the exit status."""
    console = make_console()
    table = Table("file", box=box.SIMPLE_HEAD, padding=(0, int(console.width >= NARROW), 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="right")
    table.add_row(*figures(original, dataset, console), "-", "-")
    largest = np.abs(original.logits).max()
    complaints = []
    for kind, measured in files.items():
        # Weights that are all zero give logits that are.
        difference = np.abs(measured.logits - original.logits).max() / (largest or 1.0)
        changed = np.mean(measured.logits.argmax(axis=1) != original.logits.argmax(axis=1))
        off = formats.error(difference, 1)
        table.add_row(*figures(measured, dataset, console), formats.percent(changed), off)
        # Put so that it complains of what is not a number, too.
        if not difference <= TOLERANCE[kind]:
            complaints.append(
                f"WARNING: do not use {measured.file}: its logits are off by {off} of the largest "
                f"logit; rounding explains at most {TOLERANCE[kind]:g}."
            )
    console.print(table)
    say(
        console,
        f"{DATASETS[dataset.name].title}, n = {formats.count(len(dataset.test_labels))} test "
        "images. Columns: time to predict a single image (median and 99th percentile), accuracy, "
        f"predictions that differ from those of {original.file}, and the largest difference of a "
        f"logit as a fraction of the largest logit ({formats.decimal(largest, 1)}).",
        *complaints,
    )
    return 1 if complaints else 0


def figures(measured: Measured, dataset: Dataset, console: Console) -> tuple[str, ...]:
    """The cells about one file alone."""
    accuracy = np.mean(measured.logits.argmax(axis=1) == dataset.test_labels)
    return (
        broken_name(measured.file, max(SHORTEST_NAME, console.width - FIGURES_WIDTH)),
        formats.count(measured.size),
        formats.decimal(1000 * measured.latency.median_seconds, 3),
        formats.decimal(1000 * measured.latency.p99_seconds, 3),
        formats.percent(accuracy),
    )


def missing(error: ImportError) -> str:
    """The package's name, or what Keras says instead of it."""
    return error.name or str(error).partition("\n")[0].rstrip(".")
