"""The child processes of a comparison: starting them, listening, and what became of them."""

import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from comparison.probes import CpuReading, energy_joules, probe_seconds
from report.progress import RunProgress
from shared.config import TrainConfig
from shared.events import TOKEN_VARIABLE, read_event
from shared.flags import CHILD_VARIABLE
from shared.inputs import LARGEST_JSON, path_within
from shared.registry import RUNS, Run
from shared.results import EpochResult, Event, Floor, Probe, RunEnd, RunResult
from shared.results_rules import require_run_rules
from shared.visible import visible

# The end of a child's log that is kept with its result.
LOG_LINES, LOG_BYTES = 10, 2**16

ROOT = Path(__file__).resolve().parent.parent


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

    def facts(self) -> dict[str, Any]:
        """What is known of its result before it has one."""
        return {
            "run": self.run,
            "framework": self.entry.framework,
            "variant": self.entry.variant,
            "seed": self.config.seed,
            "threads": self.config.threads,
            "batch_size": self.config.batch_size,
            "setting": self.setting,
            "repeat": self.repeat,
        }

    def result(self, **known: Any) -> RunResult:
        """The result of a run that did not report one itself."""
        return RunResult(**self.facts(), **known)


def run_job(job: Job, folder: Path, epochs: list[EpochResult], progress: RunProgress) -> RunResult:
    """Run one child process to its end and return what it reports, or what became of it.

    This process only waits meanwhile; from the end of the child's first epoch to that of its last
    one it watches what other processes do.

    Args:
        epochs: filled while the child trains, so that they are known even if it never ends well.
    """
    result = unfit = None
    token = secrets.token_hex(16)
    readings: list[CpuReading] = []
    energy = energy_joules()
    log_path = folder / f"{job.slug}.log"
    with log_path.open("wb") as log:
        # A session of its own, so that Ctrl-C reaches this process only, which then ends the child.
        child = subprocess.Popen(
            job.command(folder),
            cwd=ROOT,
            env=os.environ
            | job.entry.environment
            | {CHILD_VARIABLE: job.slug, TOKEN_VARIABLE: token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert child.stdout is not None
    try:
        # A pipe, as was asked for.
        assert child.stdout
        for event in _hear(child.stdout, token, log_path):
            if event.epoch:
                epochs.append(event.epoch)
                readings += filter(None, [CpuReading.take(child.pid)])
                progress.epoch(epochs)
            result = event.run or result
        child.wait()
    except ValueError as error:
        unfit = str(error)
    finally:
        _end(child)
        output = _last_lines(log_path)
        if not output:
            log_path.unlink()
    if unfit := unfit or (result and _find_unfit(result, folder)):
        end = RunEnd("unfit", unfit=visible(unfit, 300))
        return job.result(status="failed", end=end, error_output=output)
    if result:
        result = replace(result, **job.facts())
        if len(readings) > 1:
            result.foreign_cpus = readings[0].foreign_cpus(readings[-1])
        used = energy_joules()
        if energy is not None and used is not None:
            result.energy_joules = max(0.0, used - energy)
        return result
    if child.returncode == 2 and output:
        return job.result(status="unavailable", error=output[-1].partition(": ")[2])
    end = _find_end(child.returncode)
    return job.result(status="failed", end=end, error_output=output, epochs=epochs)


def _hear(stream: IO[bytes], token: str, log: Path) -> Iterator[Event]:
    """The events that a child tells; what else it prints belongs with its complaints.

    Raises:
        ValueError: it tells of an event that can't be.
    """
    last = None
    for line in iter(partial(stream.readline, LARGEST_JSON), b""):
        event = read_event(line, token)
        if event is None:
            with log.open("ab") as file:
                file.write(line)
            continue
        if event.epoch:
            if last and event.epoch.epoch != last + 1:
                raise ValueError(f"epoch {event.epoch.epoch} after epoch {last}")
            last = event.epoch.epoch
        yield event


def _last_lines(log: Path) -> list[str]:
    """The end of what a child wrote, as it can be shown; nothing if that is nothing."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LOG_BYTES))
        end = file.read().decode(errors="replace").strip()
    return [visible(line.rstrip()) for line in end.splitlines()[-LOG_LINES:]]


def _find_unfit(result: RunResult, folder: Path) -> str | None:
    """What is wrong with what a child reports, if anything."""
    try:
        require_run_rules(result)
        for name in filter(None, (result.weights, result.predictions)):
            if not path_within(folder, name).is_file():
                return f"it wrote no {name}"
    except ValueError as error:
        return str(error)
    return None


def _end(child: subprocess.Popen) -> None:
    """End the child if it still runs, politely at first."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _find_end(returncode: int) -> RunEnd:
    if returncode >= 0:
        return RunEnd("exit_status", exit_status=returncode)
    return RunEnd("signal", signal=signal.Signals(-returncode).name)


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    progress: RunProgress,
    measure_floor: Callable[[TrainConfig], list[Floor]] = lambda _: [],
) -> tuple[list[RunResult], list[Probe], list[Floor]]:
    """Run all jobs, one after the other; after Ctrl-C the rest is reported as interrupted.

    Args:
        measure_floor: called before the jobs of each repeat and batch size, so that a drift of the
            machine falls on the floor as it falls on the runs.

    Returns:
        The results, a probe before each job that was started, and what `measure_floor` returned.
    """
    results: list[RunResult] = []
    probes: list[Probe] = []
    floors: list[Floor] = []
    epochs: list[EpochResult] = []
    config = None
    try:
        for job in jobs:
            epochs = []
            if job.config != config:
                config = job.config
                floors += [
                    replace(floor, setting=job.setting, repeat=job.repeat)
                    for floor in measure_floor(config)
                ]
            progress.start(job.title)
            seconds = probe_seconds(job.config.threads)
            probes.append(Probe(job.run, job.setting, job.repeat, seconds))
            results.append(run_job(job, folder, epochs, progress))
            progress.end(results[-1])
    except KeyboardInterrupt:
        # The report of what is finished takes a moment, which a second Ctrl-C must not cut short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if len(probes) > len(results):
            current = jobs[len(results)]
            end = RunEnd("interrupted", epoch=len(epochs))
            results.append(current.result(status="interrupted", end=end, epochs=epochs))
        rest = jobs[len(results) :]
        results += [job.result(status="interrupted", end=RunEnd("not_started")) for job in rest]
    return results, probes, floors
