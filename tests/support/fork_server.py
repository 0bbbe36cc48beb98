"""Forks a process for each command, from one that has imported already what takes longest.

`python -m tests.support.fork_server IMPLEMENTATION` reads requests from standard input, a line of
JSON each, and writes to standard output, again in a line of JSON, how each ended and what it
printed. Linux only: elsewhere, what frameworks load can't be relied on to survive a fork.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path
from tempfile import TemporaryFile

from shared.registry import IMPLEMENTATIONS
from shared.threads import NO_CACHE_VARIABLE, prepare_environment

# What the commands import for themselves, sooner or later.
ROOMS = ("shared", "report", "commands", "comparison", "study", "numpy_impl")
LIBRARIES = ("matplotlib.pyplot", "scipy.ndimage", "scipy.stats", "sklearn.datasets")
# A command that takes longer than these seconds never ends.
LIMIT = 240


def import_all(package: str) -> None:
    """Import every module of a package, but for what is run and not imported."""
    importlib.import_module(package)
    folder = package.replace(".", "/")
    for module in pkgutil.iter_modules([folder]):
        name = f"{package}.{module.name}"
        if module.ispkg:
            import_all(name)
        elif module.name not in ("__main__", "minimal"):
            importlib.import_module(name)


def wait_for_request() -> dict | None:
    """Fork for every request; returns it in its process, and None in the server at the end."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        with TemporaryFile() as output, TemporaryFile() as errors:
            child = os.fork()
            if not child:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(output.fileno(), 1), os.dup2(errors.fileno(), 2)
                return json.loads(line)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0), errors.seek(0)
            said = output.read().decode(), errors.read().decode()
        print(json.dumps([status, *said]), file=answers)
    return None


def run(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Do what `python ARGUMENTS` does in that folder and environment."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    signal.alarm(LIMIT)
    program, *rest = arguments
    if program == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif program == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(program, run_name="__main__")


def exit_status(**request: object) -> int:
    """Run to the end, and tell of it as an interpreter does."""
    try:
        run(**request)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    # As an interpreter's, this traceback is the last resort.
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        return 1
    return 0


def end_with(status: int) -> None:
    """End this process without taking apart all that was imported, which takes a second."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Import, then serve; a forked process goes on with its command and ends as any other."""
    (name,) = sys.argv[1:]
    # Nothing is timed here, so what was compiled before may be used again.
    os.environ.setdefault(NO_CACHE_VARIABLE, "0")
    run = IMPLEMENTATIONS[name][0]
    prepare_environment(1, run.environment)
    for package in (*ROOMS, run.package):
        import_all(package)
    for library in LIBRARIES:
        importlib.import_module(library)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"{threads} threads, of which only one would be there after a fork"
    # What has been imported stays: no search for garbage touches, and so copies, its memory.
    gc.collect()
    gc.freeze()
    request = wait_for_request()
    end_with(exit_status(**request) if request else 0)


if __name__ == "__main__":
    main()
