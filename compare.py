"""Train the same network in PyTorch and in TensorFlow, and report them side by side."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import tyro

from shared.command_line import CHILD_VARIABLE, interrupt_on_terminate, parse_flags
from shared.config import ALL_RUNS, IMPLEMENTATIONS, TrainConfig, UsageError
from shared.results import EpochResult, Event, RunResult

if TYPE_CHECKING:
    from shared.progress import RunProgress

ROOT = Path(__file__).resolve().parent
PROGRAM = "python compare.py"


@dataclass(frozen=True)
class Request:
    """Train the same network in several frameworks and report them side by side."""

    config: TrainConfig
    run: tyro.conf.Positional[tuple[str, ...]] = ("pytorch/eager", "tensorflow/fit")
    """What to compare with the first one, as IMPLEMENTATION/VARIANT. The word all stands for
    every run whose framework is installed."""
    repeats: int = 1
    """Paired repeats: repeat k of every run uses seed + k, so the same weights and batches."""
    python: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Interpreter for one implementation, as tensorflow=PATH."""
    output_dir: Path | None = None
    """Folder for the results, new or empty. Default: results/<UTC time>."""


@dataclass(frozen=True)
class Job:
    """One child process to be: one run with one seed."""

    run: str
    """As in the report: `pytorch/eager`, and the second of two equal ones `pytorch/eager#2`."""
    interpreter: str
    config: TrainConfig
    slug: str
    """The start of its files' names."""

    @property
    def implementation(self) -> str:
        return self.run.partition("/")[0]

    @property
    def variant(self) -> str:
        return self.run.partition("/")[2].partition("#")[0]

    def command(self, folder: Path) -> list[str]:
        """What starts the child."""
        return [
            *(self.interpreter, "-m", IMPLEMENTATIONS[self.implementation].package),
            *("--variant", self.variant),
            *self.config.as_flags(),
            *("--output-dir", str(folder.absolute())),
        ]

    def result(self, **known: object) -> RunResult:
        """The result of a run that did not report one itself."""
        framework = IMPLEMENTATIONS[self.implementation].framework
        config = self.config
        return RunResult(self.run, framework, self.variant, config.seed, config.threads, **known)


def plan(request: Request) -> list[Job]:
    """Turn the request into jobs, in the order in which they run.

    Repeats are interleaved, every second one in reverse (A B, B A, ...), so that a drift of the
    machine falls on all runs alike.

    Raises:
        UsageError: a run, the number of repeats or an interpreter is not as expected.
    """
    if request.repeats < 1:
        raise UsageError(f"--repeats {request.repeats}: expected 1 or more.")
    interpreters = dict.fromkeys(IMPLEMENTATIONS, sys.executable) | _interpreters(request.python)
    names = [name for run in request.run for name in _expand(run, interpreters)]
    if not names:
        raise UsageError("all: no framework is installed; install torch or tensorflow.")
    seen: Counter[str] = Counter()
    runs = []
    for name in names:
        seen[name] += 1
        runs.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    jobs = []
    for repeat in range(request.repeats):
        config = replace(request.config, seed=request.config.seed + repeat)
        for run in runs if repeat % 2 == 0 else reversed(runs):
            slug = run.replace("/", "-").replace("#", "-")
            if request.repeats > 1:
                slug += f"-seed{config.seed}"
            jobs.append(Job(run, interpreters[run.partition("/")[0]], config, slug))
    return jobs


def _expand(run: str, interpreters: dict[str, str]) -> Sequence[str]:
    """The runs that one word of the command line stands for."""
    if run == "all":
        return [name for name in ALL_RUNS if _available(name.partition("/")[0], interpreters)]
    if run not in ALL_RUNS:
        raise UsageError(f"{run}: expected all or one of: {', '.join(ALL_RUNS)}.")
    return [run]


def _available(implementation: str, interpreters: dict[str, str]) -> bool:
    """Whether the framework is installed; another interpreter was named because it is there."""
    if interpreters[implementation] != sys.executable:
        return True
    return importlib.util.find_spec(IMPLEMENTATIONS[implementation].framework) is not None


def _interpreters(choices: Sequence[str]) -> dict[str, str]:
    """The interpreters given as `tensorflow=PATH`, by implementation."""
    chosen = {}
    for choice in choices:
        implementation, _, path = choice.partition("=")
        program = shutil.which(path)
        if implementation not in IMPLEMENTATIONS or program is None:
            raise UsageError(
                f"--python {choice}: expected IMPLEMENTATION=PATH with one of "
                f"{', '.join(IMPLEMENTATIONS)} and the path of a Python interpreter."
            )
        # Not resolved: the link in a virtual environment is what makes it that environment.
        chosen[implementation] = str(Path(program).absolute())
    return chosen


def run_job(
    job: Job, folder: Path, epochs: list[EpochResult], progress: "RunProgress"
) -> RunResult:
    """Run one child process to its end and return what it reports, or what became of it.

    Args:
        epochs: filled while the child trains, so that they are known even if it never ends well.
    """
    result = None
    log_path = folder / f"{job.slug}.log"
    with log_path.open("wb") as log:
        # A session of its own, so that Ctrl-C reaches this process only, which then ends the child.
        child = subprocess.Popen(
            job.command(folder),
            cwd=ROOT,
            env=os.environ | {CHILD_VARIABLE: job.slug},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        for line in child.stdout:
            event = msgspec.json.decode(line, type=Event)
            if event.epoch:
                epochs.append(event.epoch)
                progress.epoch(epochs)
            result = event.run or result
        child.wait()
    finally:
        _end(child)
    output = log_path.read_text(errors="replace").strip().splitlines()
    if not output:
        log_path.unlink()
    if result:
        result.run = job.run
        return result
    if child.returncode == 2 and output:
        return job.result(status="unavailable", error=output[-1].partition(": ")[2])
    error = _describe_death(child.returncode)
    return job.result(status="failed", error=error, error_output=output[-10:], epochs=epochs)


def _end(child: subprocess.Popen) -> None:
    """End the child if it still runs, politely at first."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    child.stdout.close()


def _describe_death(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit status {returncode}"
    name = signal.Signals(-returncode).name
    hint = " (which systems also do to a process when memory runs out)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def run_jobs(jobs: Sequence[Job], folder: Path, progress: "RunProgress") -> list[RunResult]:
    """Run all jobs, one after the other; after Ctrl-C the rest is reported as interrupted."""
    results: list[RunResult] = []
    epochs: list[EpochResult] = []
    try:
        for job in jobs:
            epochs = []
            progress.start(job.run if job.slug.endswith(job.variant) else job.slug)
            results.append(run_job(job, folder, epochs, progress))
            progress.end(results[-1])
    except KeyboardInterrupt:
        # The report of what is finished takes a moment, which a second Ctrl-C must not cut short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        current, *others = jobs[len(results) :] or [None]
        if current:
            error = f"interrupted after epoch {len(epochs)} of {current.config.epochs}"
            results.append(current.result(status="interrupted", error=error, epochs=epochs))
        results += [job.result(status="interrupted", error="not started") for job in others]
    return results


def compare(request: Request) -> int:
    """Do what was asked for; returns the exit status.

    Raises:
        UsageError: the request can't be met; nothing was left behind.
    """
    jobs = plan(request)
    # Only now: what reads data and draws pictures takes longer to import than --help may take.
    from rich.console import Console

    from shared import report
    from shared.clock import Clock
    from shared.environment import describe_environment
    from shared.outputs import claim_output_dir, current_command
    from shared.progress import RunProgress
    from shared.single_run import load, prepare

    config, notice = prepare(request.config)
    dataset = load(config, Clock())
    # The parent has done all downloading.
    jobs = [
        replace(job, config=replace(job.config, dataset=config.dataset, offline=True))
        for job in jobs
    ]
    command = current_command()
    folder = claim_output_dir(request.output_dir, command)
    console = Console()
    environment = describe_environment()
    console.print(
        report.describe_job(config, dataset, notice), markup=False, highlight=False, soft_wrap=True
    )
    with RunProgress(console, config, dataset) as progress:
        results = run_jobs(jobs, folder, progress)
    if all(result.status == "unavailable" for result in results):
        shutil.rmtree(folder)
        raise UsageError(" ".join(dict.fromkeys(result.error for result in results)))
    comparison = report.assemble(command, config, dataset, notice, environment, results)
    report.write_report(comparison, dataset, folder)
    report.print_report(comparison, console)
    console.print(report.describe_files(folder), markup=False, highlight=False, soft_wrap=True)
    return 0 if all(result.status == "completed" for result in results) else 1


def main() -> int:
    """The command; returns the exit status."""
    try:
        request = parse_flags(Request, PROGRAM)
        interrupt_on_terminate()
        return compare(request)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted before the first run began.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
