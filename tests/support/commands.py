"""Running the project's commands as a user does, in another folder and a process of their own."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

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
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", name],
            cwd=ROOT,
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
        """Run `python ARGUMENTS` in `cwd`: a script, `-m MODULE ...` or `-c PROGRAM ...`."""
        request = {
            "arguments": arguments,
            "folder": str(cwd),
            "environment": child_environment(**environment),
        }
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise ChildProcessError(f"the process that forks ended with {self.process.wait()}")
        status, output, errors = json.loads(answer)
        return subprocess.CompletedProcess(arguments, status, output, errors)

    def end(self) -> None:
        """Let the process stop."""
        self.process.stdin.close()
        self.process.wait(timeout=30)


class ColdProcess:
    """Runs every command in a process that imports all anew."""

    run = staticmethod(run_command)

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


def compare(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run `python compare.py ARGUMENTS` in `cwd`; the runs have processes of their own."""
    return run_warm(str(ROOT / "compare.py"), *arguments, cwd=cwd, **environment)


def fake_interpreter(path: Path, script: str) -> Path:
    """Write an executable shell script that can stand in for a Python interpreter."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def real_data_dir() -> Path | None:
    """The folder of the real datasets, if DATA_DIR names one."""
    folder = os.environ.get("DATA_DIR")
    return Path(folder).resolve() if folder and Path(folder, "mnist").is_dir() else None
