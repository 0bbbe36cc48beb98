"""Training one implementation for a person."""

from functools import partial

from commands.requests import TrainRequest
from commands.single_run import start_workers, train_and_save
from report import sentences, terminal, write
from report.pairs import compare_runs
from report.progress import RunProgress, busy
from shared import interrupts
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.environment import Environment, describe_environment
from shared.events import Event
from shared.outputs import RESULTS, claimed_output_dir, current_command
from shared.results import ComparisonResult, EpochResult, Plan, RunResult
from shared.results_file import is_unfinished, whole_runs
from shared.sampling import load, prepare


def train_alone(name: str, request: TrainRequest, clock: Clock) -> int:
    """Train for a person: one line an epoch, pictures at the end; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: dataset, device or folder can't be used.
        KeyboardInterrupt: there is no whole epoch yet, or it ended what follows the training.
    """
    with clock.phase("data"):
        config, missing = prepare(request.config)
    start_workers(name, request.variant, config)
    dataset = load(config, clock)
    goes_on = is_unfinished if config.resume else None
    command = current_command()
    with claimed_output_dir(request.output_dir, command, RESULTS, goes_on) as folder:
        assemble_result = partial(assemble, config, dataset, missing, describe_environment())
        console = terminal.make_console()
        terminal.say(console, sentences.describe_job(config, dataset, missing))
        slug = f"{name}-{request.variant}"
        shown: list[EpochResult] = []
        progress = RunProgress(console, config, dataset, alone=True)

        def listen(event: Event) -> None:
            if event.epoch:
                shown.append(event.epoch)
                progress.epoch(shown)
            if event.run:
                write.write_figures(assemble_result(event.run), folder)

        known, *_ = whole_runs(folder, config)
        if known:
            result = known[0]
        else:
            clock.announce = progress.phase
            with progress:
                progress.start(f"{name}/{request.variant}")
                facts = name, request.variant, config, dataset, clock, folder, slug
                result = train_and_save(*facts, listen)
        if result.status == "interrupted" and not result.epochs:
            raise KeyboardInterrupt
        comparison = assemble_result(result)
        with interrupts.held(write.say_that_it_goes_on):
            with busy(console, write.DRAWING, logged=False):
                failures = write.write_report(comparison, dataset, folder)
            terminal.print_report(comparison, console)
        completed = result.status == "completed"
        if request.profile and completed:
            with interrupts.allowed():
                # Only now, because it is rarely asked for.
                from commands.profile import profile_more

                profile_more(name, request.variant, config, dataset, folder)
        terminal.say(console, terminal.describe_files(folder))
        terminal.complain(failures)
    return 0 if result.is_whole and not failures else 1


def assemble(
    config: TrainConfig,
    dataset: Dataset,
    missing: MissingFiles | None,
    environment: Environment,
    run: RunResult,
) -> ComparisonResult:
    """What goes into `results.json`: a comparison of a single run."""
    return ComparisonResult(
        command=current_command(),
        config=config,
        plan=Plan([{}], [run.run], 1),
        dataset=write.describe_dataset(dataset, missing),
        environment=environment,
        runs=[run],
        comparison=compare_runs([run]),
    )
