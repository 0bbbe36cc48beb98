"""A comparison from beginning to end: prepare, prove, measure, report."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from comparison.attribution import attribute
from comparison.floor import measure_floor
from comparison.jobs import Job, Measured, run_jobs
from comparison.plan import (
    Request,
    plan_jobs,
    plan_runs,
    refuse_with_attribute,
    refuse_with_verify_only,
)
from comparison.verification import verify
from report import sentences, terminal, write
from report.intervals import compare_runs
from report.progress import RunProgress, busy
from report.verification import describe_verification
from shared import interrupts
from shared.checkpoints import refuse_existing
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.environment import Environment, describe_environment
from shared.errors import UsageError
from shared.outputs import RESULTS, claimed_output_dir, current_command
from shared.results import ComparisonResult, Floor, Plan, RunResult
from shared.results_file import PAGE, is_unfinished, whole_runs
from shared.sampling import load, refuse_without_update
from shared.sampling import prepare as prepare_dataset
from shared.verified import Verification


@dataclass(frozen=True)
class Prepared:
    """A comparison whose request is in order and whose dataset is at hand."""

    plan: Plan
    interpreters: dict[str, str]
    """Of each implementation."""
    jobs: list[Job]
    config: TrainConfig
    """That of the first batch size."""
    dataset: Dataset
    missing: MissingFiles | None
    """Why it is not the dataset that was meant, if so."""
    environment: Environment


def compare(request: Request) -> int:
    """Do what was asked for; returns the exit status.

    Raises:
        UsageError: the request can't be met; nothing was left behind.
    """
    if request.attribute:
        return compare_defaults(request)
    prepared = prepare(request)
    console = terminal.make_console()
    job = sentences.describe_job(prepared.config, prepared.dataset, prepared.missing)
    if request.verify_only:
        terminal.say(console, job)
        verification = prove(request, prepared, console)
        return 0 if verification is None or verification.passed else 1
    command = current_command()
    goes_on = is_unfinished if prepared.config.resume else None
    with claimed_output_dir(request.output_dir, command, RESULTS, goes_on) as folder:
        terminal.say(console, job)
        known = whole_runs(folder, prepared.config)
        with interrupts.allowed():
            verification = prove(request, prepared, console)
        measured = measure(request, prepared, verification, folder, known, console)
        comparison = assemble(prepared, verification, measured)
        with interrupts.held(write.say_that_it_goes_on):
            failures = write.write_report(comparison, prepared.dataset, folder)
            terminal.print_report(comparison, console)
        terminal.say(console, terminal.describe_files(folder))
        terminal.complain(failures)
    if request.open:
        from report.page.page import open_in_browser

        open_in_browser(folder / PAGE)
    verified = verification is None or verification.passed
    whole = all(run.status == "completed" and not run.unwritten for run in measured.results)
    return 0 if verified and whole and not failures else 1


def compare_defaults(request: Request) -> int:
    """Measure how much each default matters; returns the exit status.

    Raises:
        UsageError: the request can't be met.
    """
    refuse_with_attribute(request)
    plan_runs(request)
    configs, missing = prepare_configs(request)
    return attribute(configs[0], missing, request.repeats or 8, request.output_dir)


def prepare(request: Request) -> Prepared:
    """Check what was asked for, get the dataset, plan the jobs.

    Raises:
        UsageError: the request can't be met.
    """
    if request.verify_only:
        refuse_with_verify_only(request)
    runs, interpreters = plan_runs(request)
    configs, missing = prepare_configs(request)
    dataset = load(configs[0], Clock())
    for config in configs:
        refuse_without_update(config, len(dataset.train_labels))
    jobs = plan_jobs(runs, interpreters, configs, request.repeats or 1)
    for job in jobs if not request.verify_only else ():
        refuse_existing(job.config, job.slug)
    environment = describe_environment()
    plan = Plan(request.settings(), runs, request.repeats or 1)
    return Prepared(plan, interpreters, jobs, configs[0], dataset, missing, environment)


def prepare_configs(request: Request) -> tuple[list[TrainConfig], MissingFiles | None]:
    """The configuration for each batch size, its dataset downloaded, and what was missing of it.

    Raises:
        UsageError: a batch size is not as expected, or the dataset can't be had.
    """
    configs = request.configs()
    first, missing = prepare_dataset(configs[0])
    # All downloading is done.
    return [replace(config, dataset=first.dataset, offline=True) for config in configs], missing


def prove(request: Request, prepared: Prepared, console: Console) -> Verification | None:
    """Show that all runs compute the same, unless that is not wanted."""
    if not (request.verify or request.verify_only):
        return None
    different = [run for run in prepared.plan.runs if "#" not in run]
    config, train_size = prepared.config, len(prepared.dataset.train_labels)
    runs = "1 run" if len(different) == 1 else f"{len(different)} runs"
    with busy(console, f"verifying {runs} against the NumPy reference"):
        verification = verify(different, prepared.interpreters, config, train_size)
    terminal.say(console, *describe_verification(verification, config))
    return verification


def measure(
    request: Request,
    prepared: Prepared,
    verification: Verification | None,
    folder: Path,
    known: list[RunResult],
    console: Console,
) -> Measured:
    """Run all jobs, and time the floor beside them if asked to; keep what is known after each.

    Raises:
        KeyboardInterrupt: before an epoch was over.
        UsageError: no run is available here.
    """

    def keep(measured: Measured) -> None:
        if any(result.status != "unavailable" and result.epochs for result in measured.results):
            terminal.complain(
                write.write_figures(assemble(prepared, verification, measured), folder)
            )

    with RunProgress(console, prepared.config, prepared.dataset) as progress:

        def floors_of(config: TrainConfig) -> list[Floor]:
            return time_floor(config, prepared, progress) if request.floor else []

        measured = run_jobs(prepared.jobs, folder, progress, floors_of, keep, known)
    if interrupts.is_noted() and not any(result.epochs for result in measured.results):
        raise KeyboardInterrupt
    if all(result.status == "unavailable" for result in measured.results):
        ends = (sentences.describe_end(run, prepared.config) for run in measured.results)
        raise UsageError(" ".join(dict.fromkeys(ends)))
    return measured


def time_floor(config: TrainConfig, prepared: Prepared, progress: RunProgress) -> list[Floor]:
    """Time the matrix products alone; where they can't be timed, say so and go on without."""
    progress.between("timing the matrix products alone")
    try:
        return measure_floor(config, len(prepared.dataset.train_labels), prepared.interpreters)
    except (UsageError, ChildProcessError) as error:
        terminal.say(progress.console, f"WARNING: a floor is missing: {error}")
        return []


def assemble(
    prepared: Prepared, verification: Verification | None, measured: Measured
) -> ComparisonResult:
    """All that is known."""
    return ComparisonResult(
        command=current_command(),
        config=prepared.config,
        plan=prepared.plan,
        dataset=write.describe_dataset(prepared.dataset, prepared.missing),
        environment=prepared.environment,
        runs=measured.results,
        comparison=compare_runs(measured.results),
        verification=verification,
        floors=measured.floors,
        probes=measured.probes,
    )
