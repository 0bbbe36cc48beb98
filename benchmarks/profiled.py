"""What stands between PyTorch's runs and the floor: PyTorch's own profiler, sorted into kinds.

`python -m benchmarks.profiled` profiles one epoch of each run behind two that warm up. A profiler
makes what it watches slower, small operations most, so only the shares are to be trusted. On an
NVIDIA GPU it also counts what Python hands to the device, and how long that has something to do.
"""

import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table

from benchmarks.command import run_benchmark
from shared import formats
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.threads import prepare_environment

WARM_UP_EPOCHS = 2
# The first pattern found in an operation's name decides. The compiler names a kernel after what it
# contains; only Adam's has a square root. The loss's, with a maximum, also updates ten biases.
KINDS = {
    "matrix products": r"(aten::|aoti_torch_cpu_)(addmm|mm)(_out)?$",
    "Adam": r"adam|^((?!amax).)*sqrt",
    "picking rows": r"^((?!amax).)*index|aten::(select|slice|narrow|split|unbind)",
    "activations, loss, sums": r"aten::|cpp_fused|Backward|autograd",
    "other named operations": "",
}
REST = "Python, and time outside any operation"
# CUDA's names for handing over work, be it one kernel or a whole graph of them.
LAUNCH = re.compile(r"^cu(da)?(Launch|GraphLaunch|Memcpy|Memset)")


@dataclass(frozen=True)
class Request:
    """Profile an epoch of pytorch/eager and of pytorch/compiled."""

    config: TrainConfig


def kind_of(operation: str) -> str:
    """The kind that an operation's name belongs to."""
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, operation))


def count_work(operations: Iterable[Any], steps: int, wall: float) -> dict[str, str]:
    """What a GPU had to do, as the lines of a table; nothing where there is none.

    Args:
        operations: as the profiler sums them up by name, kernels among them.
        steps: of the epoch.
        wall: seconds of such an epoch that nobody watched.
    """
    calls, kernels, busy = 0, 0, 0.0
    for operation in operations:
        # A region that is only marked holds kernels that are listed as well.
        if operation.is_user_annotation:
            continue
        if operation.device_type.name == "CUDA":
            kernels += operation.count
            busy += operation.self_device_time_total / 1e6
        elif LAUNCH.match(operation.key):
            calls += operation.count
    if not kernels:
        return {}
    return {
        "launches per step": formats.decimal(calls / steps, 1),
        "kernels and copies per step": formats.decimal(kernels / steps, 1),
        "time per step, µs": formats.decimal(1e6 * wall / steps, 1),
        "GPU busy per step, µs": formats.decimal(1e6 * busy / steps, 1),
    }


def profile(config: TrainConfig) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, str]]]:
    """Seconds of one epoch by kind, for each run, and what a GPU had to do."""
    import torch

    from pytorch_impl import compiled, run, train
    from pytorch_impl.data import make_batches
    from shared.batches import batch_sizes, epoch_order
    from shared.clock import Clock
    from shared.sampling import load

    torch._inductor.config.cpp.enable_kernel_profile = True
    dataset = load(config, Clock())
    seconds, work = {}, {}
    size, clock = config.batch_size, Clock()

    def learn_eagerly(model, optimizer, train_set, order):
        return train.train_epoch(model, optimizer, make_batches(*train_set, order, size), clock)

    def learn_compiled(model, optimizer, train_set, order):
        return compiled.train_epoch(model, optimizer, train_set, order, size, clock)

    for name, learn in {"eager": learn_eagerly, "compiled": learn_compiled}.items():
        device, model, optimizer, train_set, _ = run.build(config, dataset)

        def do_epoch(number: int, learn=learn, given=(model, optimizer, train_set), device=device):
            order = epoch_order(len(given[-1][0]), config.seed, number)
            run.synchronize(device)
            started = time.perf_counter()
            learn(*given, order)
            run.synchronize(device)
            return time.perf_counter() - started

        for epoch in range(1, WARM_UP_EPOCHS + 1):
            unwatched = do_epoch(epoch)
        with torch.profiler.profile() as profiler:
            wall = do_epoch(WARM_UP_EPOCHS + 1)
        kinds = dict.fromkeys(KINDS, 0.0)
        operations = profiler.key_averages()
        for operation in operations:
            kinds[kind_of(operation.key)] += operation.self_cpu_time_total / 1e6
        kinds[REST] = wall - sum(kinds.values())
        seconds[f"pytorch/{name}"] = kinds | {"profiled": wall, "not profiled": unwatched}
        steps = len(batch_sizes(len(dataset.train_labels), size))
        work[f"pytorch/{name}"] = count_work(operations, steps, unwatched)
    return seconds, work


def measure(request: Request) -> int:
    """Profile and print; returns the exit status."""
    environment = describe_environment()
    prepare_environment(request.config.threads)
    from report.sentences import describe_machine
    from report.terminal import make_console
    from shared.sampling import prepare

    config, _ = prepare(request.config)
    measured, work = profile(config)
    table = Table("seconds an epoch", *measured, box=box.SIMPLE_HEAD)
    for kind in next(iter(measured.values())):
        table.add_row(kind, *(formats.decimal(kinds[kind], 3) for kinds in measured.values()))
    console = make_console()
    console.print(table)
    counted = Table("on the GPU", *work, box=box.SIMPLE_HEAD)
    for name in next(iter(work.values())):
        counted.add_row(name, *(counts[name] for counts in work.values()))
    if counted.row_count:
        console.print(counted)
    print(describe_machine(environment))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("profiled", Request, measure))
