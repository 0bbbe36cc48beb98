"""Does a training that is killed go on to the very result of one that is not?

`python -m benchmarks.kills` trains a small network in PyTorch and in TensorFlow, kills the process
again and again (SIGKILL), half of the times at a random moment and half while it writes a
checkpoint, resumes it, and compares weights, predictions and the figures of every epoch with those
of the uninterrupted training. Then it damages checkpoints, one byte at a time.
"""

import importlib
import mmap
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import msgspec
from safetensors.numpy import save

from benchmarks.command import refuse_without_fork, run_benchmark
from benchmarks.damages import damage_again_and_again, make_checkpoints
from commands.single_run import drain
from report.sentences import describe_machine
from shared import checkpoint_files
from shared.batches import batch_sizes
from shared.chatter import native_chatter_held_back
from shared.checkpoints import Checkpoints, open_checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.registry import RUNS
from shared.results import EpochResult
from shared.sampling import load_configured
from shared.threads import prepare_environment

# What changes the folder, and where its name is looked up.
OPERATIONS = (
    (checkpoint_files, "write_durably"),
    (Path, "mkdir"),
    (Path, "rename"),
    (checkpoint_files, "sync_folder"),
    (shutil, "rmtree"),
)
# There are eight in each save but the first two, which have nothing to delete.
OPERATIONS_PER_SAVE = 7
STEPS_PER_CHECKPOINT = 2
# As long as a step and a save may take here.
SECONDS_PER_STEP = 0.05
TINY = TrainConfig(
    dataset="digits", offline=True, limit=300, hidden=(8, 8), epochs=2, dropout=0.2, threads=1
)


@dataclass(frozen=True)
class Request:
    """Kill trainings at random moments, and check that each resumes to the same result."""

    kills: int = 100
    """Kills of each run, half of them while it writes a checkpoint."""
    run: tuple[str, ...] = ("pytorch/eager", "tensorflow/graph")
    """Runs to kill."""
    seed: int = 0
    """Seed of the moments and of the damage."""

    def __post_init__(self) -> None:
        """Check what is not checked elsewhere.

        Raises:
            UsageError: names the flag, what it got and what it expects.
        """
        if self.kills < 1:
            raise UsageError(f"--kills {self.kills}: expected 1 or more.")
        if unknown := set(self.run) - set(RUNS):
            raise UsageError(f"--run {unknown.pop()}: expected one or more of {', '.join(RUNS)}.")


@dataclass(frozen=True)
class Outcome:
    """What one kill led to: steps done until then and saved, and whether the result is the same."""

    in_save: bool
    done: int
    saved: int
    identical: bool

    @property
    def lost(self) -> int:
        """Steps that had to be done again."""
        return self.done - self.saved

    @property
    def is_good(self) -> bool:
        """Whether no more was lost than may be lost."""
        return self.identical and self.lost <= STEPS_PER_CHECKPOINT


class Subject:
    """A run that can be trained in a child process, killed, and resumed.

    The framework is imported once, in this process, which must not use it: a child that is split
    off from a process with threads at work may wait for them forever.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        entry = RUNS[run]
        self.variant = entry.variant
        prepare_environment(TINY.threads, entry.environment)
        self.dataset = load_configured(TINY)
        with native_chatter_held_back():
            self.module = importlib.import_module(f"{entry.package}.run")
        self.counter = mmap.mmap(-1, 8)

    @property
    def steps_done(self) -> int:
        """Steps of the training that the last child has done or taken over."""
        return int.from_bytes(self.counter[:], "little")

    @property
    def steps(self) -> int:
        """Steps of a whole training."""
        return TINY.epochs * len(batch_sizes(len(self.dataset.train_labels), TINY.batch_size))

    def checkpoints(self, folder: Path, resume: bool = False) -> Checkpoints:
        """Those in a folder, to save or to go on from."""
        saving = {"checkpoint_dir": folder, "checkpoint_steps": STEPS_PER_CHECKPOINT}
        config = replace(TINY, **saving, resume=resume)
        return open_checkpoints(config, self.run, "run", self.dataset)

    def train(self, kept: Checkpoints | None, path: Path) -> None:
        """Train in this process; at the end write what came out."""
        clock = Clock()
        done = kept.steps if kept else 0

        def count(steps: int) -> None:
            nonlocal done
            done += steps
            self.counter[:] = done.to_bytes(8, "little")

        clock.after_step = count
        training = self.module.run(TINY, self.variant, self.dataset, clock, kept)
        epochs = list(kept.epochs) if kept else []
        trained = drain(training, epochs.append)
        logits = trained.predict(self.dataset.test_images)
        arrays = save({**trained.weights, "logits": logits})
        path.write_bytes(arrays + msgspec.json.encode(list(map(figures, epochs))))

    def fork(self, train: Callable[[], None]) -> int:
        """Do it in a child process; returns its number."""
        self.counter[:] = bytes(8)
        if child := os.fork():
            return child
        status = 1
        try:
            train()
            status = 0
        except BaseException:  # noqa: BLE001 - the child ends here, and says why
            traceback.print_exc()
        finally:
            # Not by returning, which would go on with what only the parent is to do.
            os._exit(status)

    def finish(self, kept: Checkpoints | None, path: Path) -> bytes:
        """Train in a child process to the end; returns weights, predictions and figures."""
        _, status = os.waitpid(self.fork(lambda: self.train(kept, path)), 0)
        if status:
            raise ChildProcessError(f"{self.run}: a training that nobody killed ended badly.")
        return path.read_bytes()

    def kill_at_random(self, folder: Path, draw: random.Random) -> bool:
        """Train in a child process and kill it; returns whether that came before its end."""
        step, delay = draw.randrange(self.steps), draw.uniform(0, SECONDS_PER_STEP)
        child = self.fork(lambda: self.train(self.checkpoints(folder), folder / "unfinished"))
        # It may have ended, but has to stay known until `was_killed` asks.
        over = partial(os.waitid, os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        while self.steps_done < step and not over():
            time.sleep(0.001)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        return was_killed(child)

    def kill_in_save(self, folder: Path, draw: random.Random) -> bool:
        """Train in a child process that kills itself while it saves; returns whether it did."""
        saves = self.steps // STEPS_PER_CHECKPOINT
        number = draw.randrange(saves * OPERATIONS_PER_SAVE)
        when, fraction = draw.choice(("before", "within", "after")), draw.random()

        def train() -> None:
            kept = self.checkpoints(folder)
            kill_at_operation(number, when, fraction)
            self.train(kept, folder / "unfinished")

        return was_killed(self.fork(train))


def was_killed(child: int) -> bool:
    """Whether a child process was ended by SIGKILL, and not at its own end, once it has ended.

    Raises:
        ChildProcessError: it ended badly by itself.
    """
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise ChildProcessError(f"a training ended with {code} instead of being killed.")
    return code != 0


def figures(epoch: EpochResult) -> dict[str, float]:
    """All that an epoch's result says but its times."""
    return {name: value for name, value in vars(epoch).items() if not name.endswith("_seconds")}


def kill_at_operation(number: int, when: str, fraction: float) -> None:
    """Let this process kill itself at its operation of that number on files.

    Args:
        number: counted from 0.
        when: before, within or after it.
        fraction: how much of it is done if within.
    """
    left = number

    def counted(operation: Callable[..., object]) -> Callable[..., None]:
        def count(*arguments: object, **options: object) -> None:
            nonlocal left
            left -= 1
            if left < 0 and when == "within":
                do_part_of(operation.__name__, fraction, *arguments[:2])
            if left >= 0 or when == "after":
                operation(*arguments, **options)
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        return count

    for owner, name in OPERATIONS:
        setattr(owner, name, counted(getattr(owner, name)))


def do_part_of(operation: str, fraction: float, path: Path, content: bytes = b"") -> None:
    """Do a fraction of an operation on files; those that have no parts are left undone."""
    if operation == "write_durably":
        path.write_bytes(content[: int(fraction * len(content))])
    elif operation == "rmtree" and path.exists():
        files = sorted(path.iterdir())
        for file in files[: int(fraction * len(files))]:
            file.unlink()


def kill_again_and_again(run: str, kills: int, seed: int) -> list[Outcome]:
    """Kill a training, resume it, and compare the result, each time from the beginning.

    Raises:
        ChildProcessError: the result of a training that nobody killed is not as it should be.
    """
    subject, draw = Subject(run), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = subject.finish(None, folder / "expected")
        if subject.finish(subject.checkpoints(folder), folder / "saved") != expected:
            raise ChildProcessError(f"{run}: saving checkpoints changes the result.")
    outcomes = []
    while len(outcomes) < kills:
        in_save = len(outcomes) % 2 == 1
        kill = subject.kill_in_save if in_save else subject.kill_at_random
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # Else it was over before; once more.
            if kill(folder, draw):
                done, kept = subject.steps_done, subject.checkpoints(folder, resume=True)
                identical = subject.finish(kept, folder / "resumed") == expected
                outcomes.append(Outcome(in_save, done, kept.steps, identical))
    return outcomes


def measure(request: Request) -> int:
    """Kill, resume, damage and print; returns 1 if anything was not as it should be.

    Raises:
        UsageError: this system has nothing to kill with.
    """
    refuse_without_fork("kills")
    good = True
    # A process for each run, because none may import two frameworks.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for run in request.run:
            outcomes = pool.submit(kill_again_and_again, run, request.kills, request.seed).result()
            print(summarize(run, outcomes), flush=True)
            good &= all(outcome.is_good for outcome in outcomes)
    with tempfile.TemporaryDirectory() as name:
        kept = make_checkpoints(Path(name), TINY)
        detected = sum(damage_again_and_again(kept, request.kills, request.seed))
    print(
        f"{request.kills} damaged checkpoints: {detected} detected and replaced by the one before."
    )
    print(describe_machine(describe_environment()))
    return 0 if good and detected == request.kills else 1


def summarize(run: str, outcomes: list[Outcome]) -> str:
    """What became of the kills of a run, in one line."""
    return (
        f"{run}: {len(outcomes)} kills, {sum(each.in_save for each in outcomes)} of them while "
        f"saving: {sum(each.identical for each in outcomes)} resumed to the identical result, from "
        f"{len({each.saved for each in outcomes})} different steps; steps lost: at most "
        f"{max(each.lost for each in outcomes)}, with a checkpoint every {STEPS_PER_CHECKPOINT}."
    )


if __name__ == "__main__":
    sys.exit(run_benchmark("kills", Request, measure))
