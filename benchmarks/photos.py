"""Do pictures come through that are not just ink on clean paper?

`python -m benchmarks.photos` draws test images of MNIST as on photographs and scans: with a frame,
a hard shadow, on ruled or squared paper, on a sheet that lies on a table. A network of NumPy's
that was trained on MNIST then says how many it recognizes, once prepared as `predict` does, and
once with nothing removed that does not belong to the digit.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from rich import box
from rich.table import Table
from scipy.stats import binomtest

from benchmarks.command import ROOT, run_benchmark
from commands.ink import find_ink
from commands.pictures import prepare, to_pixels
from report.terminal import make_console, say
from shared import formats
from shared.config import TrainConfig
from shared.dataset_records import DATASETS
from shared.datasets import Dataset, load_dataset, standardize
from shared.errors import UsageError
from shared.flags import Flag
from shared.sampling import prepare as prepare_config
from shared.weights_file import load_network

SIDE = 280


@dataclass(frozen=True)
class Request:
    """Draw digits as in photographs, and count how many are recognized."""

    images: int = 400
    """Test images of each kind."""
    data_dir: Path = field(default_factory=lambda: TrainConfig().data_dir)
    """Folder of the datasets, filled on first use. Default: $DATA_DIR, else data."""
    offline: Flag = False
    """Never use the network."""
    weights: Path | None = None
    """Safetensors file of a network trained on MNIST. Default: train one."""
    seed: int = 0
    """Seed of the drawings and of the network's initial weights."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if not 1 <= self.images <= 10_000:
            raise UsageError(f"--images {self.images}: expected a number from 1 to 10000.")


def draw(image: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ink of a digit somewhere on a sheet, [SIDE, SIDE] from 0 to 1, and the sheet without it."""
    size = int(random.integers(120, 200))
    large = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    ink = np.zeros((SIDE, SIDE))
    left, top = random.integers(22, SIDE - 22 - size, 2)
    ink[top : top + size, left : left + size] = np.asarray(large) / 255
    return ink, np.full((SIDE, SIDE), random.uniform(0.8, 0.95))


def lines(every: int, width: int, start: int) -> np.ndarray:
    """Rows [SIDE] that belong to a line, of lines `every` so many rows."""
    return (np.arange(SIDE) - start) % every < width


def plain(sheet: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Nothing beside the digit."""
    return sheet


def framed(sheet: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A rectangle around all, near the edge or on it."""
    margin, width = int(random.integers(0, 14)), int(random.integers(2, 7))
    inside = np.zeros_like(sheet, bool)
    inside[margin + width : SIDE - margin - width, margin + width : SIDE - margin - width] = True
    outside = np.ones_like(inside)
    outside[margin : SIDE - margin, margin : SIDE - margin] = False
    return np.where(inside | outside, sheet, random.uniform(0.05, 0.5))


def shadowed(sheet: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A hard shadow on one side of a line through the picture."""
    angle, away = random.uniform(0, 2 * np.pi), random.uniform(-0.3, 0.3) * SIDE
    rows, columns = np.indices(sheet.shape) - SIDE / 2
    dark = np.cos(angle) * rows + np.sin(angle) * columns > away
    return sheet * np.where(dark, random.uniform(0.45, 0.8), 1)


def ruled(sheet: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Lines from the left to the right, fainter than the ink."""
    every, width = int(random.integers(20, 50)), int(random.integers(1, 3))
    line = lines(every, width, int(random.integers(every)))
    return np.where(line[:, None], sheet * random.uniform(0.55, 0.85), sheet)


def squared(sheet: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Lines in both directions."""
    every, width = int(random.integers(16, 44)), int(random.integers(1, 3))
    line = lines(every, width, int(random.integers(every)))
    return np.where(line[:, None] | line, sheet * random.uniform(0.55, 0.85), sheet)


def on_a_table(sheet: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Something dark around the sheet, as wide as it happens to be on each side."""
    top, left, bottom, right = random.integers(4, 18, 4)
    table = np.full_like(sheet, random.uniform(0.1, 0.45))
    table[top : SIDE - bottom, left : SIDE - right] = sheet[top : SIDE - bottom, left:-right]
    return table


KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "plain": plain,
    "a frame": framed,
    "a hard shadow": shadowed,
    "ruled paper": ruled,
    "squared paper": squared,
    "a sheet on a table": on_a_table,
}


def picture(kind: str, image: np.ndarray, random: np.random.Generator) -> Image.Image:
    """A photograph of a digit, [28, 28] uint8 light on dark, with a camera's grain."""
    ink, sheet = draw(image, random)
    photo = KINDS[kind](sheet, random) * (1 - random.uniform(0.7, 0.95) * ink)
    photo += random.normal(0, random.uniform(0, 0.015), photo.shape)
    return Image.fromarray(np.rint(255 * np.clip(photo, 0, 1)).astype(np.uint8))


def count_right(images: np.ndarray, labels: np.ndarray, dataset: Dataset, weights: Path) -> int:
    """How many of these images [n, 28, 28] the network takes for what they are."""
    # As every implementation, only where it is used.
    from numpy_impl.predict import predict_trained

    shown = standardize(images, dataset.mean, dataset.deviation, "float32")
    predicted = predict_trained(load_network(weights), shown, "cpu")
    return int((predicted.probabilities.argmax(axis=1) == labels).sum())


def with_nothing_removed(photo: Image.Image) -> np.ndarray:
    """The picture prepared as if all that stands out were the digit."""
    return to_pixels(find_ink(np.asarray(photo, np.float32) / 255), DATASETS["mnist"].style)


def train(request: Request, folder: Path) -> Path:
    """Have NumPy's implementation train for five epochs; returns the file of the weights."""
    flags = ("--dataset", "mnist", "--data-dir", str(request.data_dir.absolute()), "--offline")
    subprocess.run(
        [
            *(sys.executable, "-m", "numpy_impl", "train", *flags, "--epochs", "5"),
            *("--seed", str(request.seed), "--output-dir", str(folder)),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder / "numpy-reference.safetensors"


def measure(request: Request) -> int:
    """Draw, prepare, recognize, print the table."""
    config = TrainConfig(dataset="mnist", data_dir=request.data_dir, offline=request.offline)
    prepare_config(config)
    dataset = load_dataset("mnist", request.data_dir)
    shown, labels = dataset.test_images[: request.images], dataset.test_labels[: request.images]
    pixels = np.rint(255 * (shown * dataset.deviation + dataset.mean)).astype(np.uint8)
    table = Table("pictures with", box=box.SIMPLE_HEAD)
    for heading in ("nothing removed", "as prepared", "95 % interval"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        weights = request.weights or train(request, Path(folder, "trained"))
        for kind in KINDS:
            random = np.random.default_rng(request.seed)
            photos = [picture(kind, image.reshape(28, 28), random) for image in pixels]
            before, after = (
                count_right(np.array([way(photo) for photo in photos]), labels, dataset, weights)
                for way in (with_nothing_removed, lambda photo: prepare(photo, "mnist"))
            )
            low, high = binomtest(after, len(labels)).proportion_ci(method="wilson")
            cells = [f"{100 * each / len(labels):.1f} %" for each in (before, after)]
            table.add_row(kind, *cells, f"{100 * low:.1f} to {100 * high:.1f} %")
        untouched = count_right(pixels, labels, dataset, weights)
    console = make_console()
    console.print(table)
    origin = f"{request.weights}" if request.weights else "the network trained for 5 epochs"
    say(
        console,
        f"n = {formats.count(len(labels))} test images of each kind, seed {request.seed}. Of the "
        f"unchanged images, {origin} recognizes {100 * untouched / len(labels):.1f} %.",
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("photos", Request, measure))
