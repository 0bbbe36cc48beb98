"""Outputs that fail from some byte on: a full disk, a full file, a reader that has gone."""

import ctypes
import os
import random
import resource
import signal
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from benchmarks.faults.campaign import Campaign
from benchmarks.faults.endings import EPOCHS
from benchmarks.faults.trial import COMPARE, TRAIN, Ended, Trial, import_everything
from shared.results_file import load_results

PAGE_BYTES = 4096
# Of Linux: what a process keeps to itself when it mounts something.
NEW_NAMES, NEW_USER = 0x00020000, 0x10000000
SAVING = ("--checkpoint-dir", "checkpoints")


def try_full_disk(
    arguments: Sequence[str], name: str, most: int, number: int, folder: Path
) -> str | None:
    """Give one folder of a command a file system of a few pages; returns what was lost.

    Args:
        arguments: of the command.
        name: of the folder.
        most: pages that it may get.
    """
    # Here, or every process that is split off would do so anew.
    import_everything()
    pages = random.Random(number).randint(1, most)
    return in_own_names(lambda: _try_full_disk(arguments, folder, name, pages))


def _try_full_disk(arguments: Sequence[str], folder: Path, name: str, pages: int) -> str | None:
    (folder / name).mkdir()
    mount(folder / name, pages)
    return what_was_lost(Trial(arguments, folder).end(), folder / "out")


def try_full_file(arguments: Sequence[str], number: int, folder: Path) -> str | None:
    """Let no file of a command grow beyond some size; returns what was lost."""
    # What was printed, which goes to files as well, is shorter.
    limit = int(2 ** random.Random(number).uniform(12.5, 20))

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return what_was_lost(Trial(arguments, folder, prepare).end(), folder / "out")


def try_lost_output(arguments: Sequence[str], number: int, folder: Path) -> str | None:
    """Let an output of a command fail in one of several ways; returns what was lost."""
    draw = random.Random(number)
    ways = (to_full_device, to_closed_pipe, os.close)
    lost = draw.choice(((1,), (2,), (1, 2)))
    way = draw.choice(ways)

    def prepare() -> None:
        for descriptor in lost:
            way(descriptor)

    ended = Trial(arguments, folder, prepare).end()
    complaint = what_was_lost(ended, folder / "out")
    if complaint is None and not is_whole(folder / "out"):
        complaint = "something is missing though only what was printed could not be written"
    if complaint is None and ended.status:
        complaint = f"exit status {ended.status} though all was written"
    return complaint and f"{way.__name__} {lost}: {complaint}"


def to_full_device(descriptor: int) -> None:
    """Let it lead where there is no space."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)


def to_closed_pipe(descriptor: int) -> None:
    """Let it lead to nobody."""
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, descriptor)


def what_was_lost(ended: Ended, folder: Path) -> str | None:
    """What could have been written and was not, or what went wrong without a word."""
    said = f"{ended.output}\n{ended.errors}"
    if "Traceback" in said or "Error:" in said:
        return f"a traceback: {said.strip().splitlines()[-1]}"
    if ended.status not in (0, 1, 2) or ended.left_processes:
        return f"it ended with {ended.status}, processes left: {ended.left_processes}"
    if partials := [path.name for path in folder.rglob("*.partial")]:
        return f"{partials[0]} was left"
    path = folder / "results.json"
    if path.exists():
        result = load_results(path)
        for run in result.runs:
            if run.status == "failed" and "--checkpoint-dir" not in str(run.error):
                return f"{run.run}: {run.error}"
            names = {each.file for each in run.unwritten}
            if run.status == "completed" and not (run.weights or names):
                return f"{run.run}: no weights, and no word about it"
    if is_whole(folder):
        return None
    if ended.status == 0 or "be written" not in said:
        return f"exit status {ended.status} and not a word about what is missing"
    return None


def is_whole(folder: Path) -> bool:
    """Whether a command's output folder holds all of it."""
    try:
        runs = load_results(folder / "results.json").runs
    except (OSError, ValueError):
        return False
    named = [name for run in runs for name in (run.weights, run.predictions)]
    files = ("report.html", "summary.md", "curves.png", "time.png", "predictions.png", *named)
    return all(name and (folder / name).exists() for name in files)


@cache
def can_mount() -> bool:
    """Whether a process here may have file systems of its own."""
    with tempfile.TemporaryDirectory() as name:
        return in_own_names(lambda: mount(Path(name), 1)) is None


def in_own_names(check: Callable[[], str | None]) -> str | None:
    """Check something in a process that may mount what nobody else sees."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        words = "the process ended"
        try:
            library = ctypes.CDLL(None, use_errno=True)
            flags = NEW_NAMES | (NEW_USER if os.getuid() else 0)
            _require(library.unshare(flags), "unshare")
            words = check() or ""
        except Exception as error:  # noqa: BLE001 - told to the process that asked
            words = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, words.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        words = answer.read().decode()
    os.waitpid(process, 0)
    return words or None


def mount(folder: Path, pages: int) -> None:
    """Put a file system of so many pages there."""
    library = ctypes.CDLL(None, use_errno=True)
    # Nothing of it reaches other processes.
    private = 0x4000 | 0x40000
    _require(library.mount(None, b"/", None, private, None), "mount")
    options = f"size={pages * PAGE_BYTES}".encode()
    _require(library.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options), "mount")


def _require(outcome: int, call: str) -> None:
    if outcome:
        raise OSError(ctypes.get_errno(), f"{call}: {os.strerror(ctypes.get_errno())}")


CAMPAIGNS = tuple(
    campaign
    for name, arguments in (("one run", TRAIN), ("a comparison", COMPARE))
    for asked in [(*arguments, *EPOCHS)]
    for campaign in (
        Campaign(f"full disk, {name}", 100, partial(try_full_disk, asked, "out", 300)),
        Campaign(
            f"full checkpoint folder, {name}",
            50,
            partial(try_full_disk, (*asked, *SAVING), "checkpoints", 90),
        ),
        Campaign(f"full file, {name}", 100, partial(try_full_file, asked)),
        Campaign(f"outputs gone, {name}", 50, partial(try_lost_output, asked)),
    )
)
