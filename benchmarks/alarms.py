"""How often does verification accuse a sound run, and how small a fault does it find?

`python -m benchmarks.alarms` draws configurations at random, over techniques, batch sizes from 1 to
1,000 and limits from 5 images on. In each the oracle itself, its weights changed by roundings and
the rows of each batch permuted, is judged as any run; or, with `--framework`, the runs named. Then
in plain configurations the oracle's rate, epsilon or betas are made off by a millionth.
"""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import mock

from tyro.conf import UseAppendAction

from benchmarks.command import CHILD_VARIABLE, ROOT, run_benchmark
from shared.config import ADAM_EPSILON, TrainConfig
from shared.errors import UsageError
from shared.registry import IMPLEMENTATIONS, REFERENCE, RUNS, Run
from shared.threads import prepare_environment
from shared.verified import RunVerification

if TYPE_CHECKING:
    from comparison.reference import Moment, Reference
    from numpy_impl.model import Sequential

MOST_IMAGES = 60_000
RATES = {
    "adam": (1e-4, 1e-2),
    "adamw": (1e-4, 1e-2),
    "sgd": (1e-2, 0.3),
    "rmsprop": (1e-4, 1e-2),
    "adagrad": (1e-3, 0.1),
}
# How likely each technique is, and what it may be set to.
TECHNIQUES: dict[str, tuple[float, Sequence[Any]]] = {
    "activation": (0.3, ("leaky-relu", "gelu", "tanh")),
    "pixels": (0.3, ("unit",)),
    "batch_norm": (0.3, (True,)),
    "momentum": (0.4, (0.5, 0.9)),
    "nesterov": (0.3, (True,)),
    "weight_decay": (0.3, (0.0, 0.01, 0.3)),
    "schedule": (0.4, ("step", "cosine", "plateau")),
    "schedule_epochs": (0.5, (1,)),
    "warmup_steps": (0.2, (10,)),
    "clip_norm": (0.2, (0.1, 1.0)),
    "accumulate": (0.2, (2, 3, 8)),
    "label_smoothing": (0.2, (0.1,)),
    "labels": (0.2, ("one-hot",)),
    "class_weights": (0.2, ("balanced",)),
    "sampling": (0.1, ("balanced",)),
    "imbalance": (0.2, (0.3,)),
    "validation": (0.3, (0.2,)),
    "patience": (0.2, (1, 3)),
    "augment": (0.1, (True,)),
}

# Seeds of the nudged self, which no control has.
NUDGED = 1000

MILLIONTH = 1 + 1e-6
# Of Adam; the learning rate as a multiple.
FAULTS = {
    "learning rate": {"learning_rate": MILLIONTH},
    "epsilon": {"epsilon": ADAM_EPSILON * MILLIONTH},
    "beta 1": {"beta_1": 0.9 * MILLIONTH},
    "beta 2": {"beta_2": 0.999 * MILLIONTH},
}

DOUBTFUL = ("not provable", "false alarm")
OUTCOMES = ("followed to the end", "partly followed", *DOUBTFUL)

# Rows of a table: how often each outcome.
Counts = dict[str, Counter[str]]


@dataclass(frozen=True)
class Request:
    """Verify randomly drawn configurations, and count false alarms and the faults found."""

    count: int = 3000
    """Configurations to draw."""
    sharp: int = 100
    """Plain configurations to plant each fault in."""
    framework: UseAppendAction[tuple[str, ...]] = ()
    """Judge this run, such as pytorch/eager, instead of a nudged copy of the NumPy reference."""
    first: int = 0
    """Number of the first configuration, also its seed."""
    dataset: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    """Images to train on."""
    data_dir: Path = TrainConfig().data_dir
    """Folder of the datasets. Default: $DATA_DIR, else data."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag.
        """
        for name in ("count", "sharp", "first"):
            if getattr(self, name) < 0:
                raise UsageError(f"--{name} {getattr(self, name)}: expected 0 or more.")
        unknown = [run for run in self.framework if run not in RUNS or run == REFERENCE.name]
        if unknown:
            known = ", ".join(run for run in RUNS if run != REFERENCE.name)
            raise UsageError(f"--framework {unknown[0]}: expected one of: {known}.")


def draw_plain(draw: random.Random, base: TrainConfig, images: int) -> TrainConfig:
    """A training without techniques, of random sizes.

    Args:
        draw: what is random.
        base: dataset and folder.
        images: for training.
    """
    limit = round(5 * (MOST_IMAGES / 5) ** draw.random())
    return replace(
        base,
        batch_size=round(10 ** draw.uniform(0, 3)),
        limit=limit if limit < images else None,
        hidden=tuple(draw.choice((8, 12, 16, 24, 32)) for _ in range(2)),
        seed=draw.randrange(10**6),
        learning_rate=10 ** draw.uniform(-4, -2),
        epochs=draw.choice((1, 5, 20)),
    )


def draw_config(draw: random.Random, base: TrainConfig, images: int) -> TrainConfig:
    """One configuration that the commands accept, plain in one of five cases; as `draw_plain`."""
    while True:
        config = draw_plain(draw, base, images)
        if draw.random() < 0.2:
            return config
        optimizer = draw.choice(list(RATES))
        low, high = RATES[optimizer]
        fields: dict[str, Any] = {
            name: draw.choice(values)
            for name, (likely, values) in TECHNIQUES.items()
            if draw.random() < likely
        }
        fields |= {"optimizer": optimizer, "learning_rate": low * (high / low) ** draw.random()}
        hidden = config.hidden[:1] * draw.choice((1, 2, 3))
        try:
            return replace(config, hidden=hidden, **fields)
        except UsageError:
            continue


def configurations(
    request: Request, count: int, make: Callable[..., TrainConfig]
) -> Iterator[tuple[int, TrainConfig]]:
    """So many numbered configurations, as verification shortens them.

    Raises:
        UsageError: the dataset can't be had.
    """
    from comparison.verification import shorten
    from shared.sampling import load_configured

    base = TrainConfig(
        dataset=request.dataset, data_dir=request.data_dir, offline=True, threads=1, device="cpu"
    )
    images = len(load_configured(base).train_labels)
    for number in range(request.first, request.first + count):
        draw = random.Random(number)
        while True:
            config = make(draw, base, images)
            try:
                left = len(load_configured(config).train_labels)
            except UsageError:
                continue
            break
        yield number, shorten(config, left)


def outcome(verdict: RunVerification) -> str:
    """What became of a run that is sound."""
    if verdict.failure:
        unclear = verdict.failure.kind in ("diverges", "undecided")
        return "not provable" if unclear else "false alarm"
    return "partly followed" if verdict.decided else "followed to the end"


def references_of(config: TrainConfig) -> list["Reference"]:
    """What runs are held against, in each float type."""
    from comparison.reference import Reference
    from comparison.tracing import FLOAT_TYPES

    return [Reference(config, float_type) for float_type in FLOAT_TYPES]


def nudged_trace(reference: "Reference", seed: int) -> list["Moment"]:
    """The trace of the oracle's nudged self, whose control that seed would draw."""
    from comparison.control import trace_control

    trace: list[Moment] = []
    trace_control(reference.config, reference.dataset, lambda *moment: trace.append(moment), seed)
    return trace


def judge_nudged(number: int, config: TrainConfig) -> list[RunVerification]:
    """Judge the oracle's nudged self."""
    from comparison.judging import judge

    verdict = RunVerification(REFERENCE.name)
    for reference in references_of(config):
        judge(verdict, nudged_trace(reference, NUDGED + number), reference)
    return [verdict]


def judge_runs(
    children: Sequence[tuple[subprocess.Popen, Sequence[Run]]], config: TrainConfig
) -> list[RunVerification]:
    """Judge what children send, each the traces of some runs."""
    from comparison.verification import judge_child

    references, interpreters = references_of(config), dict.fromkeys(IMPLEMENTATIONS, sys.executable)
    judged = [judge_child(child, runs, references, interpreters) for child, runs in children]
    return [verdict for verdicts in judged for verdict in verdicts]


def start_child(runs: Sequence[Run]) -> subprocess.Popen:
    """Start a process that sends the traces of these runs in all configurations."""
    known = {CHILD_VARIABLE: " ".join(run.name for run in runs)}
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.alarms", *sys.argv[1:]],
        cwd=ROOT,
        env=os.environ | runs[0].environment | known,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


def send_all(request: Request, runs: Sequence[Run]) -> int:
    """Do a child's work; returns the exit status."""
    from comparison.tracing import FLOAT_TYPES, send_traces

    # The text's own stream, which closes the bytes below it when nobody has it any more.
    text, sys.stdout = sys.stdout, sys.stderr
    stream = text.buffer
    for _, config in configurations(request, request.count, draw_config):
        send_traces(stream, runs[0].package, [run.variant for run in runs], FLOAT_TYPES, config)
    return 0


def is_caught(changed: dict[str, float], config: TrainConfig, number: int) -> bool:
    """Whether verification notices that the oracle's nudged self has another Adam."""
    import numpy_impl.run
    from comparison.judging import judge
    from comparison.reference import Reference
    from numpy_impl.optimizer import Adam

    def make_optimizer(model: "Sequential", learning_rate: float, _: str) -> Adam:
        return Adam(model.parameters(), **{"learning_rate": learning_rate, **parameters})

    parameters = {
        name: value * config.learning_rate if name == "learning_rate" else value
        for name, value in changed.items()
    }
    verdict, reference = RunVerification(REFERENCE.name), Reference(config, "float64")
    with mock.patch.object(numpy_impl.run, "make_optimizer", make_optimizer):
        trace = nudged_trace(reference, NUDGED + number)
    judge(verdict, trace, reference)
    return verdict.failure is not None and verdict.failure.kind == "off"


def row_of(config: TrainConfig) -> str:
    """The row of the table that a configuration counts in."""
    if config.batch_norm:
        return "batch normalization"
    return "no technique" if not config.techniques() else f"techniques, {config.optimizer}"


def count_alarms(request: Request, counts: Counts) -> None:
    """Count what becomes of sound runs, in each row of the table; the doubtful ones are printed."""
    from comparison.verification import group_by_process

    groups = group_by_process(request.framework)
    children = [(start_child(runs), runs) for runs in groups]
    try:
        for done, (number, config) in enumerate(
            configurations(request, request.count, draw_config)
        ):
            if done % 100 == 0:
                print(f"{done} of {request.count} configurations", file=sys.stderr)
            judged = judge_runs(children, config) if children else judge_nudged(number, config)
            for verdict in judged:
                found = outcome(verdict)
                counts.setdefault(row_of(config), Counter())[found] += 1
                if found in DOUBTFUL:
                    flags = " ".join(config.as_flags())
                    print(
                        f"{number}: {verdict.run}, {found}: {verdict.failure}: {flags}", flush=True
                    )
    finally:
        for child, _ in children:
            child.kill()
            child.communicate()


def count_caught(request: Request, counts: Counts) -> None:
    """Count the plain configurations where each fault is found; where it is not is printed."""
    for number, config in configurations(request, request.sharp, draw_plain):
        for name, changed in FAULTS.items():
            found = "caught" if is_caught(changed, config, number) else "missed"
            counts.setdefault(name, Counter())[found] += 1
            if found == "missed":
                print(f"{number}: {name}, missed: {' '.join(config.as_flags())}", flush=True)


def measure(request: Request) -> int:
    """Print both tables; returns 1 if a sound run was accused or a fault missed."""
    prepare_environment(1)
    if names := os.environ.get(CHILD_VARIABLE):
        return send_all(request, [RUNS[name] for name in names.split()])
    alarms: Counts = {}
    caught: Counts = {}
    # What was counted before an interruption is not lost.
    try:
        count_alarms(request, alarms)
        count_caught(request, caught)
    finally:
        print_table("configurations", OUTCOMES, alarms)
        print_table("off by a millionth", ("caught", "missed"), caught)
    lost = sum(row["false alarm"] for row in alarms.values())
    return int(lost + sum(row["missed"] for row in caught.values()) > 0)


def print_table(title: str, columns: Sequence[str], counts: Counts) -> None:
    """Print counts as a table in Markdown, with a last row of sums."""
    if not counts:
        return
    print(f"| {title} | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    total: Counter[str] = sum(counts.values(), Counter())
    for name, row in (*sorted(counts.items()), ("all", total)):
        print(f"| {name} | {' | '.join(str(row[column]) for column in columns)} |")


if __name__ == "__main__":
    sys.exit(run_benchmark("alarms", Request, measure))
