"""What stands between PyTorch's runs and the floor: PyTorch's own profiler, sorted into kinds.

`python -m benchmarks.profiled` profiles one epoch of each run behind two that warm up. A profiler
makes what it watches slower, small operations most, so only the shares are to be trusted.
"""

import re
import sys
import time
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Request:
    """Profile an epoch of pytorch/eager and of pytorch/compiled."""

    config: TrainConfig


def kind_of(operation: str) -> str:
    """The kind that an operation's name belongs to."""
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, operation))


def profile(config: TrainConfig) -> dict[str, dict[str, float]]:
    """Seconds of one epoch by kind, for each run."""
    import torch
    from torch.profiler import ProfilerActivity

    from pytorch_impl import compiled, run, train
    from pytorch_impl.data import make_batches
    from shared.batches import epoch_order
    from shared.clock import Clock
    from shared.sampling import load

    torch._inductor.config.cpp.enable_kernel_profile = True
    dataset = load(config, Clock())
    seconds = {}
    size, clock = config.batch_size, Clock()

    def learn_eagerly(model, optimizer, train_set, order):
        return train.train_epoch(model, optimizer, make_batches(*train_set, order, size), clock)

    def learn_compiled(model, optimizer, train_set, order):
        return compiled.train_epoch(model, optimizer, train_set, order, size, clock)

    for name, learn in {"eager": learn_eagerly, "compiled": learn_compiled}.items():
        _, model, optimizer, train_set, _ = run.build(config, dataset)

        def do_epoch(number: int, learn=learn, given=(model, optimizer, train_set)):
            order = epoch_order(len(given[-1][0]), config.seed, number)
            started = time.perf_counter()
            learn(*given, order)
            return time.perf_counter() - started

        for epoch in range(1, WARM_UP_EPOCHS + 1):
            unwatched = do_epoch(epoch)
        with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as profiler:
            wall = do_epoch(WARM_UP_EPOCHS + 1)
        kinds = dict.fromkeys(KINDS, 0.0)
        for operation in profiler.key_averages():
            kinds[kind_of(operation.key)] += operation.self_cpu_time_total / 1e6
        kinds[REST] = wall - sum(kinds.values())
        seconds[f"pytorch/{name}"] = kinds | {"profiled": wall, "not profiled": unwatched}
    return seconds


def measure(request: Request) -> int:
    """Profile and print; returns the exit status."""
    environment = describe_environment()
    prepare_environment(request.config.threads)
    from report.sentences import describe_machine
    from report.terminal import make_console
    from shared.sampling import prepare

    config, _ = prepare(request.config)
    measured = profile(config)
    table = Table("seconds an epoch", *measured, box=box.SIMPLE_HEAD)
    for kind in next(iter(measured.values())):
        table.add_row(kind, *(formats.decimal(kinds[kind], 3) for kinds in measured.values()))
    make_console().print(table)
    print(describe_machine(environment))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("profiled", Request, measure))
