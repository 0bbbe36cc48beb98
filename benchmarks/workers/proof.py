"""Every worker's training, held against the reference and against the other workers'."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from safetensors.numpy import load
from threadpoolctl import threadpool_limits

from benchmarks.command import ROOT
from benchmarks.workers.traced import Case, cases, variants_of
from comparison.judging import judge
from comparison.reference import END, Moment, Reference
from comparison.tracing import Frame, read_frames
from report.verification import describe_failure
from shared.registry import IMPLEMENTATIONS
from shared.verified import RunVerification, VerificationFailure
from shared.workers import VARIABLES, describe_place, free_ports


@dataclass(frozen=True)
class Judged:
    """What became of one case."""

    case: Case
    workers: int
    verdict: RunVerification
    equal: bool
    """Whether all workers computed the same, to the last bit."""

    @property
    def is_good(self) -> bool:
        """Whether it is as it has to be: proven and equal, or with a fault refuted."""
        refuted = self.verdict.failure is not None and self.verdict.failure.kind == "off"
        return refuted if self.case.fault else self.verdict.passed and self.equal

    def describe(self) -> str:
        """One line."""
        name = f"{self.verdict.run}, {self.workers} workers, {self.case.name}"
        if self.verdict.failure:
            return f"{name}: {describe_failure(self.verdict.failure)}"
        steps = self.verdict.steps["float64"]
        error = self.verdict.figures["float64"]["weights"]
        alike = "bit-identical" if self.equal else "DIFFERENT"
        return f"{name}: weights within {error:.0e} after {steps} steps, the workers' {alike}"


def prove(
    implementation: str,
    workers: int,
    names: Sequence[str] | None = None,
    python: str = sys.executable,
) -> Iterator[Judged]:
    """Train each case with so many workers, and judge it; all in the same processes.

    Args:
        names: of the cases; by default all.
        python: the interpreter of the workers.
    """
    package = IMPLEMENTATIONS[implementation][0].package
    known = cases(variants_of(package))
    names = list(known) if names is None else names
    command = python, "-m", "benchmarks.workers.traced", package
    started = start_workers(command, workers, names)
    try:
        for name in names:
            case = known[name]
            with threadpool_limits(1):
                reference = Reference(case.config(workers), "float64")
            if case.config(workers).alignment != "exact":
                reference.moments = [*train_alone(command, name), END]
            verdict = RunVerification(f"{implementation}/{case.variant}")
            equal: list[bool] = []
            streams = [process.stdout for process in started if process.stdout]
            judge(verdict, moments(streams, verdict, equal), reference)
            yield Judged(case, workers, verdict, all(equal))
    finally:
        for process in started:
            process.kill()
            process.communicate()


def train_alone(command: Sequence[str], name: str) -> list[Moment]:
    """The trace of one worker that has no others.

    Raises:
        ChildProcessError: it ended early.
    """
    (process,) = start_workers(command, 1, [name])
    verdict = RunVerification(name)
    found = list(moments([process.stdout], verdict, [])) if process.stdout else []
    process.communicate()
    if verdict.failure or not found:
        raise ChildProcessError(f"{name}: one worker alone did not train.")
    return found


def start_workers(
    command: Sequence[str], workers: int, names: Sequence[str]
) -> list[subprocess.Popen]:
    """Start them all, as a launcher does."""
    ports = free_ports(workers + 1)
    known = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return [
        subprocess.Popen(
            [*command, str(workers), *names],
            cwd=ROOT,
            env=known | describe_place(number, workers, ports) | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        for number in range(workers)
    ]


def moments(
    streams: Sequence[IO[bytes]], verdict: RunVerification, equal: list[bool]
) -> Iterator[Moment]:
    """The trace of worker 0, and in `equal` whether each weight is the other workers' as well."""
    frames: tuple[Frame, ...]
    for frames in zip(*map(read_frames, streams), strict=True):
        first, *others = frames
        if first.kind in ("step", "epoch", "start"):
            if first.kind == "step":
                equal.append(all(each.arrays == first.arrays for each in others))
            yield first.kind, load(first.arrays)
        elif first.kind == "device":
            verdict.note_device(first.text)
        else:
            verdict.fail(VerificationFailure("not_traced", message=first.text))
