"""`python -m pytorch_impl` and its twins: one implementation, run for a person."""

from pathlib import Path

from shared import report
from shared.clock import Clock
from shared.config import TrainConfig, UsageError
from shared.environment import describe_environment
from shared.outputs import abandon_output_dir, claim_output_dir, current_command
from shared.results import EpochResult
from shared.single_run import load, prepare, train_and_save


def run_alone(
    name: str,
    variant: str,
    config: TrainConfig,
    output_dir: Path | None,
    clock: Clock,
    profile: bool = False,
) -> int:
    """Run for a person: one line an epoch, pictures at the end; returns the exit status.

    Args:
        profile: train a few steps more, anew, and watch them.
    """
    with clock.phase("data"):
        config, notice = prepare(config)
    dataset = load(config, clock)
    command = current_command()
    folder = claim_output_dir(output_dir, command)
    environment = describe_environment()
    print(report.describe_job(config, dataset, notice))
    shown: list[EpochResult] = []

    def show(epoch: EpochResult) -> None:
        shown.append(epoch)
        print(report.epoch_line(f"{name}/{variant}", shown, config, dataset), flush=True)

    slug = f"{name}-{variant}"
    try:
        result = train_and_save(name, variant, config, dataset, clock, folder, slug, show)
    except UsageError:
        abandon_output_dir(folder)
        raise
    comparison = report.assemble(command, config, dataset, notice, environment, [result])
    report.write_report(comparison, dataset, folder)
    report.print_report(comparison, report.make_console())
    if profile and result.status == "completed":
        from shared.profiling import profile_more

        profile_more(name, variant, config, dataset, folder)
    print(report.describe_files(folder))
    return 0 if result.status == "completed" else 1
