"""The child processes of a comparison: starting them, listening, and what became of them."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec

from comparison.children import apart, ask_to_end, child_environment
from comparison.probes import CpuReading, energy_joules, probe_seconds
from report.progress import RunProgress
from shared import interrupts
from shared.config import TrainConfig
from shared.flags import CHILD_VARIABLE
from shared.registry import RUNS, Run
from shared.results import EpochResult, Event, Floor, Probe, RunEnd, RunResult, Unwritten

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

    def result(self, **known: Any) -> RunResult:
        """The result of a run that did not report one itself."""
        return RunResult(
            self.run,
            self.entry.framework,
            self.entry.variant,
            self.config.seed,
            self.config.threads,
            self.config.batch_size,
            self.setting,
            self.repeat,
            **known,
        )


@dataclass(frozen=True)
class Measured:
    """What jobs came to: results, a probe before each job that was started, and floors."""

    results: list[RunResult] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)


def run_job(job: Job, folder: Path, epochs: list[EpochResult], progress: RunProgress) -> RunResult:
    """Run one child process to its end and return what it reports, or what became of it.

    This process only waits meanwhile; from the end of the child's first epoch to that of its last
    one it watches what other processes do. An interrupt is passed on to the child, which knows best
    what is finished.

    Args:
        epochs: filled while the child trains, so that they are known even if it never ends well.
    """
    result = None
    readings: list[CpuReading] = []
    energy = energy_joules()
    log_path = folder / f"{job.slug}.log"
    log = open_log(log_path)
    child = subprocess.Popen(
        job.command(folder),
        cwd=ROOT,
        env=child_environment(**job.entry.environment, **{CHILD_VARIABLE: job.slug}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        **apart(),
    )
    try:
        with interrupts.held(partial(end_soon, child)):
            if interrupts.is_noted():
                end_soon(child)
            for event in events_of(child, log):
                if event.epoch:
                    epochs.append(event.epoch)
                    if event.process_seconds is not None:
                        readings.append(CpuReading.take(event.process_seconds))
                    progress.epoch(epochs)
                result = event.run or result
            child.wait()
    finally:
        _end(child)
        output = close_log(log, log_path)
    if result is None:
        return job.result(**what_became_of(child, epochs), error_output=output[-10:], epochs=epochs)
    result.run, result.setting, result.repeat = job.run, job.setting, job.repeat
    if result.status == "failed":
        result.error_output = output[-10:]
    if result.status == "completed" and not (result.weights or result.unwritten):
        # It told of the run's end, and was ended while it wrote.
        result.unwritten.append(Unwritten(f"{job.slug}.safetensors", "the process was ended"))
    if len(readings) > 1:
        result.foreign_cpus = readings[0].foreign_cpus(readings[-1])
    used = energy_joules()
    if energy is not None and used is not None:
        result.energy_joules = max(0.0, used - energy)
    return result


def events_of(child: subprocess.Popen, log: IO[bytes]) -> Iterator[Event]:
    """What a child tells; what else it prints belongs with its complaints."""
    # A pipe, as was asked for.
    assert child.stdout
    for line in child.stdout:
        try:
            event = msgspec.json.decode(line, type=Event)
        except msgspec.DecodeError:
            with contextlib.suppress(OSError):
                os.write(log.fileno(), line)
            continue
        yield event


def open_log(path: Path) -> IO[bytes]:
    """Where a child's complaints go: the file, or where it can't be had a temporary one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return path.open("a+b")
    except OSError:
        return TemporaryFile()


def close_log(log: IO[bytes], path: Path) -> list[str]:
    """Remove an empty log; returns its lines."""
    with log:
        log.seek(0)
        output = log.read().decode(errors="replace").strip().splitlines()
    if not output:
        # Windows lets nobody remove what a scanner has just opened.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return output


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


def what_became_of(child: subprocess.Popen, epochs: Sequence[EpochResult]) -> dict[str, Any]:
    """Status and end of a run whose child ended without telling them."""
    if interrupts.is_noted():
        return {"status": "interrupted", "end": RunEnd("interrupted", epoch=len(epochs))}
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
    known: Sequence[RunResult] = (),
) -> Measured:
    """Run all jobs, one after the other; after an interrupt the rest is reported as interrupted.

    Args:
        measure_floor: called before the jobs of each repeat and batch size, so that a drift of the
            machine falls on the floor as it falls on the runs.
        keep: told after each job what is known, the jobs to come as not started.
        known: results of jobs that are not to be run again.
    """
    measured = Measured()
    finished = {(run.run, run.setting, run.repeat): run for run in known}
    config = None

    def with_rest() -> Measured:
        rest = [
            job.result(status="interrupted", end=RunEnd("not_started"))
            for job in jobs[len(measured.results) :]
        ]
        return replace(measured, results=measured.results + rest)

    try:
        for job in jobs:
            if result := finished.get((job.run, job.setting, job.repeat)):
                measured.results.append(result)
                continue
            with interrupts.allowed():
                if job.config != config:
                    config = job.config
                    measured.floors.extend(
                        replace(floor, setting=job.setting, repeat=job.repeat)
                        for floor in measure_floor(config)
                    )
                progress.start(job.title)
                seconds = probe_seconds(config.threads)
            measured.probes.append(Probe(job.run, job.setting, job.repeat, seconds))
            measured.results.append(run_job(job, folder, [], progress))
            progress.end(measured.results[-1])
            keep(with_rest())
    except KeyboardInterrupt:
        # Those that follow are reported.
        pass
    return with_rest()
