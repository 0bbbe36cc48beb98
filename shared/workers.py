"""The workers of one training: processes that learn together, on one machine or on several.

Worker 0 reports and saves. On one machine it starts the others and ends them; a launcher, such as
torchrun, starts all of them and says which is which in RANK and WORLD_SIZE, or in TF_CONFIG.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

import psutil

from shared.errors import UsageError
from shared.interrupts import apart
from shared.run_ends import RunEnd

RANK, SIZE, HOST, PORT = "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"
CLUSTER = "TF_CONFIG"
VARIABLES = (RANK, SIZE, HOST, PORT, CLUSTER)

# Those in which TensorFlow's cluster has workers, in the order of their ranks.
JOBS = ("chief", "worker")

# Set for those that worker 0 started.
STARTED_VARIABLE = "STARTED_BY_WORKER"

LOOPBACK = "127.0.0.1"

# Seconds to wait for all to join: they may import for a long time, or be started by hand.
JOINING = 300.0

# Seconds: between two looks at the others; for worker 0 to notice by its framework that one is
# lost; and for the system to tell of a process whose connection is closed that it has ended.
PAUSE, NOTICE, SETTLE = 0.2, 3.0, 1.0


@dataclass
class _Group:
    """The processes that worker 0 started, with what each wrote, and who is told of a loss.

    `errors` is the file to which worker 0 itself complains.
    """

    processes: list[subprocess.Popen] = field(default_factory=list)
    outputs: list[IO[bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    peak_memory_bytes: int = 0
    errors: int = 2
    guardian: subprocess.Popen | None = None
    give_up: Callable[[RunEnd], object] = lambda _: None


_group = _Group()


def launched() -> tuple[int, int] | None:
    """This worker's rank and the number of workers, if whoever started it says so.

    Raises:
        UsageError: a variable is not as launchers set it.
    """
    if RANK in os.environ or SIZE in os.environ:
        words = os.environ.get(RANK, ""), os.environ.get(SIZE, "")
        if not all(word.isdecimal() for word in words) or int(words[0]) >= int(words[1]):
            raise UsageError(
                f"{RANK}={words[0]} {SIZE}={words[1]}: expected both, a rank from 0 to below the "
                "number of workers, as torchrun sets them; unset both to start from here."
            )
        return int(words[0]), int(words[1])
    if CLUSTER not in os.environ:
        return None
    try:
        content = json.loads(os.environ[CLUSTER])
        tasks = [(job, k) for job in JOBS for k in range(len(content["cluster"].get(job, ())))]
        task = content["task"]["type"], int(content["task"]["index"])
        return tasks.index(task), len(tasks)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(
            f"{CLUSTER}: expected JSON with a cluster of workers and this one's task, as launchers "
            "set it; unset it to start from here."
        ) from None


def find_rank() -> int:
    """This worker's number, from 0; 0 for one that learns alone.

    Raises:
        UsageError: a variable is not as launchers set it.
    """
    known = launched()
    return known[0] if known else 0


def refuse_other_number(workers: int) -> None:
    """Refuse a number of workers that is not the launcher's.

    Raises:
        UsageError: names the flag and what the launcher says.
    """
    known = launched()
    if known and known[1] != workers:
        variable = SIZE if SIZE in os.environ else CLUSTER
        raise UsageError(
            f"--workers {workers}: expected {known[1]}, the number that the launcher started "
            f"({variable}); give that, or unset {variable} to start from here."
        )


def refuse_launcher() -> None:
    """Refuse to be one of several comparisons, each of which would start the same runs.

    Raises:
        UsageError: names the variable.
    """
    if variables := [each for each in VARIABLES if each in os.environ]:
        raise UsageError(
            f"{', '.join(variables)}: expected unset, because compare.py starts the workers of its "
            "runs itself; to use a launcher, let it start python -m pytorch_impl or another one."
        )


def refuse_place(workers: int, on_cpu: bool, variables: Sequence[str]) -> None:
    """Refuse to join the others from a GPU, or without being told where they are.

    Args:
        workers: of all.
        on_cpu: whether this one computes there.
        variables: those by which its framework is told.

    Raises:
        UsageError: names the flag or the variables.
    """
    if not on_cpu:
        raise UsageError(
            f"--workers {workers}: expected --device cpu with it, because several workers have not "
            "been proven right on GPUs."
        )
    if missing := [each for each in variables if each not in os.environ]:
        raise UsageError(
            f"--workers {workers}: expected the launcher to set {', '.join(missing)} as well, by "
            "which this framework's workers find one another."
        )


def start(workers: int, command: Sequence[str], timeout: float) -> None:
    """Start the other workers on this machine, unless a launcher has, or there are none.

    Args:
        workers: of all, with this one.
        command: what each of them does.
        timeout: seconds after which one that stands still is lost.
    """
    if os.environ.get(STARTED_VARIABLE):
        threading.Thread(target=_end_with_starter, daemon=True).start()
        return
    if workers == 1 or launched():
        return
    ports = free_ports(workers + 1)
    for number in range(1, workers):
        _group.outputs.append(_temporary())
        process = subprocess.Popen(
            command,
            env=os.environ | describe_place(number, workers, ports) | {STARTED_VARIABLE: "1"},
            # Ends with this process, however that ends.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=_group.outputs[-1],
            **apart(),
        )
        _group.processes.append(process)
    numbers = [str(each) for each in (os.getpid(), *(one.pid for one in _group.processes))]
    _group.guardian = subprocess.Popen(
        [sys.executable, "-m", "shared.guardian", str(timeout), *numbers],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        **apart(),
    )
    os.environ.update(describe_place(0, workers, ports))
    _group.errors = os.dup(2)
    atexit.register(end)
    threading.Thread(target=_watch, args=(timeout,), daemon=True).start()


def _temporary() -> IO[bytes]:
    return TemporaryFile()


def describe_place(number: int, workers: int, ports: Sequence[int]) -> dict[str, str]:
    """The variables that tell a worker on this machine which one it is, and where the others are.

    Args:
        ports: [workers + 1]; the first is where PyTorch's workers meet.
    """
    addresses = [f"{LOOPBACK}:{port}" for port in ports[1:]]
    task = {"type": "worker", "index": number}
    return {
        RANK: str(number),
        SIZE: str(workers),
        HOST: LOOPBACK,
        PORT: str(ports[0]),
        CLUSTER: json.dumps({"cluster": {"worker": addresses}, "task": task}),
    }


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody uses at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def when_lost(give_up: Callable[[RunEnd], object]) -> None:
    """Say who is told that a worker is lost where the framework does not notice; then all end."""
    _group.give_up = give_up


def loss() -> RunEnd | None:
    """Which of the workers that this one started is lost, if any, and how."""
    deadline = time.monotonic() + SETTLE
    while (found := _find_loss()) is None and _group.processes and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return found


def _find_loss() -> RunEnd | None:
    """One that was ended by a signal, else one that stands still, else one that failed.

    Those that lose one fail in their turn.
    """
    statuses = {number: each.poll() for number, each in enumerate(_group.processes, start=1)}
    for number, status in statuses.items():
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            return RunEnd("worker_killed", worker=number, signal=name)
    for number, process in enumerate(_group.processes, start=1):
        with contextlib.suppress(psutil.Error):
            if statuses[number] is None and psutil.Process(process.pid).status() == "stopped":
                return RunEnd("worker_stopped", worker=number)
    for number, status in statuses.items():
        if status:
            return RunEnd("worker_failed", worker=number, exit_status=status)
    return None


def last_words(end: RunEnd) -> str:
    """What the worker that was lost wrote; nothing if it was not started from here."""
    if not end.worker or end.worker > len(_group.outputs):
        return ""
    output = _group.outputs[end.worker - 1]
    output.seek(0)
    return output.read().decode(errors="replace").strip()


def end() -> None:
    """End the workers that this one started, also those that stand still."""
    _group.over.set()
    _group.peak_memory_bytes += sum(map(_peak, _running()))
    for process in _group.processes:
        process.kill()
    for process in _group.processes:
        process.wait()
    _group.processes.clear()
    if _group.guardian and _group.guardian.stdin:
        _group.guardian.stdin.close()
        _group.guardian.wait()


def leave(status: int) -> NoReturn:
    """End the others and this process, which the frameworks' own end might keep waiting."""
    end()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def process_seconds() -> float:
    """Processor time of this process and of the workers that it started."""
    return time.process_time() + sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in _running())


def peak_memory_bytes() -> int:
    """Most memory of each of the workers that this one started and has ended, added up."""
    return _group.peak_memory_bytes


def _running() -> list[int]:
    return [each.pid for each in _group.processes if each.poll() is None]


def _peak(pid: int) -> int:
    """Most memory of a process; where the system does not tell, what it has now."""
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/status").open(encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    with contextlib.suppress(psutil.Error):
        memory = psutil.Process(pid).memory_info()
        return getattr(memory, "peak_wset", memory.rss)
    return 0


def _watch(timeout: float) -> None:
    """End this process if a worker is lost and its framework does not notice.

    A framework that waits for a worker to join, or for an answer, can't be interrupted.
    """
    since = None
    while not _group.over.wait(PAUSE):
        found = _find_loss()
        since = (since or time.monotonic()) if found else None
        if found is None or since is None:
            continue
        patience = NOTICE + (timeout if found.kind == "worker_stopped" else 0)
        if time.monotonic() < since + patience:
            continue
        said = f"{last_words(found)}\nworker {found.worker} is lost ({found.kind[7:]}).\n"
        # Not by the standard stream, which is held back while a framework is imported.
        with contextlib.suppress(OSError):
            os.write(_group.errors, said.lstrip().encode())
        _group.give_up(found)
        end()
        sys.stdout.flush()
        os._exit(1)


def wait_to_be_ended() -> None:
    """Stay until worker 0 has looked at this process, if it started it."""
    if os.environ.get(STARTED_VARIABLE):
        threading.Event().wait()


def _end_with_starter() -> None:
    """End this process when the one that started it has ended."""
    while os.read(0, 1):
        pass
    os._exit(1)
