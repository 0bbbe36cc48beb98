"""What the benchmarks' commands share: flags from a dataclass, child processes, how they end."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from comparison.children import TEXT, child_environment
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.flags import parse_flags
from shared.program import Interrupted, run_program

ROOT = Path(__file__).resolve().parent.parent
# Names what a child process is to do.
CHILD_VARIABLE = "BENCHMARK_CHILD"

Request = TypeVar("Request")


def run_benchmark(name: str, request: type[Request], measure: Callable[[Request], int]) -> int:
    """Do what the command line asks for; returns the exit status.

    Args:
        name: of the module in this package.
    """
    program = f"python -m benchmarks.{name}"

    def perform() -> int:
        try:
            return measure(parse_flags(request, program))
        except ChildProcessError as error:
            print(f"{program}: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            raise Interrupted("interrupted before the measurement was complete.") from None

    return run_program(program, perform, prints_only=True)


def refuse_without_fork(name: str) -> None:
    """Raise UsageError where a process can't be split in two, to be killed: on Windows.

    Args:
        name: of the module in this package.
    """
    if not hasattr(os, "fork"):
        raise UsageError(
            f"benchmarks.{name} forks processes and kills them (fork and SIGKILL), which this "
            "system cannot do; run it on Linux, on macOS or in WSL2."
        )


def run_child(module: str, name: str, config: TrainConfig) -> str:
    """Have a benchmark do one thing in a process of its own; returns the last line it printed.

    Args:
        module: in this package; it finds `name` in CHILD_VARIABLE.

    Raises:
        ChildProcessError: it failed; the message is the last line that it wrote.
    """
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *config.as_flags()],
        cwd=ROOT,
        env=child_environment(**{CHILD_VARIABLE: name}),
        capture_output=True,
        check=False,
        **TEXT,
    )
    if done.returncode:
        raise ChildProcessError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.splitlines()[-1]
