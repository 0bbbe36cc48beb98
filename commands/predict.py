"""Telling a person what is on pictures: a table, and on request a drawing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from commands.foreign.weights import open_network
from commands.pictures import prepare_with_doubts, read_picture
from commands.requests import PredictRequest
from commands.twin import import_twin
from report.plotting import plot_pictures
from report.progress import busy
from report.terminal import broken_name, make_console, say
from shared import formats
from shared.config import Pixels
from shared.dataset_records import DATASETS, MEANT_BY_AUTO
from shared.datasets import load_dataset, standardize
from shared.errors import UsageError
from shared.registry import LABELS
from shared.streams import NO_BREAK
from shared.visible import visible
from shared.weights_file import check_outputs, float_type

# Letters of a path in the table, and what its other columns want of a line.
LONGEST_NAME, OTHERS_WIDTH = 200, 48


def predict(name: str, request: PredictRequest) -> None:
    """Read the pictures, let the network see them, print, and draw if a file for it was named.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: weights, a picture, the device or the file to draw can't be used.
    """
    network = open_network(request)
    weights, training = network.weights, network.training
    asked = (request.dataset, training.dataset)
    dataset = next((each for each in asked if each != "auto"), MEANT_BY_AUTO)
    pictures = [read_picture(path) for path in request.images]
    seen = [
        prepare_with_doubts(picture, dataset, path)
        for path, picture in zip(request.images, pictures, strict=True)
    ]
    prepared = np.array([each.pixels for each in seen])
    images = standardize(prepared, *standardization(dataset, training.pixels), float_type(weights))
    console = make_console()
    # Of numbers that are too large NumPy would warn; they are refused.
    with busy(console, f"importing {LABELS[name]}", logged=False), np.errstate(all="ignore"):
        predicted = import_twin(name, "predict").predict_trained(network, images, request.device)
    check_outputs(request.weights, predicted.probabilities)
    class_names = DATASETS[dataset].class_names
    say(
        console,
        f"{request.weights}: computed by {LABELS[name]} {predicted.framework_version} on "
        f"{predicted.device} in {float_type(weights)}, as for {DATASETS[dataset].title}.",
    )
    print_predictions(request.images, predicted.probabilities, class_names, request.top, console)
    say(console, *describe_doubts(request.images, [each.doubts for each in seen]))
    if request.draw:
        names = [path.name for path in request.images]
        draw(request.draw, names, pictures, prepared, predicted.probabilities, class_names)
        say(console, f"Written to {request.draw}")


def describe_doubts(paths: Sequence[Path], doubts: Sequence[Sequence[str]]) -> list[str]:
    """How sure it is that the network saw what was meant: a line for each doubt."""
    unsure = [
        f"{path}: {words}." for path, each in zip(paths, doubts, strict=True) for words in each
    ]
    clear = sum(not each for each in doubts)
    return [*unsure, f"Clear, nothing left out: {clear} of {formats.several(len(paths), 'image')}."]


def standardization(dataset: str, pixels: Pixels) -> tuple[float, float]:
    """What is subtracted from pixels in [0, 1], and what they are then divided by."""
    if pixels == "unit":
        return 0.0, 1.0
    if known := DATASETS[dataset].standardization:
        return known
    embedded = load_dataset(dataset, Path())
    return embedded.mean, embedded.deviation


def print_predictions(
    paths: Sequence[Path],
    probabilities: np.ndarray,
    class_names: Sequence[str],
    top: int,
    console: Console,
) -> None:
    """One row a picture: the likeliest class and its probability, then the next ones."""
    table = Table(box=box.SIMPLE_HEAD)
    widest = min(console.width // 3, console.width - OTHERS_WIDTH)
    # Only the runners-up give way.
    for heading in ("image", "prediction"):
        table.add_column(heading, no_wrap=True)
    table.add_column("probability", justify="right", no_wrap=True)
    if top > 1:
        table.add_column("runners-up")
    for path, row in zip(paths, probabilities, strict=True):
        best, *others = np.argsort(-row, kind="stable")[:top]
        name = broken_name(visible(path, LONGEST_NAME), widest)
        cells = [name, class_names[best], formats.probability(row[best])]
        if others:
            known = ((class_names[each], formats.probability(row[each])) for each in others)
            # No line ends within one of them.
            told = (" ".join(each).replace(" ", NO_BREAK) for each in known)
            cells.append(", ".join(told))
        # As texts, or a name with brackets would be read as markup.
        table.add_row(*map(Text, cells))
    with console.capture() as printed:
        console.print(table)
    console.file.write(printed.get().replace(NO_BREAK, " "))


def draw(
    path: Path,
    names: Sequence[str],
    pictures: Sequence[Image.Image],
    prepared: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
) -> None:
    """Draw each picture, what the network sees of it, and its probabilities.

    Raises:
        UsageError: the file can't be written.
    """
    try:
        plot_pictures(names, pictures, prepared, probabilities, class_names, path)
    except OSError as error:
        raise UsageError(
            f"--draw {path}: cannot be written ({error.strerror}); choose another place."
        ) from None
