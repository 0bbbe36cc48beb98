"""What the switches for determinism and for coarser arithmetic do, and what they cost.

`python -m benchmarks.switches [RUN ...]` repeats one training without a switch and with each,
interleaved, each in its own process. It prints whether the weights are bit-identical, how long an
epoch takes, and the error of the logits against those of the same weights in float64.
"""

import hashlib
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from benchmarks.command import CHILD_VARIABLE, run_benchmark, run_child
from shared import formats
from shared.clock import Clock
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.flags import RunNames
from shared.registry import RUNS
from shared.threads import prepare_environment

if TYPE_CHECKING:
    import numpy as np

UNCHANGED, DETERMINISTIC, TF32, BFLOAT16 = "none", "deterministic", "TF32", "bfloat16"
HEADER = ("switch", "weights", "epoch, s", "times as long", "logits off", "changed", "device")


class Outcome(msgspec.Struct):
    """What became of one training."""

    device: str
    seconds: list[float]
    """Of training, for each epoch."""
    weights: str
    """A hash of all their bits."""
    off: float
    """The largest error of a logit of the test images, as a fraction of the largest logit."""
    changed: int
    """Test images of which float64 predicts another class."""


def pytorch_switches() -> Mapping[str, Callable[[], object]]:
    """What switches PyTorch over, by name."""
    import torch

    def be_deterministic() -> None:
        # cuBLAS reads it before its first product, and is refused without.
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)

    def allow_tf32() -> None:
        torch.backends.cuda.matmul.allow_tf32 = True

    return {DETERMINISTIC: be_deterministic, TF32: allow_tf32}


def tensorflow_switches() -> Mapping[str, Callable[[], object]]:
    """What switches TensorFlow over, by name."""
    from tensorflow.config import experimental

    return {
        DETERMINISTIC: experimental.enable_op_determinism,
        TF32: lambda: experimental.enable_tensor_float_32_execution(True),
    }


# By implementation.
SWITCHES = {"pytorch": pytorch_switches, "tensorflow": tensorflow_switches}


@dataclass(frozen=True)
class Request:
    """Train with the same seed again and again, with and without each switch."""

    config: TrainConfig
    run: RunNames = ("pytorch/eager",)
    repeats: int = 5
    """Interleaved trainings with each switch."""
    only: str = ""
    """Try only the switch whose name contains TEXT, beside none. Default: all."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.repeats < 2:
            raise UsageError(f"--repeats {self.repeats}: expected 2 or more, to be compared.")
        for run in self.run:
            if run not in RUNS or RUNS[run].implementation not in SWITCHES:
                known = (name for name in RUNS if RUNS[name].implementation in SWITCHES)
                raise UsageError(f"{run}: expected one of: {', '.join(known)}.")
        if not self.switches():
            expected = ", ".join((DETERMINISTIC, TF32, BFLOAT16))
            raise UsageError(f"--only {self.only}: expected a part of one of these: {expected}.")

    def switches(self) -> list[str]:
        """Those to try."""
        return [name for name in (DETERMINISTIC, TF32, BFLOAT16) if self.only in name]


def train_in(name: str, config: TrainConfig) -> int:
    """Train `RUN, SWITCH` and print the Outcome as JSON; returns the exit status."""
    import numpy as np

    from commands.twin import import_twin
    from shared.sampling import load

    run, _, switch = name.partition(", ")
    entry = RUNS[run]
    prepare_environment(config.threads, entry.environment)
    twin = import_twin(entry.implementation, "run")
    if switch == BFLOAT16:
        config = replace(config, precision="bfloat16")
    dataset = load(config, Clock())
    built = twin.build(config, dataset)
    # Only now, because `build` switches TF32 off.
    SWITCHES[entry.implementation]().get(switch, lambda: None)()
    clock = Clock()
    clock.synchronize = lambda: twin.synchronize(built[0])
    epochs = list(twin.learn_in_epochs(config, entry.variant, dataset, built, clock))
    weights, logits = twin.get_weights(built[1]), twin.predict(built[1], dataset.test_images)
    exact = exact_logits(weights, dataset.test_images)
    bits = hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights)))
    outcome = Outcome(
        device=twin.describe_device(built[0]),
        seconds=[epoch.train_seconds for epoch in epochs],
        weights=bits.hexdigest(),
        off=float(np.abs(logits - exact).max() / np.abs(exact).max()),
        changed=int(np.count_nonzero(logits.argmax(axis=1) != exact.argmax(axis=1))),
    )
    print(msgspec.json.encode(outcome).decode())
    return 0


def exact_logits(weights: Mapping[str, "np.ndarray"], images: "np.ndarray") -> "np.ndarray":
    """What a plain network gives in float64: images [n, 784] -> logits [n, 10]."""
    import numpy as np

    from numpy_impl.model import build_model, set_weights

    exact = {name: array.astype(np.float64) for name, array in weights.items()}
    model = build_model(tuple(len(exact[f"dense_{layer}/bias"]) for layer in (1, 2)))
    set_weights(model, exact)
    return model(images.astype(np.float64))


def epoch_seconds(outcome: Outcome) -> float:
    """The median epoch's, without the first."""
    return statistics.median(outcome.seconds[1:] or outcome.seconds)


def row(switch: str, outcomes: Sequence[Outcome], plain: Sequence[Outcome]) -> list[str]:
    """One switch's, as HEADER says.

    Args:
        plain: what became of the training without a switch, repeat by repeat.
    """
    # Only now, because it imports NumPy, which reads the number of threads then.
    from benchmarks.baselines import show_ratio

    seconds, plain_seconds = map(epoch_seconds, outcomes), map(epoch_seconds, plain)
    ratios = [with_it / without for with_it, without in zip(seconds, plain_seconds, strict=True)]
    different = len({outcome.weights for outcome in outcomes})
    return [
        switch,
        "equal" if different == 1 else f"{different} kinds",
        formats.decimal(statistics.median(map(epoch_seconds, outcomes)), 3),
        show_ratio(ratios) if switch != UNCHANGED else "1",
        formats.error(max(outcome.off for outcome in outcomes), 1),
        str(max(outcome.changed for outcome in outcomes)),
        outcomes[0].device,
    ]


def measure(request: Request) -> int:
    """Train and print a table for each run; returns the exit status."""
    config = request.config
    # Before anything imports NumPy, which reads the number of threads then.
    prepare_environment(config.threads)
    if name := os.environ.get(CHILD_VARIABLE):
        return train_in(name, config)
    from rich import box
    from rich.table import Table

    from report.sentences import describe_machine
    from report.terminal import make_console
    from shared.sampling import prepare

    environment = describe_environment()
    config, _ = prepare(config)
    console = make_console()
    for run in request.run:
        names = [UNCHANGED, *request.switches()]
        done: dict[str, list[Outcome]] = {name: [] for name in names}
        for repeat in range(request.repeats):
            for name in names if repeat % 2 == 0 else reversed(names):
                print(f"{run}, {name}: {repeat + 1} of {request.repeats}", file=sys.stderr)
                line = run_child("switches", f"{run}, {name}", config)
                done[name].append(msgspec.json.decode(line, type=Outcome))
        table = Table(*HEADER, title=run, box=box.SIMPLE_HEAD)
        for name, outcomes in done.items():
            table.add_row(*row(name, outcomes, done[UNCHANGED]))
        console.print(table)
    print(
        f"n = {request.repeats} trainings with each switch, interleaved, all with seed "
        f"{config.seed}: {config.epochs} epochs of {config.dataset} in batches of "
        f"{config.batch_size}, threads: {config.threads}. Logits, and predictions that are others: "
        "against float64 with the same weights, the most of all trainings."
    )
    print(describe_machine(environment))
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("switches", Request, measure))
