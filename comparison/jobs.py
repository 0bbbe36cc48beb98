"""The child processes of a comparison: starting them, listening, and what became of them."""

import contextlib
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from comparison.children import ask_to_end, child_environment, missing_modules
from comparison.probes import CpuReading, energy_joules
from report.progress import RunProgress
from shared import interrupts
from shared.config import TrainConfig
from shared.events import TOKEN_VARIABLE, Event, read_event
from shared.flags import CHILD_VARIABLE
from shared.inputs import LARGEST_JSON, path_within
from shared.probe import probe_seconds
from shared.registry import RUNS, Run
from shared.results import EpochResult, Floor, Probe, RunResult
from shared.results_rules import require_run_rules
from shared.run_ends import SUFFIXES, RunEnd, Unwritten
from shared.visible import visible

# The end of a child's log that is kept with its result.
LOG_LINES, LOG_BYTES = 10, 2**16

ROOT = Path(__file__).resolve().parent.parent

# What a child has to tell what is finished, once it is asked to end.
GRACE_SECONDS = 5


@dataclass(frozen=True)
class Job:
    """One child process to be: one run with one seed."""

    run: str
    """As in the report: `pytorch/eager`, and the second of two equal ones `pytorch/eager#2`."""
    interpreter: str
    config: TrainConfig
    slug: str
    """The start of its files' names."""
    title: str
    """As in the progress display."""
    setting: int = 0
    """Which of the plan's settings, counted from 0."""
    repeat: int = 0
    """Counted from 0."""

    @property
    def key(self) -> tuple[str, int, int]:
        """What its result is known by."""
        return self.run, self.setting, self.repeat

    @property
    def entry(self) -> Run:
        """The run in the registry."""
        return RUNS[self.run.partition("#")[0]]

    def command(self, folder: Path) -> list[str]:
        """What starts the child."""
        return [
            *(self.interpreter, "-m", self.entry.package),
            *("--variant", self.entry.variant),
            *self.config.as_flags(),
            *("--output-dir", str(folder.absolute())),
        ]

    def facts(self) -> dict[str, Any]:
        """What is known of its result before it has one."""
        return {
            "run": self.run,
            "framework": self.entry.framework,
            "variant": self.entry.variant,
            "seed": self.config.seed,
            "threads": self.config.threads,
            "batch_size": self.config.batch_size,
            "workers": self.config.workers,
            "setting": self.setting,
            "repeat": self.repeat,
        }

    def result(self, **known: Any) -> RunResult:
        """The result of a run that did not report one itself."""
        return RunResult(**self.facts(), **known)


@dataclass(frozen=True)
class Measured:
    """What jobs came to: results, a probe before each job that was started, and floors.

    Probes and floors are in the order in which they were taken.
    """

    results: list[RunResult] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)


NOTHING = Measured()


def run_job(job: Job, folder: Path, epochs: list[EpochResult], progress: RunProgress) -> RunResult:
    """Run one child process to its end and return what it reports, or what became of it.

    This process only waits meanwhile; from the end of the child's first epoch to that of its last
    one it watches what other processes do. An interrupt is passed on to the child, which knows best
    what is finished.

    Args:
        epochs: filled while the child trains, so that they are known even if it never ends well.
    """
    result = unfit = None
    token = secrets.token_hex(16)
    readings: list[CpuReading] = []
    energy = energy_joules()
    log_path = folder / f"{job.slug}.log"
    log = open_log(log_path)
    child = subprocess.Popen(
        job.command(folder),
        cwd=ROOT,
        env=child_environment(
            **job.entry.environment, **{CHILD_VARIABLE: job.slug, TOKEN_VARIABLE: token}
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        **interrupts.apart(),
    )
    try:
        with interrupts.held(partial(end_soon, child)):
            if interrupts.is_noted():
                end_soon(child)
            for event in events_of(child, log, token):
                heed(event, epochs, readings, progress)
                result = event.run or result
            child.wait()
    except ValueError as error:
        unfit = str(error)
    finally:
        _end(child)
        output = close_log(log, log_path)
    unfit = unfit or (result and find_unfit(result, folder))
    if result is None or unfit:
        ending = what_became_of(child, job, epochs, unfit)
        # What an interpreter says that lacks all that it needs is not what the run lacks first.
        shown = [] if ending["status"] == "unavailable" else output
        return job.result(**ending, error_output=shown, epochs=epochs)
    result = replace(result, **job.facts())
    if result.status == "failed":
        result.error_output = output
    if result.status == "completed":
        note_missing(result, job.slug, child.returncode)
    if len(readings) > 1:
        result.foreign_cpus = readings[0].foreign_cpus(readings[-1])
    used = energy_joules()
    if energy is not None and used is not None:
        result.energy_joules = max(0.0, used - energy)
    return result


def note_missing(result: RunResult, slug: str, exit_status: int) -> None:
    """Say what is not there of a completed run whose process did not live to say it."""
    why, known = "the process had ended", {each.file for each in result.unwritten}
    for kind, suffix in SUFFIXES.items():
        if not (getattr(result, kind) or slug + suffix in known):
            result.unwritten.append(Unwritten(slug + suffix, why))
    if exit_status and not result.inference:
        result.inference_error = result.inference_error or why


def heed(
    event: Event, epochs: list[EpochResult], readings: list[CpuReading], progress: RunProgress
) -> None:
    """Show what a child tells on its way, and keep what it tells of an epoch."""
    if event.phase:
        progress.phase(event.phase)
    if event.epoch:
        epochs.append(event.epoch)
        readings.append(CpuReading.take(event.process_seconds))
        progress.epoch(epochs)


def events_of(child: subprocess.Popen, log: IO[bytes], token: str) -> Iterator[Event]:
    """What a child tells; what else it prints belongs with its complaints.

    Raises:
        ValueError: it tells what can't be.
    """
    # A pipe, as was asked for.
    assert child.stdout
    last = None
    for line in iter(partial(child.stdout.readline, LARGEST_JSON), b""):
        event = read_event(line, token)
        if event is None:
            with contextlib.suppress(OSError):
                os.write(log.fileno(), line)
            continue
        if event.epoch:
            if last and event.epoch.epoch != last + 1:
                raise ValueError(f"epoch {event.epoch.epoch} after epoch {last}")
            last = event.epoch.epoch
        yield event


def find_unfit(result: RunResult, folder: Path) -> str | None:
    """What is wrong with what a child reports, if anything."""
    try:
        require_run_rules(result)
        for name in filter(None, (result.weights, result.predictions)):
            if not path_within(folder, name).is_file():
                return f"there is no {name}"
    except ValueError as error:
        return str(error)
    return None


def open_log(path: Path) -> IO[bytes]:
    """Where a child's complaints go: the file, or where it can't be had a temporary one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return path.open("a+b")
    except OSError:
        return TemporaryFile()


def close_log(log: IO[bytes], path: Path) -> list[str]:
    """Remove an empty log; returns its last lines, as they can be shown."""
    with log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
        output = log.read().decode(errors="replace").strip().splitlines()
    if not output:
        # Windows lets nobody remove what a scanner has just opened.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return [visible(line.rstrip()) for line in output[-LOG_LINES:]]


def end_soon(child: subprocess.Popen) -> None:
    """Ask a child to end; kill it if it does not."""
    ask_to_end(child)
    killer = threading.Timer(GRACE_SECONDS, child.kill)
    killer.daemon = True
    killer.start()


def _end(child: subprocess.Popen) -> None:
    """End the child if it still runs."""
    if child.poll() is None:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()


def what_became_of(
    child: subprocess.Popen, job: Job, epochs: Sequence[EpochResult], unfit: str | None
) -> dict[str, Any]:
    """Status and end of a run whose child ended without telling them, or told what can't be."""
    if unfit:
        return {"status": "failed", "end": RunEnd("unfit", unfit=visible(unfit, 300))}
    if interrupts.is_noted():
        return {"status": "interrupted", "end": RunEnd("interrupted", epoch=len(epochs))}
    began = child.returncode <= 0 or epochs
    if not began and (missing := missing_modules(job.entry, job.interpreter)):
        end = RunEnd("missing_module", module=missing[0], interpreter=job.interpreter)
        return {"status": "unavailable", "end": end}
    if child.returncode >= 0:
        end = RunEnd("exit_status", exit_status=child.returncode)
    else:
        end = RunEnd("signal", signal=signal.Signals(-child.returncode).name)
    return {"status": "failed", "end": end}


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    progress: RunProgress,
    measure_floor: Callable[[TrainConfig], list[Floor]] = lambda _: [],
    keep: Callable[[Measured], None] = lambda _: None,
    known: Measured = NOTHING,
) -> Measured:
    """Run all jobs, one after the other; after an interrupt the rest is reported as interrupted.

    Args:
        measure_floor: called before the first job of each repeat and batch size, so that a drift of
            the machine falls on the floor as it falls on the runs.
        keep: told after each job what is known, the jobs to come as not started.
        known: what was measured before; jobs that have a result there are not run again.
    """
    measured = Measured(probes=[*known.probes], floors=[*known.floors])
    finished = {(run.run, run.setting, run.repeat): run for run in known.results}
    floored = {(floor.setting, floor.repeat) for floor in known.floors}

    def with_rest() -> Measured:
        rest = [
            finished.get(job.key) or job.result(status="interrupted", end=RunEnd("not_started"))
            for job in jobs[len(measured.results) :]
        ]
        return replace(measured, results=measured.results + rest)

    try:
        for job in jobs:
            if result := finished.get(job.key):
                measured.results.append(result)
                continue
            with interrupts.allowed():
                if (place := (job.setting, job.repeat)) not in floored:
                    floored.add(place)
                    measured.floors.extend(
                        replace(floor, setting=job.setting, repeat=job.repeat)
                        for floor in measure_floor(job.config)
                    )
                progress.start(job.title)
                seconds = probe_seconds(job.config.threads)
            measured.probes.append(Probe(*job.key, seconds))
            measured.results.append(run_job(job, folder, [], progress))
            progress.end(measured.results[-1])
            keep(with_rest())
    except KeyboardInterrupt:
        # Those that follow are reported.
        pass
    return with_rest()
