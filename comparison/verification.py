"""Proof, before anything is timed, that all runs compute the same: each against the NumPy oracle.

From the same initial weights and batches, with Adam's epsilon in the same place (`exact`), each
run's first batch, logits, loss and gradients, its weights after every step and its figures of every
epoch are compared with those of `numpy_impl`. In float64 they must agree almost to the last digit.
In float32 they agree to rounding until rounding decides, for the first time, on which side of zero
a ReLU's input lies; from then on any two runs part by orders of magnitude. How far is natural is
shown by a control: the oracle once more, its weights nudged and the rows of each batch permuted.
"""

import math
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from safetensors.numpy import load
from threadpoolctl import threadpool_limits

import numpy_impl.trace
from comparison.tracing import FLOAT_TYPES, TEST_IMAGES, read_frames
from shared.config import ADAM_EPSILON, WITHOUT_EQUAL, FloatType, TrainConfig
from shared.registry import REFERENCE, RUNS, Run
from shared.results import RunVerification, Verification
from shared.sampling import load_configured

ROOT = Path(__file__).resolve().parent.parent

STEPS = 200

BATCHES_PER_EPOCH = 50

# The oracle's weights after every step are held in memory: at most 400 MB of float64.
MOST_NUMBERS = 50_000_000

# What rounding alone explains: relative for the first batch and the epochs' figures, absolute for
# the weights, which are of the order of 0.1.
TOLERANCES = {
    "float64": {"start": 1e-12, "step": 1e-12, "epoch": 1e-12},
    "float32": {"start": 1e-5, "step": 1e-6, "epoch": 1e-4},
}

# A ReLU's input that is nearer to zero than this may change its sign by rounding. From then on
# chance drives two runs apart: a gradient may miss a whole row, the weights may differ by a step of
# Adam and the epochs' figures by some per cent; or by the factor times as much as the control's,
# which is only one sample of what chance does.
KINK = {"float64": 1e-14, "float32": 1e-5}

BEHIND_A_KINK = {"start": 1.0, "epoch": 0.05}

CONTROL_FACTOR = 10

# Steps larger than the default's make errors grow, those of rounding and the control's nudge alike:
# how far rounding may stray as a share of how far the nudge did, which at last grows no more.
ROUNDING_TO_NUDGE = {"float64": 1e-7, "float32": 1e-1}

# Normalizing leaves gradients that are zero but for rounding. Adam, which divides a gradient by its
# own size and epsilon, makes up to so much of that in each step, as a multiple of the rate; a
# layer's mean sums it over all inputs.
OF_NOTHING = {"float64": 1e-15 / ADAM_EPSILON, "float32": 30.0}

# Of time, and what only the oracle tells.
IGNORED = ("train_seconds", "evaluate_seconds", "nearest kink")

# How a moment is called in a message.
NEXT = {
    "step": "another step",
    "epoch": "the end of the epoch",
    "start": "a start",
    None: "nothing",
}

# Under which name the largest error of each array is reported; all else is gradients or weights.
GROUPS = {
    "images": "first batch",
    "labels": "first batch",
    "logits": "logits",
    "loss": "loss",
    "train_loss": "epochs",
    "train_accuracy": "epochs",
    "test_loss": "epochs",
    "test_accuracy": "epochs",
    "epoch": "epochs",
}

Arrays = Mapping[str, np.ndarray]

Moment = tuple[str, Arrays]


class Reference:
    """The oracle's trace in one float type, and how far a run may stray from it at each moment."""

    def __init__(self, config: TrainConfig, float_type: FloatType) -> None:
        config = replace(config, float_type=float_type)
        dataset = load_configured(config).with_test_images(TEST_IMAGES)
        self.float_type = float_type
        self.moments: list[Moment] = []
        numpy_impl.trace.trace(
            config, "reference", dataset, lambda *moment: self.moments.append(moment)
        )
        self.tolerances: list[dict[str, float]] = []
        large_steps = not config.plain_updates or config.learning_rate > TrainConfig.learning_rate
        behind = BEHIND_A_KINK | {"step": config.learning_rate}
        strayed: dict[str, float] = {}
        nearest, step = math.inf, 0

        def calibrate(kind: str, arrays: Arrays) -> None:
            nonlocal nearest, step
            step += kind == "step"
            expected = self.moments[len(self.tolerances)][1]
            nearest = min(nearest, float(expected.get("nearest kink", math.inf)))
            behind_a_kink = nearest < KINK[float_type]
            limits = {}
            for name, error in self.errors(kind, arrays, expected).items():
                strayed[name] = max(error, strayed.get(name, 0))
                limit, apart = TOLERANCES[float_type][kind], CONTROL_FACTOR * strayed[name]
                if large_steps and kind != "start":
                    limit = max(limit, ROUNDING_TO_NUDGE[float_type] * strayed[name])
                # What comes before the backward pass does not depend on the sign at a kink.
                if behind_a_kink and name not in ("images", "labels", "logits", "loss"):
                    limit = max(behind[kind], apart)
                if config.batch_norm and kind != "start":
                    limit = max(limit, OF_NOTHING[float_type] * config.learning_rate * step)
                limits[name] = limit
            self.tolerances.append(limits)

        numpy_impl.trace.trace_control(config, dataset, calibrate)

    @property
    def steps(self) -> int:
        """Number of training steps in the trace."""
        return sum(kind == "step" for kind, _ in self.moments)

    def errors(self, kind: str, arrays: Arrays, expected: Arrays) -> dict[str, float]:
        """How far each array is from the oracle's; infinite where the shapes or types differ.

        Weights: the largest difference, and in float32 the root of the mean square, because there
        single weights with a gradient near zero stray by chance. All else: the largest difference
        as a fraction of the oracle's largest value.
        """
        errors = {}
        for name, value in expected.items():
            if name in IGNORED or (self.float_type == "float32" and name.endswith("accuracy")):
                continue
            got = arrays.get(name)
            if got is None or got.shape != value.shape or got.dtype != value.dtype:
                errors[name] = math.inf
                continue
            difference = got.astype(np.float64) - value
            if kind == "step" and self.float_type == "float32":
                errors[name] = float(np.sqrt(np.mean(difference**2)))
            else:
                scale = 1 if kind == "step" else np.abs(value).max() or 1
                errors[name] = float(np.abs(difference).max() / scale)
        return errors


def verify(
    runs: Sequence[str], interpreters: Mapping[str, str], config: TrainConfig, train_size: int
) -> Verification:
    """Compare every run with the oracle.

    Args:
        runs: `IMPLEMENTATION/VARIANT`, each once.
        interpreters: of each implementation.
        config: of the comparison; its dataset is there. Seed, batch size, hidden sizes and learning
            rate are kept; of the images only as many are used as the steps need.
        train_size: training images that there are.
    """
    started = time.perf_counter()
    config = shorten(config, train_size)
    groups = group_by_process(runs)
    children = [
        _start_child(group, interpreters[group[0].implementation], config) for group in groups
    ]
    try:
        # Meanwhile the children import their frameworks.
        with threadpool_limits(1):
            references = [Reference(config, float_type) for float_type in FLOAT_TYPES]
        with ThreadPoolExecutor(max(1, len(children))) as pool:
            judged = pool.map(partial(_judge_child, references=references), children, groups)
            verdicts = {verdict.run: verdict for group in judged for verdict in group}
    finally:
        for child in children:
            child.kill()
            child.communicate()
    verdicts[REFERENCE.name] = RunVerification(REFERENCE.name, message="is the oracle itself")
    return Verification(
        REFERENCE.name,
        config.alignment,
        references[0].steps,
        CONTROL_FACTOR,
        time.perf_counter() - started,
        [verdicts[run] for run in runs],
    )


def group_by_process(runs: Iterable[str]) -> list[list[Run]]:
    """The runs without the reference, those together that can share a process."""
    groups: dict[object, list[Run]] = {}
    for run in (RUNS[name] for name in runs if name != REFERENCE.name):
        process = (run.package, *sorted(run.environment.items()))
        groups.setdefault(process, []).append(run)
    return list(groups.values())


def shorten(config: TrainConfig, train_size: int) -> TrainConfig:
    """The same training under `exact`, on so few images that there are several epochs.

    The last batch of each epoch is a partial one, where the batch size allows.
    """
    size = (BATCHES_PER_EPOCH - 1) * config.batch_size + (config.batch_size + 1) // 2
    limit = min(size, train_size)
    batches = math.ceil(limit / config.batch_size)
    steps = min(STEPS, MOST_NUMBERS // config.parameters())
    return replace(
        config,
        alignment="exact",
        limit=limit,
        epochs=max(1, math.ceil(steps / batches)),
        # Apple's GPUs have no float64.
        device="cpu" if config.device == "mps" else config.device,
        **WITHOUT_EQUAL,
        # Several processes at once, so one thread each.
        threads=1,
    )


def _start_child(runs: Sequence[Run], interpreter: str, config: TrainConfig) -> subprocess.Popen:
    """Start a process that traces all these runs, which share package and environment."""
    variants = ",".join(run.variant for run in runs)
    command = [interpreter, "-m", "comparison.tracing", runs[0].package, variants]
    return subprocess.Popen(
        [*command, *config.as_flags()],
        cwd=ROOT,
        env=os.environ | runs[0].environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _judge_child(
    child: subprocess.Popen, runs: Sequence[Run], references: Sequence[Reference]
) -> list[RunVerification]:
    """Read all traces of one child and judge each run by those in both float types."""
    verdicts = {run.name: RunVerification(run.name) for run in runs}
    # Both are pipes.
    traces, complaints = cast(BinaryIO, child.stdout), cast(BinaryIO, child.stderr)
    try:
        for reference in references:
            for verdict in verdicts.values():
                judge(verdict, _moments(traces, verdict), reference)
    except EOFError:
        complaint = complaints.read().decode(errors="replace").strip().splitlines()
        for verdict in verdicts.values():
            if len(verdict.figures) < len(references):
                verdict.fail(f"could not be traced: {complaint[-1] if complaint else 'it ended'}")
    for verdict in verdicts.values():
        if verdict.passed:
            verdict.message = describe_agreement(verdict, references[0].steps)
    return list(verdicts.values())


def _moments(stream: BinaryIO, verdict: RunVerification) -> Iterator[Moment]:
    """One trace, moment by moment, unless the run can't be had."""
    for frame in read_frames(stream):
        if frame.kind == "unavailable":
            verdict.available = False
            verdict.fail(f"is unavailable: {frame.reason}")
        else:
            yield frame.kind, load(frame.arrays)


def judge(verdict: RunVerification, trace: Iterable[Moment], reference: Reference) -> None:
    """Compare one trace with the oracle's, moment by moment; note the figures and any failure.

    After the first failure the rest of the trace is only read.
    """
    largest: dict[str, float] = {}
    expectations = iter(zip(reference.moments, reference.tolerances, strict=True))
    step = 0
    failed = False
    for kind, arrays in chain(trace, [(None, {})]):
        if failed:
            continue
        # One moment of the trace may stand for many steps; then only the last one is compared.
        for _ in range(int(arrays.get("steps", 1))):
            (expected_kind, expected), tolerances = next(expectations, ((None, {}), {}))
            step += expected_kind == "step"
            if kind != expected_kind:
                break
        where = f"{reference.float_type}, after step {step}"
        if kind != expected_kind:
            verdict.fail(
                f"{where}: the oracle goes on with {NEXT[expected_kind]}, but this run with "
                f"{NEXT[kind]}; a batch is missing or added"
            )
            failed = True
            continue
        if kind is None:
            break
        errors = reference.errors(kind, arrays, expected)
        for name, error in errors.items():
            group = GROUPS.get(name, "gradients" if kind == "start" else "weights")
            largest[group] = max(error, largest.get(group, 0))
        # Written so that a NaN counts as off.
        off = [name for name, error in errors.items() if not error <= tolerances[name]]
        if off:
            first = off[0]
            verdict.fail(
                f"{where}: {first} is off by {errors[first]:.1e}, more than the "
                f"{tolerances[first]:.1e} that rounding explains; "
                f"{diagnose(kind, step, off, errors)}"
            )
            failed = True
    verdict.figures[reference.float_type] = dict(largest)


def diagnose(kind: str, step: int, off: Sequence[str], errors: Mapping[str, float]) -> str:
    """What the first failure points to, given which arrays are off and which still agree."""
    if kind == "epoch":
        return "all steps agree, so the mean over the epoch or the test is taken differently"
    if kind == "step":
        if len(off) < len(errors) / 2:
            return f"the other weights agree, so {' and '.join(off)} is updated differently"
        if step == 1:
            return "the gradients agree, so the optimizer's update differs, as by its epsilon"
        return "the first update agrees, so the optimizer's running means differ, as by its betas"
    if "images" in off and "labels" in off:
        return "the first batch holds other rows"
    if "images" in off:
        return "the rows are the same, so the images are scaled differently"
    if "labels" in off:
        return "the images agree, so the labels are changed"
    if "logits" in off:
        if errors["logits"] < 1e-4:
            return "so little that the arithmetic has less precision than asked for"
        return "the batch agrees, so the weights are laid out or applied differently"
    if "loss" in off:
        return "the logits agree, so the loss is computed differently"
    return "the loss agrees, so the backward pass differs"


def describe_agreement(verdict: RunVerification, steps: int) -> str:
    """The figures of a run that passed, in words."""
    exact, rounded = verdict.figures["float64"], verdict.figures["float32"]
    return (
        f"computes the same as the oracle: in float64 logits within {exact['logits']:.0e}, "
        f"gradients {exact['gradients']:.0e}, weights after {steps} steps {exact['weights']:.0e}; "
        f"in float32 logits {rounded['logits']:.0e}, gradients {rounded['gradients']:.0e}"
    )
