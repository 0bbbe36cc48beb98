"""Proof, before anything is timed, that all runs compute the same: each against the NumPy oracle.

From the same initial weights and batches, with Adam's epsilon in the same place (`exact`), each
run's first batch, logits, loss and gradients, its weights after every step and its figures of every
epoch are compared with those of `numpy_impl`. Each implementation traces its runs in a child
process; how far they may stray is in `reference.py`, how they are judged in `judging.py`.
"""

import math
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO

from safetensors.numpy import load
from threadpoolctl import threadpool_limits

from comparison.children import child_environment, missing_modules
from comparison.judging import judge
from comparison.reference import CONTROL_FACTOR, Moment, Reference
from comparison.tracing import FLOAT_TYPES, read_frames
from report.sentences import ENDS
from shared import interrupts
from shared.config import WITHOUT_EQUAL, TrainConfig
from shared.errors import UsageError
from shared.registry import REFERENCE, RUNS, Run
from shared.sampling import load_configured
from shared.verified import RunVerification, Verification, VerificationFailure

ROOT = Path(__file__).resolve().parent.parent

STEPS = 200

BATCHES_PER_EPOCH = 50

# However many batches each of them is to take: then it takes fewer here.
LEAST_UPDATES = 4

# Of a run that was not traced because its process ended while it traced another.
TAKEN_ALONG = VerificationFailure("not_traced", message="the process that traced it ended")

# The oracle's weights after every step are held in memory: at most 400 MB of float64.
MOST_NUMBERS = 50_000_000


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
    children = Children(interpreters, config)
    with ThreadPoolExecutor(max(1, len(groups))) as pool:
        try:
            with interrupts.held():
                first = [children.start(group) for group in groups]
            # Meanwhile the children import their frameworks; an interrupt so far is heard now.
            with interrupts.allowed(), threadpool_limits(1):
                references = [Reference(config, float_type) for float_type in FLOAT_TYPES]
            judge_all = partial(judge_child, references=references, interpreters=interpreters)
            judge_each = partial(judge_group, start=children.start, judge_all=judge_all)
            judged = pool.map(judge_each, first, groups)
            verdicts = {verdict.run: verdict for group in judged for verdict in group}
        finally:
            # Before the pool waits for those who read what they write.
            children.end()
    for child in children.started:
        child.communicate()
    verdicts[REFERENCE.name] = RunVerification(REFERENCE.name, device="cpu")
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

    The last batch of each epoch is a partial one, where the batch size allows. An update takes
    fewer batches where otherwise hardly any would be made.
    """
    size = (BATCHES_PER_EPOCH - 1) * config.batch_size + (config.batch_size + 1) // 2
    # So few may have no image to hold out, or one too many for batch normalization.
    for limit in (size, size + 1, 2 * size, 4 * size):
        short = _shorten_to(limit, config, train_size)
        if not (config.batch_norm or config.validation) or is_possible(short):
            return short
    return _shorten_to(train_size, config, train_size)


def is_possible(config: TrainConfig) -> bool:
    """Whether such a training is not refused."""
    try:
        load_configured(config)
    except UsageError:
        return False
    return True


def _shorten_to(size: int, config: TrainConfig, train_size: int) -> TrainConfig:
    # What is held out or thinned out is not counted in the size of the whole training set.
    limit = size if size < train_size else config.limit
    batches = math.ceil(min(size, train_size) / config.batch_size)
    steps = min(STEPS, MOST_NUMBERS // config.parameters())
    epochs = max(1, math.ceil(steps / batches))
    # What is held out, or thinned out to no less than half, leaves fewer batches.
    surely = epochs * batches * (1 - config.validation) / 2
    return replace(
        config,
        alignment="exact",
        limit=limit,
        epochs=epochs,
        accumulate=min(config.accumulate, max(1, int(surely / LEAST_UPDATES))),
        **WITHOUT_EQUAL,
        # Several processes at once, so one thread each.
        threads=1,
    )


@dataclass
class Children:
    """The processes that trace, none of which is left at the end."""

    interpreters: Mapping[str, str]
    config: TrainConfig
    started: list[subprocess.Popen] = field(default_factory=list)
    over: bool = False

    def start(self, runs: Sequence[Run]) -> subprocess.Popen:
        """Start one that traces these runs, which share package and environment."""
        child = _start_child(runs, self.interpreters[runs[0].implementation], self.config)
        self.started.append(child)
        # Whoever ended the others meanwhile may not have seen it.
        if self.over:
            child.kill()
        return child

    def end(self) -> None:
        """End all, also those that are being started."""
        self.over = True
        for child in self.started:
            child.kill()
            child.wait()


def _start_child(runs: Sequence[Run], interpreter: str, config: TrainConfig) -> subprocess.Popen:
    """Start a process that traces all these runs, which share package and environment."""
    variants = ",".join(run.variant for run in runs)
    command = [interpreter, "-m", "comparison.tracing", runs[0].package, variants]
    command.append(",".join(FLOAT_TYPES))
    return subprocess.Popen(
        [*command, *config.as_flags()],
        cwd=ROOT,
        env=child_environment(**runs[0].environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **interrupts.apart(),
    )


def judge_child(
    child: subprocess.Popen,
    runs: Sequence[Run],
    references: Sequence[Reference],
    interpreters: Mapping[str, str],
) -> list[RunVerification]:
    """Read all traces of one child and judge each run by those in both float types.

    Where it dies, the run that it was tracing fails; others that are not finished get TAKEN_ALONG.
    """
    traces = child.stdout
    assert traces is not None
    missing = partial(_unavailable, runs[0], interpreters[runs[0].implementation])
    verdicts = [RunVerification(run.name) for run in runs]
    current = verdicts[0]
    try:
        for reference in references:
            for current in verdicts:
                judge(current, _moments(traces, current, missing), reference)
    except EOFError:
        others = TAKEN_ALONG
        if modules := missing_modules(runs[0], interpreters[runs[0].implementation]):
            others = missing(modules[0])
            current.fail(others)
        current.fail(VerificationFailure("not_traced", message=_last_words(child)))
        for verdict in verdicts:
            if len(verdict.figures) < len(references):
                verdict.fail(others)
    return verdicts


def judge_group(
    child: subprocess.Popen,
    runs: Sequence[Run],
    start: Callable[[Sequence[Run]], subprocess.Popen],
    judge_all: Callable[[subprocess.Popen, Sequence[Run]], list[RunVerification]],
) -> list[RunVerification]:
    """Judge the runs of one child; those that it took along are traced again, each on its own."""
    return [
        judge_all(start([run]), [run])[0] if verdict.failure is TAKEN_ALONG else verdict
        for run, verdict in zip(runs, judge_all(child, runs), strict=True)
    ]


def _last_words(child: subprocess.Popen) -> str:
    """The signal that ended a child, else the last line that it complained of."""
    written = child.stderr.read() if child.stderr else b""
    complaint = written.decode(errors="replace").strip().splitlines()
    ended = child.wait()
    if ended < 0:
        return f"its process was ended by {signal.Signals(-ended).name}"
    return complaint[-1] if complaint else "it ended"


def _unavailable(run: Run, interpreter: str, module: str) -> VerificationFailure:
    known = {"interpreter": interpreter, "implementation": run.implementation}
    message = ENDS["missing_module"].format(module=module, **known)
    return VerificationFailure("unavailable", message=message)


def _moments(
    stream: IO[bytes], verdict: RunVerification, missing: Callable[[str], VerificationFailure]
) -> Iterator[Moment]:
    """One trace, moment by moment, unless the run can't be had or a module is missing."""
    for frame in read_frames(stream):
        if frame.kind == "unavailable":
            verdict.fail(VerificationFailure("unavailable", message=frame.text))
        elif frame.kind == "missing":
            verdict.fail(missing(frame.text))
        elif frame.kind == "broken":
            verdict.fail(VerificationFailure("not_traced", message=frame.text))
        elif frame.kind == "device":
            verdict.note_device(frame.text)
        elif frame.kind != "end":
            yield frame.kind, load(frame.arrays)
