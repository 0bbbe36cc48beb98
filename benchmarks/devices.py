"""From which batch size on is a GPU faster than the CPU beside it?

`python -m benchmarks.devices` times the steps of a training at several batch sizes, on the CPU and
on the GPU in turn, every time in a process of its own, and prints the milliseconds a step.
`--hidden 1024 512` asks the same of a larger network.
"""

import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import tyro

from benchmarks.command import CHILD_VARIABLE, run_benchmark, run_child
from shared import formats
from shared.clock import Clock
from shared.config import DeviceName, TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.registry import RUNS
from shared.threads import prepare_environment

HEADER = ("batch size", "GPU, ms a step", "CPU, ms a step", "times the GPU's")
# An epoch holds so many images, if these are neither too few steps nor too many.
IMAGES, FEWEST, MOST = 16_384, 4, 50
# Epochs that are timed, after one that warms up.
EPOCHS = 3


class Timed(msgspec.Struct):
    """The median seconds of a step at each batch size, on one device."""

    device: str
    step_seconds: list[float]


@dataclass(frozen=True)
class OneRunConfig(TrainConfig):
    """What is trained, except for the batch size."""

    # Not a flag here: there are several.
    batch_size: tyro.conf.Suppress[int] = 64


@dataclass(frozen=True)
class Request:
    """Time the steps of a training on the CPU and on the GPU."""

    config: OneRunConfig
    run: str = "pytorch/eager"
    """What to train with: IMPLEMENTATION/VARIANT."""
    batch_size: tuple[int, ...] = (16, 64, 256, 1024, 4096, 16384)
    """Images per training step."""
    repeats: int = 3
    """Processes on each device, one after the other in turn."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.repeats < 1:
            raise UsageError(f"--repeats {self.repeats}: expected 1 or more.")
        if self.run not in RUNS:
            raise UsageError(f"--run {self.run}: expected one of: {', '.join(RUNS)}.")
        if self.config.device == "cpu":
            raise UsageError("--device cpu: expected a GPU's; the CPU is timed beside it anyway.")
        for size in self.batch_size:
            replace(self.config, batch_size=size)


def time_in(name: str, config: TrainConfig) -> int:
    """Time `RUN, DEVICE, BATCH SIZE ...`, and print a Timed as JSON; returns the exit status."""
    run, device, *sizes = name.split(", ")
    entry = RUNS[run]
    prepare_environment(config.threads, entry.environment)
    from commands.twin import import_twin
    from shared.sampling import load

    config = replace(config, device=device, epochs=1 + EPOCHS)
    dataset = load(config, Clock())
    twin = import_twin(entry.implementation, "run")
    time_size = partial(time_steps, twin, entry.variant, config, dataset)
    described, seconds = zip(*(time_size(int(size)) for size in sizes), strict=True)
    print(msgspec.json.encode(Timed(described[0], list(seconds))).decode())
    return 0


def time_steps(twin, variant: str, config: TrainConfig, dataset, size: int) -> tuple[str, float]:
    """The device, and the median seconds of a step on a batch of this size.

    Args:
        twin: the implementation's `run`.
    """
    import numpy as np

    from shared.sampling import with_training_rows

    steps = min(max(IMAGES // size, FEWEST), MOST)
    rows = np.arange(steps * size) % len(dataset.train_labels)
    # Only training is timed, so that one test image will do.
    shown = with_training_rows(dataset, rows).with_test_images(1)
    config = replace(config, batch_size=size)
    built = twin.build(config, shown)
    clock = Clock()
    clock.synchronize = partial(twin.synchronize, built[0])
    _, *epochs = twin.learn_in_epochs(config, variant, shown, built, clock)
    seconds = statistics.median(epoch.train_seconds for epoch in epochs) / steps
    return twin.describe_device(built[0]), seconds


def rows(sizes: Sequence[int], timed: Mapping[str, Sequence[Timed]]) -> list[list[str]]:
    """One row a batch size, as HEADER says: medians over the repeats, and their ratio.

    Args:
        timed: by repeat, on the GPU and on the CPU, in this order.
    """
    from benchmarks.baselines import show_ratio

    table = []
    for place, size in enumerate(sizes):
        gpu, cpu = ([each.step_seconds[place] for each in runs] for runs in timed.values())
        ratios = [slow / fast for slow, fast in zip(cpu, gpu, strict=True)]
        medians = (formats.number(1000 * statistics.median(seconds)) for seconds in (gpu, cpu))
        table.append([formats.count(size), *medians, show_ratio(ratios)])
    return table


def measure(request: Request) -> int:
    """Time everything and print the table; returns the exit status.

    Raises:
        UsageError: there is no GPU.
    """
    config = request.config
    prepare_environment(config.threads)
    if name := os.environ.get(CHILD_VARIABLE):
        return time_in(name, config)
    from rich import box
    from rich.table import Table

    from report.sentences import describe_machine
    from report.terminal import make_console
    from shared.sampling import prepare

    environment = describe_environment()
    config, _ = prepare(config)
    sizes = ", ".join(map(str, request.batch_size))
    timed: dict[DeviceName, list[Timed]] = {config.device: [], "cpu": []}
    for repeat in range(request.repeats):
        for device in timed if repeat % 2 == 0 else reversed(timed):
            print(f"{request.run} on {device}: {repeat + 1} of {request.repeats}", file=sys.stderr)
            line = run_child("devices", f"{request.run}, {device}, {sizes}", config)
            timed[device].append(msgspec.json.decode(line, type=Timed))
            gpu = timed[config.device][0].device
            if gpu == "cpu":
                raise UsageError(f"--device auto: expected a GPU; {request.run} finds none here.")
    table = Table(*HEADER, box=box.SIMPLE_HEAD)
    for row in rows(request.batch_size, timed):
        table.add_row(*row)
    make_console().print(table)
    layers = ", ".join(map(str, config.hidden))
    print(
        f"{request.run}, hidden layers: {layers}; {gpu} and {config.threads} "
        f"threads of the CPU. n = {request.repeats} processes on each, in turn; medians."
    )
    print(describe_machine(environment))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("devices", Request, measure))
