"""A comparison from beginning to end: prepare, prove, measure, report."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from comparison import precision
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
from comparison.warm_up import cold_jobs, warm_up
from report import sentences, terminal, write
from report.pairs import compare_runs, with_comparison
from report.progress import RunProgress, busy
from report.read import with_whole_paths
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
from shared.results import ComparisonResult, Floor, Plan
from shared.results_file import PAGE, is_unfinished, whole_runs
from shared.sampling import load, refuse_without_update
from shared.sampling import prepare as prepare_dataset
from shared.verified import Verification
from shared.workers import refuse_launcher


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
    if request.left_out:
        left_out = ", ".join(request.left_out)
        job += f"\nNOTICE: `all` leaves out {left_out}: unsupported with several workers."
    if request.verify_only:
        terminal.say(console, job)
        verification = prove(request, prepared, console)
        return 0 if verification is None or verification.passed else 1
    command = current_command()
    goes_on = is_unfinished if prepared.config.resume else None
    with claimed_output_dir(request.output_dir, command, RESULTS, goes_on) as folder:
        terminal.say(console, job)
        known = Measured(*whole_runs(folder, prepared.config))
        with interrupts.allowed():
            verification = prove(request, prepared, console)
        measured = measure(request, prepared, verification, folder, known, console)
        comparison = assemble(prepared, verification, measured)
        with interrupts.held(write.say_that_it_goes_on):
            # Only now are there answers to compare image by image.
            answered = with_whole_paths(comparison, folder)
            compared = with_comparison(answered, prepared.dataset.test_labels).comparison
            comparison = replace(comparison, comparison=compared)
            with busy(console, write.DRAWING, logged=False):
                failures = write.write_report(comparison, prepared.dataset, folder)
            terminal.print_report(comparison, console, request.details)
        if percent := request.ratio_precision:
            reached = comparison.comparison, percent, comparison.plan.repeats
            terminal.say(console, precision.describe_precision(*reached))
        terminal.say(console, terminal.describe_files(folder))
        terminal.complain(failures)
    if request.open:
        from report.page.page import open_in_browser

        open_in_browser(folder / PAGE)
    verified = verification is None or verification.passed
    whole = all(run.is_whole for run in measured.results)
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
    refuse_launcher()
    runs, interpreters = plan_runs(request)
    configs, missing = prepare_configs(request)
    dataset = load(configs[0], Clock())
    for config in configs:
        refuse_without_update(config, len(dataset.train_labels))
    jobs = plan_jobs(runs, interpreters, configs, request.most_repeats)
    for job in jobs if not request.verify_only else ():
        refuse_existing(job.config, job.slug)
    environment = describe_environment()
    plan = Plan(request.settings(), runs, request.most_repeats)
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
    config = replace(prepared.config, workers=request.most_workers)
    train_size = len(prepared.dataset.train_labels)
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
    known: Measured,
    console: Console,
) -> Measured:
    """Run the jobs, and time the floor beside them if asked to; keep what is known after each.

    Args:
        known: what an earlier part of the comparison measured.

    Raises:
        KeyboardInterrupt: before an epoch was over.
        UsageError: no run is available here.
    """

    def keep(measured: Measured) -> None:
        if any(result.status != "unavailable" and result.epochs for result in measured.results):
            terminal.complain(
                write.write_figures(assemble(prepared, verification, measured), folder)
            )

    start_once(prepared, verification, known, console)
    measured = known
    with RunProgress(console, prepared.config, prepared.dataset) as progress:

        def floors_of(config: TrainConfig) -> list[Floor]:
            return time_floor(config, prepared, progress) if request.floor else []

        for repeats in precision.blocks(request, known.results):
            jobs = [job for job in prepared.jobs if job.repeat < repeats]
            measured = run_jobs(jobs, folder, progress, floors_of, keep, measured)
            percent = request.ratio_precision
            if percent is None or interrupts.is_noted():
                break
            so_far = assemble(prepared, verification, measured).comparison
            if precision.is_reached(so_far, percent):
                break
    if interrupts.is_noted() and not any(result.epochs for result in measured.results):
        raise KeyboardInterrupt
    if all(result.status == "unavailable" for result in measured.results):
        ends = (sentences.describe_end(run, prepared.config) for run in measured.results)
        raise UsageError(" ".join(dict.fromkeys(ends)))
    return measured


def start_once(
    prepared: Prepared, verification: Verification | None, known: Measured, console: Console
) -> None:
    """Start each run that is to be timed and has not been started by verification.

    Raises:
        KeyboardInterrupt: there was an interrupt.
    """
    cold = cold_jobs(prepared.jobs, verification)
    whole = {(run.run, run.setting, run.repeat) for run in known.results}
    if cold and not whole.issuperset(job.key for job in prepared.jobs):
        names = ", ".join(job.entry.name for job in cold)
        with busy(console, f"starting {names} once, so that no timed run waits for the disk"):
            warm_up(cold, len(prepared.dataset.train_labels))


def time_floor(config: TrainConfig, prepared: Prepared, progress: RunProgress) -> list[Floor]:
    """Time the matrix products alone; where they can't be timed, say so and go on without."""
    progress.between("timing the matrix products alone")
    try:
        return measure_floor(config, len(prepared.dataset.train_labels), prepared.interpreters)
    except (UsageError, ChildProcessError) as error:
        terminal.say(progress.console, f"WARNING: the floor could not be timed: {error}")
        return []


def assemble(
    prepared: Prepared, verification: Verification | None, measured: Measured
) -> ComparisonResult:
    """All that is known, the runs in the order of the plan."""
    places = {run: place for place, run in enumerate(prepared.plan.runs)}
    runs = sorted(measured.results, key=lambda run: (run.repeat, run.setting, places[run.run]))
    return ComparisonResult(
        command=current_command(),
        config=prepared.config,
        plan=replace(prepared.plan, repeats=runs[-1].repeat + 1),
        dataset=write.describe_dataset(prepared.dataset, prepared.missing),
        environment=prepared.environment,
        runs=runs,
        comparison=compare_runs(runs),
        verification=verification,
        floors=measured.floors,
        probes=measured.probes,
    )
