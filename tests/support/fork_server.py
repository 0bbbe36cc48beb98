"""Forks a process for each command, from one that has imported already what takes longest.

`python -m tests.support.fork_server IMPLEMENTATION SOCKET` listens at the path SOCKET until its
standard input ends; `warm_python.py` is what connects. Linux only: elsewhere, what frameworks load
can't be relied on to survive a fork.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from pathlib import Path

from shared.registry import IMPLEMENTATIONS
from shared.threads import NO_CACHE_VARIABLE, prepare_environment

# What the commands import for themselves, sooner or later.
ROOMS = ("shared", "report", "commands", "comparison", "study", "numpy_impl")
LIBRARIES = ("matplotlib.backends.backend_agg", "scipy.ndimage", "scipy.special")
# What is imported only to be run.
PROGRAMS = ("__main__", "minimal")
# A command that takes longer than these seconds never ends.
LIMIT = 600


def import_all(package: str) -> None:
    """Import every module of a package, but for what is run and not imported."""
    importlib.import_module(package)
    folder = package.replace(".", "/")
    for module in pkgutil.iter_modules([folder]):
        name = f"{package}.{module.name}"
        if module.ispkg:
            import_all(name)
        elif module.name not in PROGRAMS:
            importlib.import_module(name)


def wait_for_request(listener: socket.socket) -> dict | None:
    """Fork for every request; returns it in its process, and None in the server at the end."""
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if listener not in ready:
            return None
        connection, _ = listener.accept()
        # What looks after the command is forked too, so that several can run at once.
        if not os.fork():
            return receive(connection)
        connection.close()


def receive(connection: socket.socket) -> dict:
    """Read the request and fork for it; the process that called this ends with the command's."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile(encoding="utf-8") as file:
        request = json.loads(file.readline())
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        os._exit(look_after(child, connection))
    connection.close()
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    return request


def look_after(child: int, connection: socket.socket) -> int:
    """Pass on signals to the command, and how it ended to who asked for it."""
    ended = os.pidfd_open(child)
    while True:
        ready, _, _ = select.select([connection, ended], [], [])
        if ended in ready:
            break
        # Whoever asked for it was killed if nothing comes.
        number = connection.recv(1) or bytes([signal.SIGKILL])
        os.kill(child, number[0])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # Who was killed doesn't hear it.
    with contextlib.suppress(OSError):
        connection.sendall(str(status).encode())
    return 0


def run(
    arguments: list[str], folder: str, environment: dict[str, str], executable: str | None = None
) -> None:
    """Do what `EXECUTABLE ARGUMENTS` does in that folder and environment."""
    sys.executable = executable or sys.executable
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    signal.alarm(LIMIT)
    program, *rest = arguments
    if program == "-m":
        sys.argv = rest
        # A command may be a module that has been imported already.
        warnings.filterwarnings("ignore", ".*found in sys.modules.*", RuntimeWarning)
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
    name, path = sys.argv[1:]
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
    # Nobody waits for what looks after a command.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        request = wait_for_request(listener)
    end_with(exit_status(**request) if request else 0)


if __name__ == "__main__":
    main()
