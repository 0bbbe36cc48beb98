"""Workers killed, or made to stand still, at random moments, and the training resumed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.command import ROOT
from comparison.children import TEXT, child_environment
from shared.config import TrainConfig
from shared.registry import IMPLEMENTATIONS

# Seconds within which all have to be gone, and beyond them the time to print a report.
PROMISED, REPORT = 10, 30
TINY = TrainConfig(
    dataset="digits",
    offline=True,
    limit=500,
    hidden=(16, 8),
    epochs=20,
    batch_size=25,
    threads=2,
    workers=2,
    worker_timeout=5,
    checkpoint_steps=7,
    # Not used; without one no steps may be given.
    checkpoint_dir=Path("kept"),
)


@dataclass(frozen=True)
class Ending:
    """How a training ended of which one worker was killed, or made to stand still."""

    victim: int
    how: signal.Signals
    after: float
    """Seconds from the beginning until then."""
    seconds: float
    """From then until the other workers were gone."""
    status: int
    told: bool
    """Whether worker 0, if it lived, said which worker was lost."""
    left: int
    """Processes that were still there."""

    @property
    def is_good(self) -> bool:
        """Whether it ended as promised."""
        longest = PROMISED + (TINY.worker_timeout if self.how == signal.SIGSTOP else 0)
        return self.seconds < longest and self.status != 0 and self.told and not self.left

    def describe(self) -> str:
        """One line."""
        did = "suspended" if self.how == signal.SIGSTOP else "killed"
        return (
            f"worker {self.victim} {did} after {self.after:.1f} s: the others were gone "
            f"{self.seconds:.1f} s later, exit status {self.status}, "
            f"{'told' if self.told else 'NOT told'}, {self.left} left"
        )


class Training:
    """A training by two workers that is killed and resumed in one folder."""

    def __init__(self, implementation: str, folder: Path) -> None:
        self.implementation, self.folder, self.number = implementation, folder, 0

    def start(self) -> subprocess.Popen:
        """Start it, or go on from its newest checkpoint."""
        self.number += 1
        first = next(run for run in IMPLEMENTATIONS[self.implementation] if not run.alone)
        config = replace(TINY, checkpoint_dir=self.folder / "kept", resume=True)
        command = [sys.executable, "-m", first.package, "--variant", first.variant]
        return subprocess.Popen(
            [*command, *config.as_flags(), "--output-dir", str(self.output)],
            cwd=ROOT,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **TEXT,
        )

    @property
    def output(self) -> Path:
        """The folder of the results of the one that was started last."""
        return self.folder / f"results {self.number}"

    def finish(self) -> bytes:
        """Train to the end; returns the trained weights.

        Raises:
            ChildProcessError: it does not end well.
        """
        process = self.start()
        said, _ = process.communicate()
        if process.returncode:
            raise ChildProcessError(f"{self.implementation}: {said.strip().splitlines()[-1]}")
        return self.weights()

    def weights(self) -> bytes:
        """The trained weights of the one that was started last."""
        (path,) = self.output.glob("*[!s].safetensors")
        return path.read_bytes()


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Those of a training that have been started by now, worker 0 first."""
    found = [psutil.Process(process.pid)]
    with contextlib.suppress(psutil.Error):
        found += [each for each in found[0].children() if "RANK" in each.environ()]
    return found


def end_one(
    process: subprocess.Popen, victim: int, how: signal.Signals, delay: float
) -> Ending | None:
    """Let it train for so long, then send a signal to one worker; see how it ends.

    Returns:
        None if the training was over before.
    """
    began = time.monotonic()
    everybody = workers_of(process)
    while time.monotonic() < began + delay or victim >= len(everybody):
        time.sleep(0.01)
        everybody = workers_of(process)
        if process.poll() is not None:
            process.communicate()
            return None
    everybody += [each for one in everybody for each in one.children() if each not in everybody]
    os.kill(everybody[victim].pid, how)
    then = time.monotonic()
    others = [each for each in everybody[1:] if everybody.index(each) != victim]
    # Worker 0 writes a report, which may take longer than ending the others.
    psutil.wait_procs(others, timeout=PROMISED + TINY.worker_timeout)
    seconds = time.monotonic() - then
    try:
        said, _ = process.communicate(timeout=PROMISED + TINY.worker_timeout + REPORT)
    except subprocess.TimeoutExpired:
        said = ""
    left = [each for each in everybody if each.is_running() and each.status() != "zombie"]
    for each in left:
        each.kill()
    status = process.wait()
    told = victim == 0 or f"worker {victim} " in said
    return Ending(victim, how, then - began, seconds, status, told, len(left))


def kill_again_and_again(
    implementation: str, kills: int, seed: int, folder: Path
) -> Iterator[Ending | bool]:
    """Kill and resume; yields how each ended, and of each whole training if it is as it should be.

    Every fifth is not killed but made to stand still, and then worker 1.

    Raises:
        ChildProcessError: a training that nobody killed does not end well.
    """
    draw = random.Random(seed)
    began = time.monotonic()
    expected = Training(implementation, folder / "undisturbed").finish()
    whole = time.monotonic() - began
    done, chain = 0, 0
    training = Training(implementation, folder / "chain 0")
    while done < kills:
        standing = done % 5 == 4
        victim = 1 if standing else draw.randrange(TINY.workers)
        how = signal.SIGSTOP if standing else signal.SIGKILL
        process = training.start()
        ending = end_one(process, victim, how, draw.uniform(0, whole))
        if ending is None:
            yield training.weights() == expected
            chain += 1
            training = Training(implementation, folder / f"chain {chain}")
            continue
        done += 1
        yield ending
    yield training.finish() == expected
