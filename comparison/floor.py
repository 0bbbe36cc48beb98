"""How fast could an epoch be? The matrix products of its training steps alone, as a lower limit.

`python -m comparison.floor` times the eight matrix products of a training step, batch by batch as
in an epoch, with the BLAS of NumPy and with that of PyTorch, in the threads that every run gets.
Whatever else an implementation does (biases, ReLU, loss, Adam, Python) comes on top. A GPU works
off so small products faster than they can be handed to it; its floor is what its arithmetic and
its memory allow.
"""

import importlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from comparison.children import TEXT, child_environment
from shared.config import CLASSES, IMAGE_SIZE, DeviceName, TrainConfig
from shared.errors import UsageError
from shared.flags import parse_flags
from shared.registry import IMPLEMENTATIONS, REFERENCE, has_file, required_modules
from shared.results import Floor
from shared.threads import prepare_environment

ROOT = Path(__file__).resolve().parent.parent
REPEATS = 7


class Product(NamedTuple):
    """[rows, inner] @ [inner, columns]; a transposed operand lies in memory the other way round."""

    rows: int
    inner: int
    columns: int
    transposed: str = ""

    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns

    def elements(self) -> int:
        """Numbers read or written if each is touched once."""
        return self.rows * self.inner + self.inner * self.columns + self.rows * self.columns

    def operands(self, matrix: Callable[[int, int], Any]) -> tuple[Any, Any, Any]:
        """Left and right operand and a place for the outcome, each made by `matrix`."""
        left = (self.rows, self.inner)
        right = (self.inner, self.columns)
        return (
            matrix(*reversed(left)).T if self.transposed == "left" else matrix(*left),
            matrix(*reversed(right)).T if self.transposed == "right" else matrix(*right),
            matrix(self.rows, self.columns),
        )


def products(rows: int, hidden: tuple[int, ...]) -> list[Product]:
    """The eight matrix products of a training step on a batch of `rows` images.

    With kernels [in, out], as the oracle has them.
    """
    listed = []
    for fan_in, fan_out in pairwise((IMAGE_SIZE, *hidden, CLASSES)):
        listed.append(Product(rows, fan_in, fan_out))  # outputs = inputs @ kernel
        listed.append(Product(fan_in, rows, fan_out, "left"))  # inputs.T @ gradient
        listed.append(Product(rows, fan_out, fan_in, "right"))  # gradient @ kernel.T
    # Nobody asks for the gradient of the images.
    del listed[2]
    return listed


def epoch_flops(train_size: int, hidden: tuple[int, ...]) -> int:
    """Operations of an epoch's products; they don't depend on how it is cut into batches."""
    return sum(product.flops() for product in products(train_size, hidden))


def candidates(device: DeviceName) -> list[str]:
    """The implementations that have a floor: the reference on a CPU, and those with a floor.py.

    The reference's library is timed here, because its folder holds no more than what it computes.
    """
    return [
        name
        for name in IMPLEMENTATIONS
        if (name == REFERENCE.implementation and device in ("auto", "cpu"))
        or has_file(name, "floor")
    ]


def measure_floor(
    config: TrainConfig,
    train_size: int,
    interpreters: Mapping[str, str],
    repeats: int = REPEATS,
) -> list[Floor]:
    """Time an epoch's matrix products, each library in a process of its own.

    Args:
        train_size: training images per epoch.
        interpreters: of the implementations that are to be measured; a library that is not
            installed there is left out.
        repeats: epochs to measure, after one to warm up.

    Raises:
        UsageError: the device is not there.
        ChildProcessError: a process crashed; the message holds the last line that it wrote.
    """
    floors = []
    for name in candidates(config.device):
        if name not in interpreters:
            continue
        child = subprocess.run(
            [
                *(interpreters[name], "-m", "comparison.floor", name),
                *(str(train_size), str(repeats), *config.as_flags()),
            ],
            cwd=ROOT,
            env=child_environment(**IMPLEMENTATIONS[name][0].environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **TEXT,
        )
        if child.returncode:
            *_, last = child.stderr.strip().splitlines() or [f"exit status {child.returncode}"]
            if child.returncode == 2:
                raise UsageError(last.partition(": ")[2])
            raise ChildProcessError(f"{name} failed: {last}")
        floor = msgspec.json.decode(child.stdout.splitlines()[-1], type=Floor | None)
        if floor:
            floors.append(floor)
    return floors


def lowest(floors: Iterable[Floor]) -> Floor:
    """The one with the shortest median epoch."""
    return min(floors, key=lambda floor: floor.median_seconds)


def time_epochs(
    multiply: Callable[..., Any],
    matrix: Callable[[int, int], Any],
    sizes: Sequence[int],
    hidden: tuple[int, ...],
    repeats: int,
) -> list[float]:
    """Seconds that `multiply(left, right, out=...)` needs for an epoch's products, per repeat.

    Args:
        matrix: makes one of the given numbers of rows and columns.
        sizes: rows of each batch of the epoch.
    """
    steps = {
        rows: [product.operands(matrix) for product in products(rows, hidden)]
        for rows in set(sizes)
    }
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        for rows in sizes:
            for left, right, outcome in steps[rows]:
                multiply(left, right, out=outcome)
        seconds.append(time.perf_counter() - started)
    # The first epoch warms up.
    return seconds[1:]


def time_numpy(
    config: TrainConfig, time_epochs: Callable[..., list[float]], *_: object
) -> tuple[str, list[float]]:
    """The library's name, and seconds an epoch with NumPy's BLAS."""
    import numpy as np

    random = np.random.default_rng(config.seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.standard_normal((rows, columns), dtype=config.float_type)

    return "numpy", time_epochs(np.matmul, matrix)


def roofline(
    sizes: Sequence[int],
    hidden: tuple[int, ...],
    flops_per_second: float,
    elements_per_second: float,
) -> float:
    """Seconds an epoch if each step took the longer of its arithmetic and its memory traffic.

    The roofline model of Williams, Waterman and Patterson, Communications of the ACM 52 (2009).
    """
    steps = [products(rows, hidden) for rows in sizes]
    return sum(
        max(
            sum(product.flops() for product in step) / flops_per_second,
            sum(product.elements() for product in step) / elements_per_second,
        )
        for step in steps
    )


def main_child(name: str, train_size: str, repeats: str, *flags: str) -> int:
    """Measure with one library and print the Floor as JSON, or null where it is not installed."""
    program = "python -m comparison.floor"
    try:
        config = parse_flags(TrainConfig, program, list(flags))
        prepare_environment(config.threads)
        # Only now, because NumPy reads the number of threads when it is imported.
        from shared.batches import batch_sizes

        sizes = batch_sizes(int(train_size), config.batch_size).tolist()
        package = IMPLEMENTATIONS[name][0].package
        measure = (
            time_numpy
            if name == REFERENCE.implementation
            else importlib.import_module(f"{package}.floor").measure_floor
        )
        library, seconds = measure(
            config,
            partial(time_epochs, sizes=sizes, hidden=config.hidden, repeats=int(repeats)),
            partial(roofline, sizes, config.hidden),
            int(repeats),
        )
        floor = Floor(library, config.batch_size, seconds)
    except ModuleNotFoundError as error:
        if error.name not in required_modules(name):
            raise
        floor = None
    except UsageError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    print(msgspec.json.encode(floor).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main_child(*sys.argv[1:]))
