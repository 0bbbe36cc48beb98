"""Running the project's commands as a user does, in another folder and a process of their own."""

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from shared.registry import IMPLEMENTATIONS
from tests.support import warm_python

ROOT = Path(__file__).resolve().parents[2]


def child_environment(**more: str) -> dict[str, str]:
    """What commands find in their environment: the project to import, and no DATA_DIR."""
    known = {name: value for name, value in os.environ.items() if name != "DATA_DIR"}
    return known | {"PYTHONPATH": str(ROOT)} | more


def run_command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run `python ARGUMENTS` in `cwd` with the project importable; returns its output as text.

    DATA_DIR is not passed on unless given here.
    """
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=child_environment(**environment),
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
    )


class WarmProcess:
    """Runs what `run_command` does, each command in a process forked from this one.

    It has imported an implementation already, which takes longer than most commands, and computes
    in one thread.
    """

    def __init__(self, name: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.socket = str(Path(self.folder.name, "socket"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", name, self.socket],
            cwd=ROOT,
            env=child_environment(),
            stdin=subprocess.PIPE,
        )

    def run(
        self, *arguments: str, cwd: Path, executable: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess:
        """Run `python ARGUMENTS` in `cwd`: a script, `-m MODULE ...` or `-c PROGRAM ...`.

        Args:
            executable: what the command is to take for its interpreter.
        """
        environment = child_environment(**environment)
        request = {
            "arguments": arguments,
            "folder": str(cwd),
            "environment": environment,
            "executable": executable,
        }
        with (
            Path(os.devnull).open("rb") as nothing,
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
            socket.socket(socket.AF_UNIX) as connection,
        ):
            warm_python.connect(connection, self.socket, self.process.poll)
            streams = [nothing.fileno(), output.fileno(), errors.fileno()]
            status = warm_python.hand_over(connection, request, streams)
            output.seek(0), errors.seek(0)
            said = output.read().decode(), errors.read().decode()
        return subprocess.CompletedProcess(arguments, status, *said)

    def run_with(self, streams: list[int], *arguments: str, cwd: Path, **environment: str) -> int:
        """The same with these open files as standard streams; returns the exit status."""
        request = {"arguments": arguments, "folder": str(cwd), "environment": environment}
        with socket.socket(socket.AF_UNIX) as connection:
            warm_python.connect(connection, self.socket, self.process.poll)
            return warm_python.hand_over(connection, request, streams)

    def end(self) -> None:
        """Let the process stop."""
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.folder.cleanup()


class ColdProcess:
    """Runs every command in a process that imports all anew."""

    socket = None

    @staticmethod
    def run(
        *arguments: str, cwd: Path, executable: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess:
        """Run `python ARGUMENTS` in `cwd`; its interpreter is the one that it has."""
        return run_command(*arguments, cwd=cwd, **environment)

    def end(self) -> None:
        """There is nothing to stop."""


started: list[WarmProcess | ColdProcess] = []


@cache
def warm(name: str) -> WarmProcess | ColdProcess:
    """The process that has imported an implementation, started when it is first asked for."""
    started.append(WarmProcess(name) if sys.platform == "linux" else ColdProcess())
    return started[-1]


def run_warm(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run a command that imports no framework itself, as `run_command` does but sooner.

    What a process imports, and when, is for `run_command` to see.
    """
    return warm("numpy").run(*arguments, cwd=cwd, **environment)


def split(command: str) -> list[str]:
    """The words of a command line behind `python`; `compare.py` is found from any folder."""
    return [str(ROOT / word) if word == "compare.py" else word for word in shlex.split(command)]


def compare(
    *arguments: str, cwd: Path, cold: bool = False, **environment: str
) -> subprocess.CompletedProcess:
    """Run `python compare.py ARGUMENTS` in `cwd`; the runs have processes of their own.

    Args:
        cold: that these import their frameworks themselves, with variables that are given here; so
            do those of implementations that no argument names.
    """
    named = {name for name in IMPLEMENTATIONS for word in arguments if word.startswith(name)}
    executable = None if cold or not named else warm_interpreter(frozenset(named))
    command = str(ROOT / "compare.py"), *arguments
    return warm("numpy").run(*command, cwd=cwd, executable=executable, **environment)


@cache
def warm_interpreter(names: frozenset[str]) -> str | None:
    """What runs commands of these implementations where each is imported already, if anything."""
    sockets = {name: process.socket for name in sorted(names) if (process := warm(name)).socket}
    if not sockets:
        return None
    words = sys.executable, "-IS", warm_python.__file__, json.dumps(sockets)
    script = f'exec {shlex.join(words)} "$@"'
    folder = warm(min(names)).folder.name
    return str(fake_interpreter(Path(folder, f"python {len(names)}"), script))


def fake_interpreter(path: Path, script: str) -> Path:
    """Write an executable shell script that can stand in for a Python interpreter."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def real_data_dir() -> Path | None:
    """The folder of the real datasets, if DATA_DIR names one."""
    folder = os.environ.get("DATA_DIR")
    return Path(folder).resolve() if folder and Path(folder, "mnist").is_dir() else None
