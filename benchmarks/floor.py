"""`python -m benchmarks.floor`: how fast could an epoch be? The floor, printed."""

import sys

from benchmarks.command import run_benchmark
from comparison.floor import epoch_flops, lowest, measure_floor
from shared import formats
from shared.config import CLASSES, IMAGE_SIZE, TrainConfig
from shared.errors import UsageError
from shared.registry import IMPLEMENTATIONS
from shared.results import Floor


def describe_floor(floor: Floor, flops: int) -> str:
    """One line: median, fastest and slowest epoch, and the speed of the median one."""
    seconds = floor.epoch_seconds
    median, fastest, slowest = map(
        formats.number, (floor.median_seconds, min(seconds), max(seconds))
    )
    speed = formats.decimal(flops / floor.median_seconds / 1e9, 1)
    return (
        f"{floor.library}: {median} s an epoch (median of {len(seconds)}; fastest {fastest}, "
        f"slowest {slowest}), {speed} GFLOP/s"
    )


def print_floor(config: TrainConfig) -> int:
    """Measure the floor of an epoch and print it; returns the exit status."""
    from report.sentences import describe_machine
    from shared.clock import Clock
    from shared.download import describe_stand_in
    from shared.environment import describe_environment
    from shared.sampling import load, prepare

    environment = describe_environment()
    config, missing = prepare(config)
    train_size = len(load(config, Clock()).train_labels)
    floors = measure_floor(config, train_size, dict.fromkeys(IMPLEMENTATIONS, sys.executable))
    if not floors:
        raise UsageError("no library to measure with: expected NumPy or PyTorch; install PyTorch.")
    flops = epoch_flops(train_size, config.hidden)
    if missing:
        print(f"NOTICE: {describe_stand_in(missing)}")
    print(
        f"The matrix products of each training step alone: {formats.count(train_size)} images of "
        f"{config.dataset} in batches of {config.batch_size}, network "
        f"{'-'.join(map(str, (IMAGE_SIZE, *config.hidden, CLASSES)))}, {config.float_type}, "
        f"{formats.several(config.threads, 'thread')}; {formats.number(flops / 1e9)} GFLOP an "
        "epoch."
    )
    for floor in floors:
        print(describe_floor(floor, flops))
    print(f"The floor is that of {lowest(floors).library}.")
    print(describe_machine(environment))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("floor", TrainConfig, print_floor))
