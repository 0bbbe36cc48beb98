"""Signals at random moments: is all that was finished kept, and what is said of it true?"""

import random
import re
import signal
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.faults.campaign import Campaign
from benchmarks.faults.trial import COMPARE, TRAIN, Ended, Trial
from shared.results import ComparisonResult
from shared.results_file import load_results

EPOCHS = ("--epochs", "4", "--output-dir", "out")
# Seconds of work that a command may take altogether, however busy the machine is.
PATIENCE = 10


def try_signal(
    how: signal.Signals, arguments: Sequence[str], number: int, folder: Path
) -> str | None:
    """Send a signal at a random moment of a command; returns what was lost, if anything."""
    moment = random.Random(number).uniform(0, usual_seconds(arguments))
    trial = Trial(arguments, folder)
    trial.interrupt(how, moment)
    ended = trial.end()
    if ended.processor_seconds > PATIENCE:
        return f"it worked for {ended.processor_seconds:.0f} s"
    return what_was_lost(ended, folder / "out", killed_by=how)


@cache
def usual_seconds(arguments: Sequence[str]) -> float:
    """How long a command takes that nothing happens to."""
    with TemporaryDirectory() as name:
        return Trial(arguments, Path(name)).end().seconds


def what_was_lost(ended: Ended, folder: Path, killed_by: int | None = None) -> str | None:
    """What of a command's work is not there, or what it said that is not true.

    Args:
        folder: its output folder.
        killed_by: a signal that ends a process which is not yet ready for it.
    """
    said = f"{ended.output}\n{ended.errors}"
    if "Traceback" in said or "Error:" in said:
        return f"a traceback: {said.strip().splitlines()[-1]}"
    if ended.left_processes:
        return "a process went on"
    if partials := [path.name for path in folder.rglob("*.partial")]:
        return f"{partials[0]} was left"
    unheard = killed_by and ended.status == -killed_by
    if not (unheard or ended.status in (0, 1)):
        return f"it ended with {ended.status}"
    if not (folder / "results.json").exists():
        if folder.exists():
            return f"a folder without results was left; it said: {ended.errors.strip()!r}"
        if re.search("epoch +1/", said) or not (unheard or "interrupted" in said):
            return f"no results; it said: {ended.errors.strip()!r}"
        return None
    return what_is_wrong(load_results(folder / "results.json"), ended, folder)


def what_is_wrong(result: ComparisonResult, ended: Ended, folder: Path) -> str | None:
    """Where results don't hold what was printed, or nothing is said of what is missing."""
    shown: dict[str, int] = {}
    # A run that is alone is not named in its lines.
    for run, epoch in re.findall(r"^(?:(\S+)  )?epoch +(\d+)/", ended.output, re.MULTILINE):
        shown[run or result.runs[0].run] = int(epoch)
    kept = {run.run: len(run.epochs) for run in result.runs}
    for run, epochs in shown.items():
        if kept[run] < epochs:
            return f"{run}: {epochs} epochs were printed, {kept[run]} kept"
    for run in result.runs:
        whole = len(run.epochs) == result.config.epochs
        if whole and run.status == "interrupted":
            return f"{run.run}: interrupted after its last epoch"
        if run.status == "completed" and not (folder / str(run.weights)).exists():
            return f"{run.run}: completed without weights"
        if run.status not in ("completed", "interrupted"):
            return f"{run.run}: {run.status}"
    if not (folder / "report.html").exists() and "python -m report" not in ended.errors:
        return "no page, and nothing was said about it"
    completed = all(run.status == "completed" for run in result.runs)
    if completed != (ended.status == 0) and "interrupted" not in ended.errors:
        return f"exit status {ended.status} though the runs {'' if completed else 'not '}completed"
    return None


CAMPAIGNS = tuple(
    Campaign(f"{how.name}, {name}", 100, partial(try_signal, how, (*arguments, *EPOCHS)))
    for name, arguments in (("one run", TRAIN), ("a comparison", COMPARE))
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
)
