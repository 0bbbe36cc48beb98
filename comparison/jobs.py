"""The child processes of a comparison: starting them, listening, and what became of them."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from comparison.probes import CpuReading, energy_joules, probe_seconds
from report.progress import RunProgress
from shared.config import TrainConfig
from shared.flags import CHILD_VARIABLE
from shared.registry import RUNS, Run
from shared.results import EpochResult, Event, Floor, Probe, RunEnd, RunResult

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


def run_job(job: Job, folder: Path, epochs: list[EpochResult], progress: RunProgress) -> RunResult:
    """Run one child process to its end and return what it reports, or what became of it.

    This process only waits meanwhile; from the end of the child's first epoch to that of its last
    one it watches what other processes do.

    Args:
        epochs: filled while the child trains, so that they are known even if it never ends well.
    """
    result = None
    readings: list[CpuReading] = []
    energy = energy_joules()
    log_path = folder / f"{job.slug}.log"
    with log_path.open("wb") as log:
        # A session of its own, so that Ctrl-C reaches this process only, which then ends the child.
        child = subprocess.Popen(
            job.command(folder),
            cwd=ROOT,
            env=os.environ | job.entry.environment | {CHILD_VARIABLE: job.slug},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert child.stdout is not None
    try:
        # A pipe, as was asked for.
        assert child.stdout
        for line in child.stdout:
            try:
                event = msgspec.json.decode(line, type=Event)
            except msgspec.DecodeError:
                # Something else that was printed, which belongs with the complaints.
                with log_path.open("ab") as log:
                    log.write(line)
                continue
            if event.epoch:
                epochs.append(event.epoch)
                if reading := CpuReading.take(child.pid):
                    readings.append(reading)
                progress.epoch(epochs)
            result = event.run or result
        child.wait()
    finally:
        _end(child)
        output = log_path.read_text(errors="replace").strip().splitlines()
        if not output:
            log_path.unlink()
    if result:
        result.run, result.setting, result.repeat = job.run, job.setting, job.repeat
        if len(readings) > 1:
            result.foreign_cpus = readings[0].foreign_cpus(readings[-1])
        used = energy_joules()
        if energy is not None and used is not None:
            result.energy_joules = max(0.0, used - energy)
        return result
    if child.returncode == 2 and output:
        return job.result(status="unavailable", error=output[-1].partition(": ")[2])
    end = _find_end(child.returncode)
    return job.result(status="failed", end=end, error_output=output[-10:], epochs=epochs)


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
