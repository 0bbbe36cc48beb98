"""Commands in a process that has imported a framework already, because importing takes longest."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import ROOT

SERVER = """
import contextlib, json, os, runpy, sys, traceback, warnings

answers = os.fdopen(os.dup(1), "w", buffering=1)
warnings.filterwarnings("ignore", ".*found in sys.modules.*", RuntimeWarning)
for line in sys.stdin:
    (kind, what, *sys.argv[1:]), folder = json.loads(line)
    os.chdir(folder)
    with open(".stdout", "w+") as output, open(".stderr", "w+") as errors:
        os.dup2(output.fileno(), 1), os.dup2(errors.fileno(), 2)
        try:
            if kind == "-m":
                runpy.run_module(what, run_name="__main__", alter_sys=True)
            else:
                exec(what, {"__name__": "__main__"})
            status = 0
        except SystemExit as stop:
            status = stop.code
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush(), sys.stderr.flush()
        output.seek(0), errors.seek(0)
        said = output.read(), errors.read()
    os.remove(".stdout"), os.remove(".stderr")
    print(json.dumps([status, *said]), file=answers)
"""


class WarmProcess:
    """Runs what `run_command` does, one command after the other, but in the same process."""

    def __init__(self) -> None:
        known = {name: value for name, value in os.environ.items() if name != "DATA_DIR"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            env=known | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess:
        """Run `python -m MODULE ...` or `python -c PROGRAM ...` in `cwd`."""
        print(json.dumps([arguments, str(cwd)]), file=self.process.stdin, flush=True)
        status, output, errors = json.loads(self.process.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, output, errors)


@contextmanager
def warm_processes():
    """A function that gives each implementation's process, started when it is first asked for."""
    started = {}

    def of(name: str) -> WarmProcess:
        if name not in started:
            started[name] = WarmProcess()
        return started[name]

    try:
        yield of
    finally:
        for warm in started.values():
            warm.process.stdin.close()
            warm.process.wait(timeout=30)
