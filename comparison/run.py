"""A comparison from beginning to end."""

from dataclasses import replace

from comparison.plan import (
    Request,
    plan_jobs,
    plan_runs,
    refuse_with_attribute,
    refuse_with_verify_only,
)
from shared.config import TrainConfig
from shared.errors import UsageError


def compare(request: Request) -> int:
    """Do what was asked for; returns the exit status.

    Raises:
        UsageError: the request can't be met; nothing was left behind.
    """
    if request.attribute:
        refuse_with_attribute(request)
    if request.verify_only:
        refuse_with_verify_only(request)
    runs, interpreters = plan_runs(request)
    # Only now: what reads data and draws pictures takes longer to import than --help may take.
    from comparison.floor import measure_floor, pool
    from comparison.jobs import run_jobs
    from comparison.verification import verify
    from report import sentences, terminal, write
    from report.progress import RunProgress
    from shared.checkpoints import refuse_existing
    from shared.clock import Clock
    from shared.environment import describe_environment
    from shared.outputs import abandon_output_dir, claim_output_dir, current_command
    from shared.results import Floor
    from shared.sampling import load, prepare

    configs = request.configs()
    first, notice = prepare(configs[0])
    # All downloading is done.
    configs = [replace(config, dataset=first.dataset, offline=True) for config in configs]
    config = configs[0]
    dataset = load(config, Clock())
    if request.attribute:
        from comparison.attribution import attribute

        return attribute(config, notice, request.repeats or 8, request.output_dir)
    jobs = plan_jobs(runs, interpreters, configs, request.repeats or 1)
    for job in jobs if not request.verify_only else ():
        refuse_existing(job.config, job.slug)
    console = terminal.make_console()
    command = current_command()
    if not request.verify_only:
        folder = claim_output_dir(request.output_dir, command)
    environment = describe_environment()
    terminal.say(console, sentences.describe_job(config, dataset, notice))
    verification = None
    if request.verify or request.verify_only:
        different = [run for run in runs if "#" not in run]
        try:
            verification = verify(different, interpreters, config, len(dataset.train_labels))
        except KeyboardInterrupt:
            if not request.verify_only:
                abandon_output_dir(folder)
            raise
        terminal.say(console, *sentences.describe_verification(verification, config.as_json()))
    if request.verify_only:
        return 0 if verification.passed else 1

    def measure(config: TrainConfig) -> list[Floor]:
        if not request.floor:
            return []
        terminal.say(console, "Timing the matrix products alone")
        try:
            return measure_floor(config, len(dataset.train_labels), interpreters)
        except (UsageError, ChildProcessError) as error:
            # The runs go on all the same.
            terminal.say(console, f"WARNING: a floor is missing: {error}")
            return []

    with RunProgress(console, config, dataset) as progress:
        results, probes, floors = run_jobs(jobs, folder, progress, measure)
    # Interrupted while the first floor was timed.
    if not probes:
        abandon_output_dir(folder)
        raise KeyboardInterrupt
    if all(result.status == "unavailable" for result in results):
        abandon_output_dir(folder)
        raise UsageError(" ".join(dict.fromkeys(result.error for result in results)))
    comparison = write.assemble(
        command, config, dataset, notice, environment, results, verification, pool(floors), probes
    )
    write.write_report(comparison, dataset, folder)
    terminal.print_report(comparison, console)
    terminal.say(console, terminal.describe_files(folder))
    if request.open:
        from report.page.page import PAGE, open_in_browser

        open_in_browser(folder / PAGE)
    verified = verification is None or verification.passed
    return 0 if verified and all(result.status == "completed" for result in results) else 1
