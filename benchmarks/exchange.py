"""From which size on do several workers pay, and what would they on other machines?

`python -m benchmarks.exchange` measures how long the workers take to add up vectors of several
sizes, and fits a line: a latency, and so many bytes a second. Then it trains networks of several
sizes with one worker and with several, and prints the step's time, how much of it is exchange, and
what the line predicts: the step of one worker with its share of the batch and of the threads, and
the exchange of all gradients.
"""

import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.command import CHILD_VARIABLE, ROOT, run_benchmark
from comparison.children import TEXT, child_environment
from report.sentences import describe_machine
from shared.config import DatasetName, TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.registry import IMPLEMENTATIONS
from shared.threads import physical_cores, prepare_environment
from shared.workers import describe_place, free_ports

# Bytes of the vectors, of float32.
SIZES = (4 * 10**3, 4 * 10**4, 4 * 10**5, 4 * 10**6, 2 * 10**7)
EXCHANGES, WARM_UP, EPOCHS = 30, 5, 6


@dataclass(frozen=True)
class Request:
    """Measure how long workers exchange gradients, and from which size on several of them pay."""

    implementation: Literal["pytorch", "tensorflow"] = "pytorch"
    """Implementation to measure."""
    workers: int = 2
    """Workers to compare with one."""
    hidden: tuple[int, ...] = (128, 512, 2048)
    """Widths of networks with two hidden layers of this width and of its half."""
    batch_size: tuple[int, ...] = (64, 512)
    """Images per training step."""
    threads: int = physical_cores()
    """CPU threads of all workers together. Default: one per physical core."""
    dataset: DatasetName = "digits"
    """Images to train on."""
    data_dir: Path = TrainConfig().data_dir
    """Folder of the datasets. Default: $DATA_DIR, else data."""

    def __post_init__(self) -> None:
        """Check what the flags' types leave open.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.workers < 2:
            raise UsageError(f"--workers {self.workers}: expected 2 or more.")
        for name in ("hidden", "batch_size"):
            values = getattr(self, name)
            if not values or min(values) < 2:
                words = " ".join(map(str, values))
                flag = f"--{name.replace('_', '-')} {words}".rstrip()
                raise UsageError(f"{flag}: expected one or more numbers of 2 or more.")

    def config(self, width: int, batch_size: int) -> TrainConfig:
        """One training by one worker."""
        return TrainConfig(
            dataset=self.dataset,
            offline=True,
            data_dir=self.data_dir,
            hidden=(width, width // 2),
            batch_size=batch_size,
            limit=1437 // batch_size * batch_size or None,
            epochs=EPOCHS,
            threads=self.threads,
        )


@dataclass(frozen=True)
class Line:
    """Seconds of an exchange: a latency, and the bytes over bytes a second."""

    latency: float
    bandwidth: float

    def seconds(self, size: int) -> float:
        """Of so many bytes."""
        return self.latency + size / self.bandwidth


def fit(measured: dict[int, float]) -> Line:
    """The line with the least squares of relative errors through bytes and seconds."""
    # Weighted by 1/t^2, or the largest would decide alone.
    rows = [(size, seconds, seconds**-2) for size, seconds in measured.items()]
    weight = sum(w for *_, w in rows)
    mean_x = sum(w * x for x, _, w in rows) / weight
    mean_y = sum(w * y for _, y, w in rows) / weight
    slope = sum(w * (x - mean_x) * (y - mean_y) for x, y, w in rows) / sum(
        w * (x - mean_x) ** 2 for x, _, w in rows
    )
    return Line(max(0.0, mean_y - slope * mean_x), 1 / max(slope, 1e-15))


def time_exchanges(add_up: Callable[[int], object]) -> dict[int, float]:
    """Median seconds of `add_up`, which exchanges so many numbers, by bytes."""
    measured = {}
    for size in SIZES:
        durations = []
        for _ in range(WARM_UP + EXCHANGES):
            began = time.perf_counter()
            add_up(size // 4)
            durations.append(time.perf_counter() - began)
        measured[size] = statistics.median(durations[WARM_UP:])
    return measured


def exchanger(package: str, technique: Any, config: TrainConfig) -> Callable[[int], object]:
    """What adds up so many numbers of all workers, and waits for the sum."""
    device = importlib.import_module(f"{package}.device").choose_device("cpu", "float32")
    group = technique.join(config.workers, config.worker_timeout, device)
    if package == "pytorch_impl":
        torch = technique.torch
        return lambda count: technique.distributed.all_reduce(torch.ones(count))
    tf = technique.tf
    return lambda count: technique.add_up(group, [tf.ones([count])])[0].numpy()


def measure_as_child(package: str, config: TrainConfig) -> dict[str, Any]:
    """In a worker: seconds of a step, and of exchanges by bytes if there are other workers."""
    # Only now, because NumPy reads the number of threads when it is imported.
    from shared.clock import Clock
    from shared.sampling import load_configured

    run = importlib.import_module(f"{package}.run")
    technique = importlib.import_module(f"{package}.techniques.workers")
    exchanges = {}
    if config.workers > 1:
        exchanges = time_exchanges(exchanger(package, technique, config))
    dataset = load_configured(config)
    built = run.build(config, dataset)
    runs = IMPLEMENTATIONS[package.removesuffix("_impl")]
    variant = next(run.variant for run in runs if not run.alone)
    epochs = list(run.learn_in_epochs(config, variant, dataset, built, Clock()))
    steps = -(-len(dataset.train_labels) // config.batch_size)
    seconds = statistics.median(epoch.train_seconds for epoch in epochs[1:])
    return {"step": seconds / steps, "exchanges": exchanges}


def measure_in_children(package: str, config: TrainConfig) -> dict[str, Any]:
    """The same in processes of their own, as many as there are workers.

    Raises:
        ChildProcessError: one failed.
    """
    ports = free_ports(config.workers + 1)
    started = []
    for number in range(config.workers):
        place = describe_place(number, config.workers, ports) if config.workers > 1 else {}
        environment = child_environment(**{CHILD_VARIABLE: package}, **place)
        command = [sys.executable, "-m", "benchmarks.exchange", *config.as_flags()]
        started.append(
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **TEXT,
            )
        )
    said, complained = started[0].communicate()
    for process in started[1:]:
        process.kill()
        process.communicate()
    if started[0].returncode:
        raise ChildProcessError(complained.strip().splitlines()[-1])
    return json.loads(said.splitlines()[-1])


def measure(request: Request) -> int:
    """Measure and print; returns the exit status."""
    package = IMPLEMENTATIONS[request.implementation][0].package
    table = Table(box=box.SIMPLE_HEAD)
    headings = ("hidden", "batch", "MB", "1 worker, ms", f"{request.workers} workers, ms")
    for heading in (*headings, "speed-up", "predicted, ms", "exchange"):
        table.add_column(heading, justify="right")
    exchanges: dict[int, list[float]] = {}
    rows = []
    for width in request.hidden:
        for batch_size in request.batch_size:
            config = request.config(width, batch_size)
            alone = measure_in_children(package, config)["step"]
            share = replace(
                config,
                batch_size=batch_size // request.workers,
                threads=max(1, request.threads // request.workers),
            )
            part = measure_in_children(package, share)["step"]
            together = measure_in_children(package, replace(config, workers=request.workers))
            for size, seconds in together["exchanges"].items():
                exchanges.setdefault(int(size), []).append(seconds)
            rows.append((config, alone, part, together["step"]))
    line = fit({size: statistics.median(times) for size, times in exchanges.items()})
    for config, alone, part, together in rows:
        size = 4 * config.parameters()
        table.add_row(*_cells(config, size, alone, together, part + line.seconds(size), line))
    console = Console(width=100)
    console.print(
        f"{request.implementation}, {request.workers} workers, {request.threads} threads in all: "
        f"an exchange takes {1000 * line.latency:.2f} ms and a second for every "
        f"{line.bandwidth / 1e6:.0f} MB."
    )
    console.print(table)
    print(describe_machine(describe_environment()))
    return 0


def _cells(
    config: TrainConfig, size: int, alone: float, together: float, predicted: float, line: Line
) -> Sequence[str]:
    return (
        "-".join(map(str, config.hidden)),
        str(config.batch_size),
        f"{size / 1e6:.2f}",
        f"{1000 * alone:.2f}",
        f"{1000 * together:.2f}",
        f"{alone / together:.2f}",
        f"{1000 * predicted:.2f}",
        f"{100 * min(1.0, line.seconds(size) / together):.0f} %",
    )


def main() -> int:
    """The command, or one worker of it; returns the exit status."""
    package = os.environ.get(CHILD_VARIABLE)
    if package is None:
        return run_benchmark("exchange", Request, measure)
    from shared.flags import parse_flags

    config = parse_flags(TrainConfig, "python -m benchmarks.exchange")
    prepare_environment(config.threads_of_worker)
    print(json.dumps(measure_as_child(package, config)), flush=True)
    # The frameworks would wait for the others before they clean up.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
