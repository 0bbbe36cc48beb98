"""One command, tried in a process that is split off from this one, which has imported it all."""

import importlib
import io
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.command import ROOT
from shared.threads import prepare_environment

# Longer than any of these commands takes, also where others leave it hardly any processor.
LIMIT_SECONDS = 600
SMALL = ("--dataset", "digits", "--threads", "1", "--limit", "300", "--hidden", "8", "8")
TRAIN = ("-m", "numpy_impl", *SMALL)
# What the commands import sooner or later.
EVERYTHING = (
    *("commands.train", "comparison.run", "numpy_impl.run", "report.page.page", "scipy.special"),
)
COMPARE = (str(ROOT / "compare.py"), *("numpy/reference",) * 2, "--no-verify", *SMALL)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, what it printed, and whether it left processes."""

    status: int
    output: str
    errors: str
    seconds: float
    processor_seconds: float
    left_processes: bool


class Trial:
    """A command at work in a folder."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, prepare: Callable[[], None] = lambda: None
    ) -> None:
        """Start it.

        Args:
            arguments: what follows `python` on the command line.
            folder: where it works; its outputs go to `stdout` and `stderr` there.
            prepare: called in its process, just before it begins.
        """
        import_everything()
        self.folder, self.started = folder, time.monotonic()
        # Open as long as the command or a process of it is there.
        self.alive, alive = os.pipe()
        self.process = os.fork()
        if not self.process:
            os.close(self.alive)
            os.chdir(folder)
            for descriptor, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
            become(arguments, prepare)
        os.close(alive)

    def interrupt(self, how: signal.Signals, after: float) -> None:
        """Send a signal once it has been at work for so many seconds, if it still is."""
        while time.monotonic() - self.started < after:
            if os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(0.001)
        os.kill(self.process, how)

    def end(self) -> Ended:
        """Wait for its end; one that takes too long is killed."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if time.monotonic() > deadline:
                os.kill(self.process, signal.SIGKILL)
            time.sleep(0.002)
        seconds = time.monotonic() - self.started
        _, status, used = os.wait4(self.process, 0)
        os.set_blocking(self.alive, False)
        try:
            left = os.read(self.alive, 1) != b""
        except BlockingIOError:
            left = True
        os.close(self.alive)
        texts = (
            (self.folder / name).read_text("utf-8", "replace") for name in ("stdout", "stderr")
        )
        worked = used.ru_utime + used.ru_stime
        return Ended(os.waitstatus_to_exitcode(status), *texts, seconds, worked, left)


def become(arguments: Sequence[str], prepare: Callable[[], None]) -> None:
    """Do in this process what `python ARGUMENTS` does, and end."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False)))
        for descriptor in (1, 2)
    )
    status = 1
    try:
        prepare()
        program, *rest = arguments
        if program == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(arguments)
            runpy.run_path(program, run_name="__main__")
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0
    except BaseException:  # noqa: BLE001 - what an interpreter prints at last
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


class Forked:
    """In the place of `subprocess.Popen`: `python -m PACKAGE` in a process split off from this."""

    def __init__(self, command: Sequence[str], env: dict[str, str], **streams: Any) -> None:
        reading, writing = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            os.environ.update(env)
            os.dup2(writing, 1)
            os.dup2(streams["stderr"].fileno(), 2)
            os.close(reading)
            os.close(writing)
            become(command[1:], lambda: None)
        os.close(writing)
        self.stdout = os.fdopen(reading, "rb")

    def poll(self, flags: int = os.WNOHANG) -> int | None:
        """Its exit status if it has ended."""
        if self.returncode is None:
            process, status = os.waitpid(self.pid, flags)
            if process:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int | None:
        """Its exit status, once it has ended."""
        return self.poll(0)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, how: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, how)


@cache
def import_everything() -> None:
    """Import here what takes longer than the commands, and let comparisons split off their runs."""
    prepare_environment(1)
    for module in EVERYTHING:
        importlib.import_module(module)
    import comparison.jobs
    from report import plotting
    from shared.datasets import load_dataset

    load_dataset("digits", Path())
    # The first text takes long.
    plotting.Figure().text(0, 0, "0").figure.savefig(io.BytesIO(), format="png")
    # The grid takes longest to draw.
    plotting.GRID_COLUMNS, plotting.GRID_ROWS = 2, 1
    kinds = {"PIPE": subprocess.PIPE, "DEVNULL": subprocess.DEVNULL}
    comparison.jobs.subprocess = SimpleNamespace(Popen=Forked, **kinds)  # type: ignore[assignment]


def empty(folder: Path) -> None:
    """Remove all that a trial left in a folder."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
