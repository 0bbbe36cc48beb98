"""Whoever ends the workers of a training when one of them is lost and no other can act.

`python -m shared.guardian TIMEOUT WORKER_0 WORKER ...` watches these processes for worker 0, until
its standard input ends. A framework that waits for others, as TensorFlow while they join, may keep
its whole process from doing anything else; this one has no framework.
"""

import contextlib
import os
import sys
import threading
import time

import psutil

from shared.workers import PAUSE

# Seconds that a worker is lost before worker 0 is taken for one that can't act.
PATIENCE = 6.0


def is_lost(process: psutil.Process, suspended: bool) -> bool:
    """Whether a process has ended; or, if that counts, is suspended."""
    with contextlib.suppress(psutil.Error):
        lost = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD, psutil.STATUS_STOPPED)
        return process.status() in lost[: 3 if suspended else 2]
    return True


def find_processes(numbers: list[int]) -> list[psutil.Process | None]:
    """Those processes; None for each that has ended."""
    found: list[psutil.Process | None] = []
    for number in numbers:
        try:
            found.append(psutil.Process(number))
        except psutil.Error:
            found.append(None)
    return found


def watch(processes: list[psutil.Process | None], over: threading.Event, timeout: float) -> None:
    """Wait until it is over, or a worker has been lost for too long; then end all that is left.

    Args:
        processes: worker 0 first.
        over: set when worker 0 has ended, or ends the others itself.
        timeout: seconds after which one that is suspended is lost.
    """
    since: dict[tuple[int, bool], float] = {}
    while not over.wait(PAUSE):
        now = time.monotonic()
        for number, process in enumerate(processes[1:], start=1):
            for suspended, patience in ((False, PATIENCE), (True, PATIENCE + timeout)):
                key = number, suspended
                if process and not is_lost(process, suspended):
                    since.pop(key, None)
                elif now - since.setdefault(key, now) > patience:
                    print(f"worker {number} is lost.", file=sys.stderr, flush=True)
                    end(processes)
                    return
    end(processes[1:])


def end(processes: list[psutil.Process | None]) -> None:
    """Kill those that still run."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process:
                process.kill()


def main() -> int:
    """Watch; returns the exit status."""
    timeout, *numbers = sys.argv[1:]
    over = threading.Event()

    def listen() -> None:
        while os.read(0, 1):
            pass
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    watch(find_processes([int(number) for number in numbers]), over, float(timeout))
    return 0


if __name__ == "__main__":
    sys.exit(main())
