"""Training one implementation for a person."""

from commands.requests import TrainRequest
from commands.single_run import train_and_save
from report import sentences, terminal, write
from report.intervals import compare_runs
from shared.clock import Clock
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.outputs import abandon_output_dir, claim_output_dir, current_command
from shared.results import ComparisonResult, EpochResult, Plan
from shared.sampling import load, prepare


def train_alone(name: str, request: TrainRequest, clock: Clock) -> int:
    """Train for a person: one line an epoch, pictures at the end; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.

    Raises:
        UsageError: dataset, device or folder can't be used.
    """
    variant = request.variant
    with clock.phase("data"):
        config, missing = prepare(request.config)
    dataset = load(config, clock)
    command = current_command()
    folder = claim_output_dir(request.output_dir, command)
    environment = describe_environment()
    print(sentences.describe_job(config, dataset, missing))
    shown: list[EpochResult] = []

    def show(epoch: EpochResult) -> None:
        shown.append(epoch)
        print(terminal.epoch_line(f"{name}/{variant}", shown, config, dataset), flush=True)

    slug = f"{name}-{variant}"
    try:
        result = train_and_save(name, variant, config, dataset, clock, folder, slug, show)
    except UsageError:
        abandon_output_dir(folder)
        raise
    comparison = ComparisonResult(
        command=command,
        config=config,
        plan=Plan([{}], [result.run], 1),
        dataset=write.describe_dataset(dataset, missing),
        environment=environment,
        runs=[result],
        comparison=compare_runs([result]),
    )
    write.write_report(comparison, dataset, folder)
    terminal.print_report(comparison, terminal.make_console())
    if request.profile and result.status == "completed":
        from commands.profile import profile_more

        profile_more(name, variant, config, dataset, folder)
    print(terminal.describe_files(folder))
    return 0 if result.status == "completed" else 1
